;;! limits.handles = 3

;; Handles are counted while they live, those of the host's resources and those of
;; borrows too: as many as are allowed, and again as many when they are gone.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))))
  (alias export $host "thing" (type $thing))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "drop") (param i32) (call $drop (local.get 0)))
    (func (export "cycle") (param i32)
      (loop $next
        (call $drop (call $make (i32.const 1)))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "make") (param "v" u32) (result u32) (canon lift (core func $i "make")))
  (func (export "drop") (param "handle" u32) (canon lift (core func $i "drop")))
  (func (export "cycle") (param "n" u32) (canon lift (core func $i "cycle"))))
(component instance $guest $Guest)
(assert_return (invoke "make" (u32.const 1)) (u32.const 1))
(assert_return (invoke "make" (u32.const 2)) (u32.const 2))
;;@ things = { made = 1002, dropped = 1000 }
(assert_return (invoke "cycle" (u32.const 1000)))
(assert_return (invoke "make" (u32.const 3)) (u32.const 3))
(assert_return (invoke "drop" (u32.const 2)))
(assert_return (invoke "make" (u32.const 4)) (u32.const 2))
;;@ error.kind = "resource-limit"
;;@ error.limit = 3
;;@ error.what = "resource handles"
;;@ poisoned = "resource-limit"
(assert_trap (invoke "make" (u32.const 5)) "limit on resource handles reached: 3 allowed")
(assert_trap (invoke "drop" (u32.const 1)) "poisoned: limit on resource handles reached")
;; Another store has its own.
(component instance $other $Guest)
(assert_return (invoke "make" (u32.const 1)) (u32.const 1))
(assert_return (invoke "cycle" (u32.const 10)))
