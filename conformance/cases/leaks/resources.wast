;; Resources of the host's that many calls make and drop: none is left, in any of the
;; ways in which they can end.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))
    (export "consume" (func (param "t" (own $thing)) (result u32)))
    (export "hold" (func (param "t" (own $thing))))
    (export "release" (func (result (own $thing))))))
  (alias export $host "thing" (type $thing))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $consume (canon lower (func $host "consume")))
  (core func $hold (canon lower (func $host "hold")))
  (core func $release (canon lower (func $host "release")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "consume" (func $consume (param i32) (result i32)))
    (import "" "hold" (func $hold (param i32)))
    (import "" "release" (func $release (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (result i32) (call $make (i32.const 1)))
    (func (export "many") (param i32)
      (loop $next
        (call $drop (call $make (i32.const 1)))
        (drop (call $consume (call $make (i32.const 2))))
        (call $hold (call $make (i32.const 3)))
        (call $drop (call $release))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "consume" (func $consume)) (export "hold" (func $hold))
    (export "release" (func $release)) (export "drop" (func $drop))))))
  (func (export "make") (result (own $thing)) (canon lift (core func $i "make")))
  (func (export "many") (param "n" u32) (canon lift (core func $i "many"))))
(component instance $guest $Guest)
;;@ things = { made = 3000, dropped = 3000 }
(assert_return (invoke "many" (u32.const 1000)))
;;@ repeat = 1000
;;@ keep = "it"
;;@ drop = ["it"]
;;@ log = ["drop 1"]
(invoke "make")
;;@ things = { made = 4003, dropped = 4003 }
;;@ poisoned = "no"
(assert_return (invoke "many" (u32.const 1)))
