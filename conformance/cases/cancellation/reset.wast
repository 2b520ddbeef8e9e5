;;! uneven-fuel = true
;;! limits.deadline-ms = 5000

;; A cancellation stays until it is taken back; one that came before any guest ran
;; costs the store nothing.

(component definition $Guest
  (core module $m (func (export "fine") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))
(component instance $guest $Guest)
;;@ cancel = "before"
;;@ poisoned = "no"
(assert_trap (invoke "fine") "cancelled")
;;@ repeat = 3
;;@ poisoned = "no"
(assert_trap (invoke "fine") "cancelled")
;;@ reset-cancel = true
;;@ poisoned = "no"
(assert_return (invoke "fine") (u32.const 3))
(assert_return (invoke "fine") (u32.const 3))
