;; A guest divides by zero: the host gets the trap, by its code, and goes on.

(component definition $Guest
  (core module $m
    (memory 1)
    (global $calls (mut i32) (i32.const 0))
    (func (export "divide") (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
    (func (export "abort") (i32.store (i32.const 0) (i32.const 7)) unreachable)
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls)))
  (core instance $i (instantiate $m))
  (func (export "divide") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "divide")))
  (func (export "abort") (canon lift (core func $i "abort")))
  (func (export "load") (param "at" u32) (result u32) (canon lift (core func $i "load")))
  (func (export "count") (result u32) (canon lift (core func $i "count"))))

(component instance $guest $Guest)
(assert_return (invoke "divide" (u32.const 42) (u32.const 6)) (u32.const 7))
;;@ error.kind = "trap"
;;@ error.trap = "integer-division-by-zero"
;;@ poisoned = "trap"
(assert_trap (invoke "divide" (u32.const 42) (u32.const 0)) "integer divide by zero")
;; The store is ended and says by what; nothing in it runs again.
;;@ error.kind = "poisoned"
(assert_trap (invoke "divide" (u32.const 42) (u32.const 6)) "poisoned: trap: integer divide by zero")
(assert_trap (invoke "count") "poisoned: trap: integer divide by zero")
;; The component is as good as it was.
(component instance $again $Guest)
(assert_return (invoke "divide" (u32.const 42) (u32.const 6)) (u32.const 7))
(assert_return (invoke "count") (u32.const 1))
