;;! limits.memory = "128KiB"

;; One guest that is called ten thousand times keeps its state and no more memory.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $next))
    (func (export "count") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 1)))
      (i32.load (i32.const 0))))
  (core instance $i (instantiate $m))
  (func (export "count") (param "text" string) (result u32)
    (canon lift (core func $i "count") (memory $i "memory") (realloc (func $i "realloc")))))
;;@ usage.memory = "64KiB"
(assert_return (invoke "count" (str.const "")) (u32.const 0))
;;@ repeat = 9998
;;@ usage.memory = "64KiB"
;;@ usage.memory-peak = "64KiB"
;;@ usage.growth-refused = 0
(invoke "count" (str.const "ten bytes."))
(assert_return (invoke "count" (str.const "x")) (u32.const 99981))
