;;! uneven-fuel = true
;;! async = true
;;! limits.deadline-ms = 5000

;; Calls that wait for the host are cancelled, and calls that are given up cancel
;; their store: no future of the host's outlives them.

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
    (func (export "pauses") (loop $l (drop (call $pause (i32.const 1))) (br $l)))
    (func (export "pause") (param i32) (result i32) (call $pause (local.get 0)))
    (func (export "spin") (loop $l (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "never" (func $never)) (export "pause" (func $pause))))))
  (func (export "never") (canon lift (core func $i "never")))
  (func (export "pauses") (canon lift (core func $i "pauses")))
  (func (export "pause") (param "turns" u32) (result u32) (canon lift (core func $i "pause")))
  (func (export "spin") (canon lift (core func $i "spin"))))

(component instance $never $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
;;@ waiting = 0
(assert_trap (invoke "never") "cancelled")
(component instance $pauses $Guest)
;;@ cancel = "meanwhile"
;;@ waiting = 0
(assert_trap (invoke "pauses") "cancelled")
(component instance $spin $Guest)
;;@ cancel = "meanwhile"
(assert_trap (invoke "spin") "cancelled")
;; Given up while it waits: the store is ended as if it had been cancelled.
(component instance $given-up $Guest)
(assert_return (invoke "pause" (u32.const 5)) (u32.const 5))
;;@ abandon-after = 3
;;@ waiting = 0
;;@ poisoned = "cancelled"
(invoke "pause" (u32.const 100))
(assert_trap (invoke "pause" (u32.const 1)) "poisoned: cancelled")
;; Given up before it was polled: nothing was begun.
(component instance $unpolled $Guest)
;;@ abandon-after = 0
;;@ waiting = 0
;;@ poisoned = "no"
(invoke "pause" (u32.const 100))
(assert_return (invoke "pause" (u32.const 2)) (u32.const 2))
