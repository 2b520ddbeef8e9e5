;; What one store uses is not seen in what another one says.

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

(component instance $one $Guest)
(component instance $two $Guest)
;;@ usage.memory = "1MiB"
(assert_return (invoke $one "grow" (u32.const 15)) (s32.const 1))
;;@ usage.memory = "64KiB"
;;@ usage.memory-peak = "64KiB"
;;@ call.memory-peak = "64KiB"
(assert_return (invoke $two "size") (u32.const 1))
;;@ usage.growth-refused = 1
(assert_return (invoke $one "grow" (u32.const 65000)) (s32.const -1))
;;@ usage.memory = "128KiB"
;;@ usage.growth-refused = 0
(assert_return (invoke $two "grow" (u32.const 1)) (s32.const 1))
;;@ usage.memory = "1MiB"
;;@ usage.memory-peak = "1MiB"
;;@ call.growth-refused = 0
(assert_return (invoke $one "size") (u32.const 16))
