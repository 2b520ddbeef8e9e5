;;! deterministic = true
;;! limits.memory = "1MiB"
;;! limits.table-elements = 100

;; Whether a growth succeeds is a matter of limits and of the guest's own maximum, and
;; of nothing that the machine has.

(component
  (core module $m
    (memory $m 1 8)
    (memory $free 1)
    (table $t 1 50 funcref)
    (func (export "bounded") (param i32) (result i32) (memory.grow $m (local.get 0)))
    (func (export "free") (param i32) (result i32) (memory.grow $free (local.get 0)))
    (func (export "table") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "bounded") (param "n" u32) (result s32) (canon lift (core func $i "bounded")))
  (func (export "free") (param "n" u32) (result s32) (canon lift (core func $i "free")))
  (func (export "table") (param "n" u32) (result s32) (canon lift (core func $i "table"))))
(assert_return (invoke "bounded" (u32.const 8)) (s32.const -1))
(assert_return (invoke "bounded" (u32.const 7)) (s32.const 1))
(assert_return (invoke "bounded" (u32.const 1)) (s32.const -1))
(assert_return (invoke "bounded" (u32.const 0)) (s32.const 8))
(assert_return (invoke "free" (u32.const 8)) (s32.const -1))
;;@ usage.memory = "1MiB"
(assert_return (invoke "free" (u32.const 7)) (s32.const 1))
(assert_return (invoke "free" (u32.const 65535)) (s32.const -1))
(assert_return (invoke "table" (u32.const 50)) (s32.const -1))
(assert_return (invoke "table" (u32.const 49)) (s32.const 1))
(assert_return (invoke "table" (u32.const 1)) (s32.const -1))
;;@ usage = { memory = "1MiB", table-elements = 50 }
(assert_return (invoke "table" (u32.const 0)) (s32.const 50))
