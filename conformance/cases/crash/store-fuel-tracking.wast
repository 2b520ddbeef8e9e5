;;! limits.fuel = 500

;; A store knows its fuel: what was consumed in sum and by each call, and what is
;; left, which the guest's host can see and set while it lives.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "fuel-left" (func (result u64)))))
  (core func $left (canon lower (func $host "fuel-left")))
  (core module $m
    (import "" "left" (func $left (result i64)))
    (func (export "left") (result i64) (call $left))
    (func (export "burn") (param i32)
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m (with "" (instance (export "left" (func $left))))))
  (func (export "left") (result u64) (canon lift (core func $i "left")))
  (func (export "burn") (param "n" u32) (canon lift (core func $i "burn"))))

;;@ usage.fuel = 0
(component instance $guest $Guest)
;;@ call.fuel = 2
(assert_return (invoke "left") (u64.const 498))
;;@ call.fuel = 51
;;@ usage.fuel = 53
(assert_return (invoke "burn" (u32.const 10)))
(assert_return (invoke "left") (u64.const 445))
;; Refilled, it goes on counting.
;;@ set-fuel = 1000
;;@ usage.fuel = 57
(assert_return (invoke "left") (u64.const 998))
;;@ set-fuel = 10
;;@ usage.fuel = 67
;;@ error.consumed = 10
;;@ poisoned = "out-of-fuel"
(assert_trap (invoke "burn" (u32.const 1000)) "out of fuel")
