;; A limit is asked before the type of what grows: only what a limit refuses makes
;; a memory limit of an `unreachable`.
;;! deterministic = true
;;! limits.memory = "256KiB"
;;! limits.table-elements = 4

(component definition $Growing
  (core module $m
    (memory $memory 1 2)
    (table $table 1 2 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow $memory (local.get 0)))
    (func (export "table") (param i32) (result i32)
      (table.grow $table (ref.null func) (local.get 0)))
    (func (export "memory-or-die") (param i32)
      (if (i32.eq (memory.grow $memory (local.get 0)) (i32.const -1)) (then unreachable))))
  (core instance $i (instantiate $m))
  (func (export "memory") (param "by" u32) (result s32) (canon lift (core func $i "memory")))
  (func (export "table") (param "by" u32) (result s32) (canon lift (core func $i "table")))
  (func (export "memory-or-die") (param "by" u32)
    (canon lift (core func $i "memory-or-die"))))

(component instance $a $Growing)
(assert_return (invoke "memory" (u32.const 2)) (s32.const -1))
(assert_return (invoke "memory" (u32.const 4)) (s32.const -1))
(assert_return (invoke "memory" (u32.const 0xffffffff)) (s32.const -1))
(assert_return (invoke "memory" (u32.const 1)) (s32.const 1))
(assert_return (invoke "memory" (u32.const 0)) (s32.const 2))
(assert_return (invoke "table" (u32.const 2)) (s32.const -1))
(assert_return (invoke "table" (u32.const 0xffffffff)) (s32.const -1))
(assert_return (invoke "table" (u32.const 1)) (s32.const 1))
(component instance $b $Growing)
(assert_trap (invoke "memory-or-die" (u32.const 3)) "unreachable")
(component instance $c $Growing)
(assert_trap (invoke "memory-or-die" (u32.const 4)) "memory limit reached")
(component instance $d $Growing)
(assert_trap (invoke "memory-or-die" (u32.const 0xffffffff)) "memory limit reached")
