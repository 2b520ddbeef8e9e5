;;! limits.memory = "1MiB"

;; A guest gets what its store may use, and not a page more.

(component definition $Guest
  (core module $m
    (memory 1)
    (func (export "size") (result i32) memory.size)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "need") (param i32)
      (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then unreachable)))
    (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "size") (result u32) (canon lift (core func $i "size")))
  (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow")))
  (func (export "need") (param "pages" u32) (canon lift (core func $i "need")))
  (func (export "get") (param "at" u32) (result u32) (canon lift (core func $i "get")))
  (func (export "set") (param "at" u32) (param "v" u32) (canon lift (core func $i "set"))))

;;@ usage.memory = "64KiB"
;;@ usage.memory-peak = "64KiB"
;;@ usage.growth-refused = 0
(component instance $guest $Guest)
;;@ usage.memory = "1MiB"
(assert_return (invoke "grow" (u32.const 15)) (s32.const 1))
;;@ usage.memory = "1MiB"
;;@ usage.memory-peak = "1MiB"
;;@ usage.growth-refused = 1
;;@ call.growth-refused = 1
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
(assert_return (invoke "size") (u32.const 16))
;; The last byte is there, and none behind it.
(assert_return (invoke "set" (u32.const 1048572) (u32.const 7)))
(assert_return (invoke "get" (u32.const 1048572)) (u32.const 7))
;;@ usage.growth-refused = 1
;;@ call.growth-refused = 0
;;@ poisoned = "trap"
(assert_trap (invoke "get" (u32.const 1048573)) "out of bounds memory access")
