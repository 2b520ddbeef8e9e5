;;! limits.memory = "16MiB"

;; A memory never shrinks; a store that ends gives all of it back. Up to the limit and
;; back to nothing, again and again, and the count starts anew each time.

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

;;@ repeat = 200
(thread $cycle
  (component instance $guest $Guest)
  ;;@ usage.memory = "8MiB"
  (assert_return (invoke "grow" (u32.const 127)) (s32.const 1))
  (assert_return (invoke "set" (u32.const 8388604) (u32.const 1)))
  ;;@ usage.memory = "16MiB"
  ;;@ usage.memory-peak = "16MiB"
  (assert_return (invoke "grow" (u32.const 128)) (s32.const 128))
  (assert_return (invoke "set" (u32.const 16777212) (u32.const 1)))
  ;;@ call.growth-refused = 1
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
  ;;@ usage.memory = "64KiB"
  ;;@ usage.memory-peak = "64KiB"
  (component instance $again $Guest)
  (assert_return (invoke "get" (u32.const 65532)) (u32.const 0)))
(wait $cycle)
