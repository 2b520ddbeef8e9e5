;;! async = true

;; Calls that wait and are given up, again and again: no future of the host's is left,
;; and no store.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "never" (func))
    (export "pause" (func (param "turns" u32) (result u32)))))
  (core func $never (canon lower (func $host "never")))
  (core func $pause (canon lower (func $host "pause")))
  (core module $m
    (import "" "never" (func $never))
    (import "" "pause" (func $pause (param i32) (result i32)))
    (func (export "never") (call $never))
    (func (export "pause") (param i32) (result i32) (call $pause (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance
    (export "never" (func $never)) (export "pause" (func $pause))))))
  (func (export "never") (canon lift (core func $i "never")))
  (func (export "pause") (param "turns" u32) (result u32) (canon lift (core func $i "pause"))))
;;@ threads = 2
;;@ repeat = 50
(thread $two
  (component instance $guest $Guest)
  ;;@ repeat = 5
  ;;@ waiting = 0
  (assert_return (invoke "pause" (u32.const 3)) (u32.const 3))
  ;;@ abandon-after = 2
  ;;@ waiting = 0
  ;;@ poisoned = "cancelled"
  ;;@ drop-store = true
  ;;@ stores = 0
  (invoke "never"))
(wait $two)
