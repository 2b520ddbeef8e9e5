;;! limits.memory = "128KiB"
;;! limits.table-elements = 4

;; The limits of a store are several: what is left of one helps no other.

(component definition $Guest
  (core module $m
    (memory 1)
    (table 2 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "memory") (param "n" u32) (result s32) (canon lift (core func $i "memory")))
  (func (export "table") (param "n" u32) (result s32) (canon lift (core func $i "table"))))
(component instance $guest $Guest)
(assert_return (invoke "memory" (u32.const 2)) (s32.const -1))
(assert_return (invoke "table" (u32.const 2)) (s32.const 2))
;;@ usage.table-elements = 4
;;@ usage.memory = "64KiB"
;;@ usage.growth-refused = 2
(assert_return (invoke "table" (u32.const 1)) (s32.const -1))
;;@ usage.memory = "128KiB"
;;@ usage.growth-refused = 2
(assert_return (invoke "memory" (u32.const 1)) (s32.const 1))
;;@ usage.growth-refused = 3
(assert_return (invoke "memory" (u32.const 1)) (s32.const -1))
;;@ usage.memory = "64KiB"
;;@ usage.table-elements = 2
(component instance $other $Guest)
