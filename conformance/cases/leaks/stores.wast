;; Stores end when they are dropped, whatever was in them: fresh, used, poisoned, and
;; those whose guest could not be made.

;;! limits.memory = "1MiB"

(component definition $Guest
  (core module $m
    (memory 4)
    (table 100 funcref)
    (func (export "fine") (result i32) (i32.const 1))
    (func (export "crash") unreachable))
  (core instance $i (instantiate $m))
  (func (export "fine") (result u32) (canon lift (core func $i "fine")))
  (func (export "crash") (canon lift (core func $i "crash"))))
;;@ threads = 4
;;@ repeat = 100
(thread $four
  ;;@ drop-store = true
  ;;@ stores = 0
  (component instance $fresh $Guest)
  (component instance $used $Guest)
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_return (invoke $used "fine") (u32.const 1))
  (component instance $crashed $Guest)
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_trap (invoke $crashed "crash") "unreachable")
  ;;@ limits.memory = "64KiB"
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_trap
    (component
      (core module $m (memory 4))
      (core instance (instantiate $m)))
    "memory limit reached"))
(wait $four)
;;@ repeat = 500
;;@ stores = 1
;;@ usage = { memory = "256KiB", table-elements = 100 }
(component instance $guest $Guest)
(assert_return (invoke "fine") (u32.const 1))
