;; A function that cleans up behind a call: it is called once, after the host has read
;; the result, and with the same flat value.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $cleaned (mut i32) (i32.const 0))
    (global $with (mut i32) (i32.const 0))
    (data (i32.const 8) "\20\00\00\00\04\00\00\00")
    (data (i32.const 32) "text")
    (func (export "text") (result i32)
      (i32.store (i32.const 32) (i32.const 0x74786574))
      (i32.const 8))
    (func (export "clean-text") (param i32)
      (i32.store (i32.const 32) (i32.const 0x21212121))
      (global.set $with (local.get 0))
      (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1))))
    (func (export "number") (result i64) (i64.const 5))
    (func (export "clean-number") (param i64)
      (global.set $with (i32.wrap_i64 (local.get 0)))
      (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1))))
    (func (export "cleaned") (result i32)
      (i32.add (i32.mul (global.get $cleaned) (i32.const 100)) (global.get $with))))
  (core instance $i (instantiate $m))
  (func (export "text") (result string)
    (canon lift (core func $i "text") (memory $i "memory") (post-return (func $i "clean-text"))))
  (func (export "number") (result u64)
    (canon lift (core func $i "number") (post-return (func $i "clean-number"))))
  (func (export "cleaned") (result u32) (canon lift (core func $i "cleaned"))))

(assert_return (invoke "cleaned") (u32.const 0))
(assert_return (invoke "text") (str.const "text"))
(assert_return (invoke "cleaned") (u32.const 108))
(assert_return (invoke "number") (u64.const 5))
(assert_return (invoke "cleaned") (u32.const 205))
(assert_return (invoke "text") (str.const "text"))
(assert_return (invoke "cleaned") (u32.const 308))

;; Nobody cleans up behind a result that is refused.
(component
  (core module $m
    (func (export "char") (result i32) (i32.const 0x110000))
    (func (export "clean") (param i32) (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "char") (result char)
    (canon lift (core func $i "char") (post-return (func $i "clean")))))
;;@ error.trap = "invalid-char"
(assert_trap (invoke "char") "invalid `char` bit pattern")
