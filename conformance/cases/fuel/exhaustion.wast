;;! limits.deadline-ms = 10000
;;! limits.fuel = 1000

;; With exactly what a call needs it ends; with one unit less it stops, having
;; consumed what it had.

(component definition $Guest
  (core module $m
    (func $fib (export "fib") (param i32) (result i32)
      (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
        (then (local.get 0))
        (else
          (i32.add
            (call $fib (i32.sub (local.get 0) (i32.const 1)))
            (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "loop") (param i32)
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m))
  (func (export "fib") (param "n" u32) (result u32) (canon lift (core func $i "fib")))
  (func (export "loop") (param "n" u32) (canon lift (core func $i "loop"))))

(component instance $guest $Guest)
;;@ set-fuel = 100000
;;@ call.fuel = 1766
(assert_return (invoke "fib" (u32.const 10)) (u32.const 55))
;; What a call needs is told by its last check, which is before its last operators.
(component instance $enough $Guest)
;;@ set-fuel = 1757
;;@ call.fuel = 1757
(assert_return (invoke "fib" (u32.const 10)) (u32.const 55))
(component instance $short $Guest)
;;@ set-fuel = 1756
;;@ error.consumed = 1756
;;@ call.fuel = 1756
;;@ poisoned = "out-of-fuel"
(assert_trap (invoke "fib" (u32.const 10)) "out of fuel")
(component instance $loop $Guest)
;;@ set-fuel = 5001
;;@ call.fuel = 5001
(assert_return (invoke "loop" (u32.const 1000)))
(component instance $loop $Guest)
;;@ set-fuel = 4000
;;@ call.fuel = 4000
;;@ error.consumed = 4000
(assert_trap (invoke "loop" (u32.const 1000)) "out of fuel")
;; Without any, a guest is not entered.
(component instance $none $Guest)
;;@ set-fuel = 0
;;@ usage.fuel = 0
;;@ error.consumed = 0
(assert_trap (invoke "loop" (u32.const 1)) "out of fuel")
