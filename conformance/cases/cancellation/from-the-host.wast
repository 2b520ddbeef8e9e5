;;! uneven-fuel = true
;;! limits.deadline-ms = 5000

;; A host function cancels the store that it is called from: at once, when it
;; returns, and soon, by another thread.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "cancel" (func))
    (export "cancel-soon" (func))
    (export "nothing" (func))
    (export "note-number" (func (param "number" u32)))))
  (core func $cancel (canon lower (func $host "cancel")))
  (core func $soon (canon lower (func $host "cancel-soon")))
  (core func $nothing (canon lower (func $host "nothing")))
  (core func $note (canon lower (func $host "note-number")))
  (core module $m
    (import "" "cancel" (func $cancel))
    (import "" "soon" (func $soon))
    (import "" "nothing" (func $nothing))
    (import "" "note" (func $note (param i32)))
    (func (export "cancel")
      (call $note (i32.const 1))
      (call $cancel)
      (call $note (i32.const 2)))
    (func (export "soon") (call $soon) (loop $l (br $l)))
    (func (export "calls") (call $soon) (loop $l (call $nothing) (br $l)))
    (func (export "fine") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m (with "" (instance
    (export "cancel" (func $cancel)) (export "soon" (func $soon))
    (export "nothing" (func $nothing)) (export "note" (func $note))))))
  (func (export "cancel") (canon lift (core func $i "cancel")))
  (func (export "soon") (canon lift (core func $i "soon")))
  (func (export "calls") (canon lift (core func $i "calls")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))
(component instance $other $Guest)
(component instance $guest $Guest)
;; What comes behind the call that cancelled is not done.
;;@ log = ["1"]
;;@ call.host-calls = 2
;;@ poisoned = "cancelled"
(assert_trap (invoke $guest "cancel") "cancelled")
(component instance $soon $Guest)
;;@ poisoned = "cancelled"
(assert_trap (invoke $soon "soon") "cancelled")
(component instance $calls $Guest)
;;@ poisoned = "cancelled"
(assert_trap (invoke $calls "calls") "cancelled")
;;@ poisoned = "no"
(assert_return (invoke $other "fine") (u32.const 3))
