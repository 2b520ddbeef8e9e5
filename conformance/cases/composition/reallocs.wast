;; Space for what the host passes is asked of the instance that gets it, and of no other
;; one in the component.

(component
  (component $A
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
      (func (export "at") (param i32 i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "at") (param "text" string) (result u32)
      (canon lift (core func $i "at") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $B
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 128))
      (func (export "at") (param i32 i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "at") (param "text" string) (result u32)
      (canon lift (core func $i "at") (memory $i "memory") (realloc (func $i "realloc")))))
  (instance $a (instantiate $A))
  (instance $b (instantiate $B))
  (export "a" (func $a "at"))
  (export "b" (func $b "at")))

(assert_return (invoke "a" (str.const "x")) (u32.const 64))
(assert_return (invoke "b" (str.const "x")) (u32.const 128))
(assert_return (invoke "a" (str.const "y")) (u32.const 64))
