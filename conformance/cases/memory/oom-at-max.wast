;;! limits.memory = "4MiB"

;; Out of memory at a limit of 4 MiB.

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

(component instance $guest $Guest)
;;@ usage.memory = "4MiB"
(assert_return (invoke "grow" (u32.const 63)) (s32.const 1))
;; The guest sees it and goes on.
;;@ usage.memory = "4MiB"
;;@ call.growth-refused = 1
;;@ poisoned = "no"
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
(assert_return (invoke "set" (u32.const 4194300) (u32.const 1)))
;; A guest that cannot go on without ends with the limit, and not with its trap.
;;@ error.limit = "4MiB"
;;@ error.requested = 4259840
;;@ usage.memory = "4MiB"
;;@ poisoned = "memory-limit"
(assert_trap (invoke "need" (u32.const 1)) "memory limit reached")
(assert_trap (invoke "size") "poisoned: memory limit reached")
;; One that asks for the whole at once gets no part of it.
(component instance $greedy $Guest)
;;@ usage.memory = "64KiB"
(assert_return (invoke "grow" (u32.const 64)) (s32.const -1))
(assert_return (invoke "size") (u32.const 1))
;; What does not fit from the start is not made.
;;@ error.limit = "4MiB"
;;@ error.requested = 4259840
;;@ poisoned = "memory-limit"
(assert_trap
  (component
    (core module $m (memory 65))
    (core instance (instantiate $m)))
  "memory limit reached")
;;@ usage.memory = "4MiB"
(component
  (core module $m (memory 64))
  (core instance (instantiate $m)))
