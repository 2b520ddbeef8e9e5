;;! limits.fuel = 1000000

;; A small program runs within default limits and says hello.

(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "hello, ")
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (local.get 3))))
    (func (export "hello") (param $name i32) (param $len i32) (result i32)
      (memory.copy (i32.const 512) (i32.const 16) (i32.const 7))
      (memory.copy (i32.const 519) (local.get $name) (local.get $len))
      (i32.store (i32.const 8) (i32.const 512))
      (i32.store (i32.const 12) (i32.add (local.get $len) (i32.const 7)))
      (i32.const 8)))
  (core instance $i (instantiate $m))
  (func (export "hello") (param "name" string) (result string)
    (canon lift (core func $i "hello") (memory $i "memory") (realloc (func $i "realloc")))))
;;@ call.fuel = 36
(assert_return (invoke "hello" (str.const "world")) (str.const "hello, world"))
(assert_return (invoke "hello" (str.const "w\c3\b6rld")) (str.const "hello, w\c3\b6rld"))
