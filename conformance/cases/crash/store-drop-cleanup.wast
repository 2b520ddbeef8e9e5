;; A store that ends takes what it held with it: after a crash, after a success, and
;; with a call that was given up in the middle.

;;! async = true

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "never" (func))))
  (core func $never (canon lower (func $host "never")))
  (core module $m
    (import "" "never" (func $never))
    (func (export "fine") (result i32) (i32.const 1))
    (func (export "crash") unreachable)
    (func (export "never") (call $never)))
  (core instance $i (instantiate $m (with "" (instance (export "never" (func $never))))))
  (func (export "fine") (result u32) (canon lift (core func $i "fine")))
  (func (export "crash") (canon lift (core func $i "crash")))
  (func (export "never") (canon lift (core func $i "never"))))

;;@ stores = 1
(component instance $fine $Guest)
;;@ stores = 2
(component instance $crash $Guest)
;;@ stores = 3
(component instance $never $Guest)
;;@ drop-store = true
;;@ stores = 2
(assert_return (invoke $fine "fine") (u32.const 1))
;;@ drop-store = true
;;@ stores = 1
(assert_trap (invoke $crash "crash") "unreachable")
;; The host's future goes with the call.
;;@ abandon-after = 2
;;@ waiting = 0
;;@ poisoned = "cancelled"
(invoke $never "never")
;;@ drop-store = true
;;@ stores = 0
(assert_trap (invoke $never "fine") "poisoned: cancelled")
