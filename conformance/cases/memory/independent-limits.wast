;; Each store has a limit of its own.

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

;;@ limits.memory = "128KiB"
(component instance $small $Guest)
;;@ limits.memory = "256KiB"
(component instance $large $Guest)
;;@ limits.memory = "64KiB"
(component instance $none $Guest)

(assert_return (invoke $small "grow" (u32.const 2)) (s32.const -1))
(assert_return (invoke $large "grow" (u32.const 2)) (s32.const 1))
(assert_return (invoke $none "grow" (u32.const 1)) (s32.const -1))
;;@ usage.memory = "128KiB"
(assert_return (invoke $small "grow" (u32.const 1)) (s32.const 1))
;;@ usage.memory = "256KiB"
(assert_return (invoke $large "grow" (u32.const 1)) (s32.const 3))
(assert_return (invoke $large "grow" (u32.const 1)) (s32.const -1))
;;@ error.limit = "128KiB"
;;@ error.requested = "192KiB"
(assert_trap (invoke $small "need" (u32.const 1)) "memory limit reached")
;;@ error.limit = "256KiB"
;;@ error.requested = "1MiB"
(assert_trap (invoke $large "need" (u32.const 12)) "memory limit reached")
;;@ usage.memory = "64KiB"
;;@ usage.growth-refused = 1
(assert_return (invoke $none "size") (u32.const 1))
