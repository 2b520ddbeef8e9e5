;; A trap in a component that another one calls ends the call with its own code, and
;; everything in the store.

(component definition $Composed
  (component $Inner
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
      (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 100) (local.get 0)))
      (func (export "take") (param i32 i32) (result i32) (local.get 1)))
    (core instance $i (instantiate $m))
    (func (export "divide") (param "v" u32) (result u32) (canon lift (core func $i "divide")))
    (func (export "take") (param "text" string) (result u32)
      (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $Outer
    (import "inner" (instance $inner
      (export "divide" (func (param "v" u32) (result u32)))
      (export "take" (func (param "text" string) (result u32)))))
    (core module $libc (memory (export "memory") 1) (data (i32.const 0) "\ff\fe ok"))
    (core instance $libc (instantiate $libc))
    (core func $divide (canon lower (func $inner "divide")))
    (core func $take (canon lower (func $inner "take") (memory $libc "memory")))
    (core module $m
      (import "" "divide" (func $divide (param i32) (result i32)))
      (import "" "take" (func $take (param i32 i32) (result i32)))
      (func (export "divide") (param i32) (result i32) (call $divide (local.get 0)))
      (func (export "take") (param i32 i32) (result i32) (call $take (local.get 0) (local.get 1)))
      (func (export "fine") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m (with "" (instance
      (export "divide" (func $divide)) (export "take" (func $take))))))
    (func (export "divide") (param "v" u32) (result u32) (canon lift (core func $i "divide")))
    (func (export "take") (param "at" u32) (param "len" u32) (result u32)
      (canon lift (core func $i "take")))
    (func (export "fine") (result u32) (canon lift (core func $i "fine"))))
  (instance $inner (instantiate $Inner))
  (instance $outer (instantiate $Outer (with "inner" (instance $inner))))
  (export "divide" (func $outer "divide"))
  (export "take" (func $outer "take"))
  (export "fine" (func $outer "fine")))

(component instance $c $Composed)
(assert_return (invoke "divide" (u32.const 7)) (u32.const 14))
;;@ error.trap = "integer-division-by-zero"
;;@ poisoned = "trap"
(assert_trap (invoke "divide" (u32.const 0)) "integer divide by zero")
(assert_trap (invoke "fine") "poisoned: trap: integer divide by zero")
;; What is passed is looked at on the way.
(component instance $c $Composed)
(assert_return (invoke "take" (u32.const 2) (u32.const 3)) (u32.const 3))
;;@ error.trap = "invalid-string"
(assert_trap (invoke "take" (u32.const 0) (u32.const 2)) "invalid utf-8")
(component instance $c $Composed)
;;@ error.trap = "string-out-of-bounds"
(assert_trap (invoke "take" (u32.const 65536) (u32.const 1)) "string content out-of-bounds")
(assert_trap (invoke "fine") "poisoned: trap:")
