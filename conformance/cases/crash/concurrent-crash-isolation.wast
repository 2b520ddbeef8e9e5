;;! uneven-fuel = true

;; Ten threads at once: on each, guests crash in every way while another one on the
;; same thread keeps its state and its results.

(component definition $Deep
  (core module $m
    (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func (export "deep") (result u32) (canon lift (core func $i "deep"))))
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

;;@ threads = 10
;;@ repeat = 10
(thread $ten
  (component instance $steady $Guest)
  (component instance $a $Guest)
  (component instance $b $Guest)
  (component instance $c $Guest)
  (component instance $d $Deep)
  (assert_return (invoke $steady "count") (u32.const 1))
  (assert_trap (invoke $a "divide" (u32.const 1) (u32.const 0)) "integer divide by zero")
  (assert_return (invoke $steady "count") (u32.const 2))
  (assert_trap (invoke $b "abort") "unreachable")
  (assert_return (invoke $steady "divide" (u32.const 91) (u32.const 7)) (u32.const 13))
  (assert_trap (invoke $c "load" (u32.const 65533)) "out of bounds memory access")
  (assert_trap (invoke $d "deep") "call stack exhausted")
  (assert_return (invoke $steady "load" (u32.const 0)) (u32.const 0))
  (assert_trap (invoke $a "count") "poisoned: trap: integer divide by zero")
  (assert_trap (invoke $d "deep") "poisoned: trap: call stack exhausted")
  (assert_return (invoke $steady "count") (u32.const 3)))
(wait $ten)
