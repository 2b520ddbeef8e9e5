;;! limits.deadline-ms = 10000
;;! limits.fuel = 10000

;; What a call has consumed that traps: up to the last point at which its function
;; had to tell.

(component definition $Guest
  (core module $m
    (memory 1 1)
    (func $burn (param i32)
      (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "unreachable") (call $burn (i32.const 10)) (unreachable))
    (func (export "divide") (call $burn (i32.const 10))
      (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "load") (call $burn (i32.const 10)) (drop (i32.load (i32.const -1))))
    (func (export "leaf") (local i32)
      (local.set 0 (i32.const 10))
      (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (drop (i32.div_u (i32.const 1) (local.get 0)))))
  (core instance $i (instantiate $m))
  (func (export "unreachable") (canon lift (core func $i "unreachable")))
  (func (export "divide") (canon lift (core func $i "divide")))
  (func (export "load") (canon lift (core func $i "load")))
  (func (export "leaf") (canon lift (core func $i "leaf"))))
(component instance $g $Guest)
;;@ call.fuel = 54
(assert_trap (invoke "unreachable") "unreachable")
(component instance $g $Guest)
;;@ call.fuel = 54
(assert_trap (invoke "divide") "integer divide by zero")
(component instance $g $Guest)
;;@ call.fuel = 54
(assert_trap (invoke "load") "out of bounds memory access")
(component instance $g $Guest)
;;@ call.fuel = 0
(assert_trap (invoke "leaf") "integer divide by zero")
