;;! uneven-fuel = true
;;! limits.deadline-ms = 5000

;; A store that was cancelled enters no guest, until the cancellation is taken back:
;; it says so again and again, and is not ended by a guest that never ran.

(component definition $Guest
  (core module $m
    (global $calls (mut i32) (i32.const 0))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls)))
  (core instance $i (instantiate $m))
  (func (export "count") (result u32) (canon lift (core func $i "count"))))
(component instance $guest $Guest)
(component instance $other $Guest)
(assert_return (invoke $guest "count") (u32.const 1))
;;@ cancel = "before"
;;@ error.kind = "cancelled"
(assert_trap (invoke $guest "count") "cancelled")
;;@ poisoned = "no"
(assert_return (invoke $other "count") (u32.const 1))
;; So does one whose guest is still to be made.
;;@ cancel = "before"
(assert_trap
  (component
    (core module $m (func $start) (start $start))
    (core instance (instantiate $m)))
  "cancelled")
