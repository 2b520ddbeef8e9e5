;;! limits.memory = "1MiB"

;; A thousand guests after each other, each of which grows to the limit: nothing is
;; left of one when the next one starts.

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

;;@ repeat = 1000
(thread $all
  ;;@ stores = 1
  ;;@ usage.memory = "64KiB"
  (component instance $guest $Guest)
  (assert_return (invoke "get" (u32.const 0)) (u32.const 0))
  ;;@ usage.memory = "1MiB"
  (assert_return (invoke "grow" (u32.const 15)) (s32.const 1))
  (assert_return (invoke "get" (u32.const 1048572)) (u32.const 0))
  (assert_return (invoke "set" (u32.const 1048572) (u32.const 1)))
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_return (invoke "set" (u32.const 0) (u32.const 1))))
(wait $all)
