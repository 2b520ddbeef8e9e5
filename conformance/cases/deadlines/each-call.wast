;;! uneven-fuel = true

;; A deadline is for each call and not for the store: calls that sleep for less than
;; it may go on for longer in sum. And what ends a call is the guest's deadline, not a
;; deadline that an earlier call had.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "sleep" (func (param "ms" u32)))))
  (core func $sleep (canon lower (func $host "sleep")))
  (core module $m
    (import "" "sleep" (func $sleep (param i32)))
    (func (export "sleep") (param i32) (result i32) (call $sleep (local.get 0)) (i32.const 1))
    (func (export "spin") (loop $l (br $l))))
  (core instance $i (instantiate $m (with "" (instance (export "sleep" (func $sleep))))))
  (func (export "sleep") (param "ms" u32) (result u32) (canon lift (core func $i "sleep")))
  (func (export "spin") (canon lift (core func $i "spin"))))
;; Ten minutes are never over; the sum of what is slept is beyond any single one
;; that a backend could mistake for it only if it counted in milliseconds.
;;@ limits.deadline-ms = 600000
(component instance $guest $Guest)
;;@ repeat = 10
;;@ poisoned = "no"
(assert_return (invoke "sleep" (u32.const 3)) (u32.const 1))
;; Two stores, two deadlines: the endless guest is stopped by its own, the other one
;; not at all.
;;@ limits.deadline-ms = 200
(component instance $short $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke $short "spin") "deadline exceeded")
;;@ poisoned = "no"
(assert_return (invoke $guest "sleep" (u32.const 30)) (u32.const 1))
