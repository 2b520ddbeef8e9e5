;; A guest gives up: `unreachable`, in an export and in a start function.

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
(assert_return (invoke "count") (u32.const 1))
;;@ error.kind = "trap"
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke "abort") "unreachable")
;;@ poisoned = "trap"
(assert_trap (invoke "count") "poisoned: trap: `unreachable` was executed")
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap
  (component
    (core module $m
      (func $start unreachable)
      (start $start))
    (core instance (instantiate $m)))
  "unreachable")
(component instance $again $Guest)
(assert_return (invoke "load" (u32.const 0)) (u32.const 0))
(assert_return (invoke "count") (u32.const 1))
