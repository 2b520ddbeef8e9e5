;;! limits.memory = "256KiB"

;; Ten threads at once, each with guests of its own, each at its limit: no store
;; counts what another one has.

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

;;@ threads = 10
;;@ repeat = 5
(thread $ten
  ;;@ usage.memory = "64KiB"
  (component instance $one $Guest)
  (component instance $two $Guest)
  ;;@ usage.memory = "256KiB"
  (assert_return (invoke $one "grow" (u32.const 3)) (s32.const 1))
  ;;@ repeat = 10
  ;;@ usage.memory = "256KiB"
  (assert_return (invoke $one "grow" (u32.const 1)) (s32.const -1))
  (assert_return (invoke $one "set" (u32.const 262140) (u32.const 99)))
  (assert_return (invoke $one "get" (u32.const 262140)) (u32.const 99))
  ;;@ usage.memory = "64KiB"
  ;;@ usage.growth-refused = 0
  (assert_return (invoke $two "get" (u32.const 65532)) (u32.const 0))
  (assert_trap (invoke $two "need" (u32.const 4)) "memory limit reached")
  (assert_return (invoke $one "get" (u32.const 262140)) (u32.const 99)))
(wait $ten)
