;; What one component passes to another is looked at on the way: a discriminant that
;; its type does not have is a trap of its own, and so is a character that is none.

(component definition $Composed
  (component $Inner
    (core module $m
      (func (export "option") (param i32 i32) (result i32)
        (i32.add (i32.mul (local.get 0) (i32.const 100)) (local.get 1)))
      (func (export "char") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "option") (param "v" (option u32)) (result u32)
      (canon lift (core func $i "option")))
    (func (export "char") (param "v" char) (result u32) (canon lift (core func $i "char"))))
  (component $Outer
    (import "inner" (instance $inner
      (export "option" (func (param "v" (option u32)) (result u32)))
      (export "char" (func (param "v" char) (result u32)))))
    (core func $option (canon lower (func $inner "option")))
    (core func $char (canon lower (func $inner "char")))
    (core module $m
      (import "" "option" (func $option (param i32 i32) (result i32)))
      (import "" "char" (func $char (param i32) (result i32)))
      (func (export "option") (param i32) (result i32) (call $option (local.get 0) (i32.const 7)))
      (func (export "char") (param i32) (result i32) (call $char (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "option" (func $option)) (export "char" (func $char))))))
    (func (export "option") (param "discriminant" u32) (result u32)
      (canon lift (core func $i "option")))
    (func (export "char") (param "code" u32) (result u32) (canon lift (core func $i "char"))))
  (instance $inner (instantiate $Inner))
  (instance $outer (instantiate $Outer (with "inner" (instance $inner))))
  (export "option" (func $outer "option"))
  (export "char" (func $outer "char")))

(component instance $c $Composed)
(assert_return (invoke "option" (u32.const 1)) (u32.const 107))
(assert_return (invoke "option" (u32.const 0)) (u32.const 0))
;;@ error.trap = "invalid-discriminant"
(assert_trap (invoke "option" (u32.const 2)) "invalid variant discriminant")
(component instance $c $Composed)
(assert_return (invoke "char" (u32.const 0x10ffff)) (u32.const 0x10ffff))
;;@ error.trap = "invalid-char"
(assert_trap (invoke "char" (u32.const 0xd800)) "invalid `char` bit pattern")
