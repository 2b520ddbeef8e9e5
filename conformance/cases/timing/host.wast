;;! uneven-fuel = true
;;! retries = 1
;;! async = true

;; Deadlines and cancellation are in time where the guest waits for the host.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "never" (func))
    (export "nothing" (func))))
  (core func $never (canon lower (func $host "never")))
  (core func $nothing (canon lower (func $host "nothing")))
  (core module $m
    (import "" "never" (func $never))
    (import "" "nothing" (func $nothing))
    (func (export "never") (call $never))
    (func (export "calls") (loop $l (call $nothing) (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "never" (func $never)) (export "nothing" (func $nothing))))))
  (func (export "never") (canon lift (core func $i "never")))
  (func (export "calls") (canon lift (core func $i "calls"))))
;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "never") "deadline exceeded")
;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "calls") "deadline exceeded")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.late-ms = 50
(assert_trap (invoke "never") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.late-ms = 50
(assert_trap (invoke "calls") "cancelled")
