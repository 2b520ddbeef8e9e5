;;! limits.memory = "128KiB"

;; A thousand stores run out of memory, one after the other; each ends with the
;; limit, and the next one has all that it may have.

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
  (component instance $guest $Guest)
  (assert_return (invoke "grow" (u32.const 1)) (s32.const 1))
  ;;@ error.limit = "128KiB"
  ;;@ error.requested = "192KiB"
  ;;@ usage.memory = "128KiB"
  ;;@ usage.growth-refused = 1
  (assert_trap (invoke "need" (u32.const 1)) "memory limit reached")
  ;;@ drop-store = true
  ;;@ stores = 0
  (assert_trap (invoke "size") "poisoned: memory limit reached"))
(wait $all)
;; Or it survives, and the guest goes on, a thousand times.
(component instance $survivor $Guest)
(assert_return (invoke "grow" (u32.const 1)) (s32.const 1))
;;@ repeat = 1000
;;@ call.growth-refused = 1
;;@ poisoned = "no"
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
;;@ usage.growth-refused = 1000
;;@ usage.memory = "128KiB"
(assert_return (invoke "size") (u32.const 2))
