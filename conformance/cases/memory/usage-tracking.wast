;;! limits.memory = "1MiB"

;; What a store says that it uses is what its guests have: all memories of all
;; instances, now and at most, and what was refused.

(component definition $Two
  (core module $m
    (memory $a 1)
    (memory $b 2)
    (table $t 3 funcref)
    (func (export "grow-a") (param i32) (result i32) (memory.grow $a (local.get 0)))
    (func (export "grow-b") (param i32) (result i32) (memory.grow $b (local.get 0)))
    (func (export "grow-t") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (core instance $j (instantiate $m))
  (func (export "grow-a") (param "n" u32) (result s32) (canon lift (core func $i "grow-a")))
  (func (export "grow-b") (param "n" u32) (result s32) (canon lift (core func $j "grow-b")))
  (func (export "grow-t") (param "n" u32) (result s32) (canon lift (core func $j "grow-t"))))

;;@ usage.memory = "384KiB"
;;@ usage.memory-peak = "384KiB"
;;@ usage.table-elements = 6
;;@ usage.growth-refused = 0
(component instance $two $Two)
;;@ usage.memory = "512KiB"
;;@ call.memory-peak = "512KiB"
(assert_return (invoke "grow-a" (u32.const 2)) (s32.const 1))
;;@ usage.memory = "1MiB"
;;@ call.memory-peak = "1MiB"
(assert_return (invoke "grow-b" (u32.const 8)) (s32.const 2))
;;@ usage.memory = "1MiB"
;;@ usage.growth-refused = 1
(assert_return (invoke "grow-a" (u32.const 1)) (s32.const -1))
;;@ usage.growth-refused = 2
(assert_return (invoke "grow-b" (u32.const 65535)) (s32.const -1))
;;@ usage.memory = "1MiB"
;;@ usage.table-elements = 11
;;@ usage.growth-refused = 2
;;@ call.growth-refused = 0
(assert_return (invoke "grow-t" (u32.const 5)) (s32.const 3))
