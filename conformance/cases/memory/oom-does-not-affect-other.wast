;;! limits.memory = "128KiB"

;; A store that ran out of memory is ended; the one beside it keeps what it has and
;; what it may still have.

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
(assert_return (invoke $two "set" (u32.const 16) (u32.const 42)))
(assert_trap (invoke $one "need" (u32.const 2)) "memory limit reached")
(assert_trap (invoke $one "size") "poisoned: memory limit reached")
;;@ usage.memory = "64KiB"
;;@ usage.growth-refused = 0
;;@ poisoned = "no"
(assert_return (invoke $two "get" (u32.const 16)) (u32.const 42))
;;@ usage.memory = "128KiB"
(assert_return (invoke $two "grow" (u32.const 1)) (s32.const 1))
(assert_return (invoke $two "get" (u32.const 16)) (u32.const 42))
