;; Ten guests crash while they hold the host's resources: what they gave back was
;; dropped once, what they held is not touched by a guest again, and the store takes
;; all of its own with it.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))
    (export "consume" (func (param "t" (own $thing)) (result u32)))))
  (alias export $host "thing" (type $thing))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $consume (canon lower (func $host "consume")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "consume" (func $consume (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    ;; Makes three, drops one, gives one to the host, keeps one, and crashes.
    (func (export "crash") (local i32 i32 i32)
      (local.set 0 (call $make (i32.const 10)))
      (local.set 1 (call $make (i32.const 20)))
      (local.set 2 (call $make (i32.const 30)))
      (call $drop (local.get 0))
      (drop (call $consume (local.get 1)))
      (unreachable))
    ;; The same without a crash.
    (func (export "finish") (local i32 i32 i32)
      (local.set 0 (call $make (i32.const 10)))
      (local.set 1 (call $make (i32.const 20)))
      (local.set 2 (call $make (i32.const 30)))
      (call $drop (local.get 0))
      (drop (call $consume (local.get 1)))
      (call $drop (local.get 2))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "consume" (func $consume)) (export "drop" (func $drop))))))
  (func (export "crash") (canon lift (core func $i "crash")))
  (func (export "finish") (canon lift (core func $i "finish"))))

;;@ repeat = 10
(thread $ten
  (component instance $guest $Guest)
  ;;@ log = ["drop 10", "drop 20"]
  ;;@ things = { made = 3, dropped = 2 }
  ;;@ call.host-calls = 5
  (assert_trap (invoke "crash") "unreachable")
  ;;@ log = []
  ;;@ things = { made = 3, dropped = 2 }
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_trap (invoke "finish") "poisoned: trap: `unreachable` was executed")
  (component instance $next $Guest)
  ;;@ log = ["drop 10", "drop 20", "drop 30"]
  ;;@ things = { made = 6, dropped = 5 }
  (assert_return (invoke "finish")))
(wait $ten)
