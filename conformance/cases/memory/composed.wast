;;! limits.memory = "192KiB"

;; The limit is the store's: components inside a component have one budget, and the
;; one that comes too late gets nothing.

(component definition $Guest
  (core module $m
    (memory 1)
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))
  (component $Part
    (core module $m
      (memory 1)
      (func (export "grow") (result i32) (memory.grow (i32.const 1)))
      (func (export "need") (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))))
    (core instance $i (instantiate $m))
    (func (export "grow") (result s32) (canon lift (core func $i "grow")))
    (func (export "need") (canon lift (core func $i "need"))))
  (instance $a (instantiate $Part))
  (instance $b (instantiate $Part))
  (export "a" (func $a "grow"))
  (export "b" (func $b "grow"))
  (export "need" (func $b "need")))
;;@ usage.memory = "128KiB"
(component instance $guest $Guest)
;;@ usage.memory = "192KiB"
(assert_return (invoke "a") (s32.const 1))
;;@ usage.memory = "192KiB"
;;@ usage.growth-refused = 1
(assert_return (invoke "b") (s32.const -1))
;;@ error.limit = "192KiB"
;;@ error.requested = "256KiB"
;;@ poisoned = "memory-limit"
(assert_trap (invoke "need") "memory limit reached")
(assert_trap (invoke "a") "poisoned: memory limit reached")
;; A fourth memory does not fit.
;;@ error.requested = "256KiB"
(assert_trap
  (component
    (core module $m (memory 1))
    (component $Part
      (core module $m (memory 1))
      (core instance (instantiate $m)))
    (instance (instantiate $Part))
    (core instance (instantiate $m))
    (instance (instantiate $Part))
    (instance (instantiate $Part)))
  "memory limit reached")
;; Another trap behind a refused growth stays what it is, and says that it was refused.
(component definition $Other
  (core module $m
    (memory 1)
    (func (export "f") (param i32) (result i32)
      (drop (memory.grow (i32.const 100)))
      (i32.div_u (i32.const 1) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "f") (param "v" u32) (result u32) (canon lift (core func $i "f"))))
(component instance $other $Other)
;;@ call.growth-refused = 1
(assert_return (invoke "f" (u32.const 1)) (u32.const 1))
;;@ error.trap = "integer-division-by-zero"
;;@ error.context.growth_refused = "1"
;;@ poisoned = "trap"
(assert_trap (invoke "f" (u32.const 0)) "integer divide by zero")
