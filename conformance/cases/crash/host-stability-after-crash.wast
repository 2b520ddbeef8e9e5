;; After every kind of crash the host compiles, instantiates and calls as before.

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

(component instance $a $Guest)
(assert_trap (invoke $a "divide" (u32.const 1) (u32.const 0)) "integer divide by zero")
(component instance $b $Guest)
(assert_trap (invoke $b "abort") "unreachable")
(component instance $c $Guest)
(assert_trap (invoke $c "load" (u32.const 0xfffffff0)) "out of bounds memory access")
(assert_trap
  (component
    (core module $m (func $start unreachable) (start $start))
    (core instance (instantiate $m)))
  "unreachable")
(assert_trap
  (component
    (core module $m (memory 1) (data (i32.const 65536) "x"))
    (core instance (instantiate $m)))
  "out of bounds memory access")
(assert_trap
  (component
    (core module $m (table 1 funcref) (func $f) (elem (i32.const 1) func $f))
    (core instance (instantiate $m)))
  "out of bounds table access")
;; A new component, compiled now.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "length") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "length") (param "text" string) (result u32)
    (canon lift (core func $i "length") (memory $i "memory") (realloc (func $i "realloc")))))
(assert_return (invoke "length" (str.const "still here")) (u32.const 10))
;; And the old one, in a new store.
(component instance $d $Guest)
;;@ repeat = 100
(assert_return (invoke $d "divide" (u32.const 1000) (u32.const 8)) (u32.const 125))
(assert_return (invoke $d "count") (u32.const 1))
