;;! limits.memory = "192KiB"
;;! limits.instances = 3

;; Instances that are linked to each other live in one store: what they have is
;; counted together, and what ends one of them ends all. Another store is not touched.

(component definition $Provider
  (core module $m
    (memory 1)
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 100) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "double") (param "v" u32) (result u32) (canon lift (core func $i "double")))
  (func (export "divide") (param "v" u32) (result u32) (canon lift (core func $i "divide"))))
(component definition $User
  (import "provider" (instance $p
    (export "double" (func (param "v" u32) (result u32)))
    (export "divide" (func (param "v" u32) (result u32)))))
  (core func $double (canon lower (func $p "double")))
  (core func $divide (canon lower (func $p "divide")))
  (core module $m
    (import "" "double" (func $double (param i32) (result i32)))
    (import "" "divide" (func $divide (param i32) (result i32)))
    (memory 1)
    (func (export "quadruple") (param i32) (result i32) (call $double (call $double (local.get 0))))
    (func (export "divide") (param i32) (result i32) (call $divide (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance
    (export "double" (func $double)) (export "divide" (func $divide))))))
  (func (export "quadruple") (param "v" u32) (result u32) (canon lift (core func $i "quadruple")))
  (func (export "divide") (param "v" u32) (result u32) (canon lift (core func $i "divide")))
  (func (export "grow") (result s32) (canon lift (core func $i "grow"))))

(component instance $alone $Provider)
;;@ usage.memory = "64KiB"
;;@ stores = 2
(component instance $provider $Provider)
(register "provider" $provider)
;;@ usage.memory = "128KiB"
;;@ stores = 2
(component instance $one $User)
(assert_return (invoke $one "quadruple" (u32.const 5)) (u32.const 20))
;;@ usage.memory = "192KiB"
(component instance $two $User)
(assert_return (invoke $two "quadruple" (u32.const 6)) (u32.const 24))
;;@ usage.memory = "192KiB"
;;@ usage.growth-refused = 1
(assert_return (invoke $one "grow") (s32.const -1))
(assert_return (invoke $one "divide" (u32.const 4)) (u32.const 25))
;;@ error.trap = "integer-division-by-zero"
;;@ poisoned = "trap"
(assert_trap (invoke $one "divide" (u32.const 0)) "integer divide by zero")
(assert_trap (invoke $one "quadruple" (u32.const 1)) "poisoned: trap: integer divide by zero")
(assert_trap (invoke $two "quadruple" (u32.const 1)) "poisoned: trap: integer divide by zero")
(assert_trap (invoke $provider "double" (u32.const 1)) "poisoned: trap: integer divide by zero")
;;@ usage.memory = "64KiB"
;;@ poisoned = "no"
(assert_return (invoke $alone "divide" (u32.const 20)) (u32.const 5))
