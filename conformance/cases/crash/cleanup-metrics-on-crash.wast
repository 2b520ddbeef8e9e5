;;! limits.fuel = 1000000

;; What a store has used is known after a crash as well: of the call that crashed,
;; and in sum.

(component definition $Guest
  (core module $m
    (memory 1)
    (func (export "work") (param i32) (result i32)
      (drop (memory.grow (i32.const 1)))
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      memory.size)
    (func $burn (param i32)
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "crash") (param i32)
      (drop (memory.grow (i32.const 2)))
      (drop (memory.grow (i32.const 60000)))
      (call $burn (local.get 0))
      (drop (i32.load (i32.const -1)))))
  (core instance $i (instantiate $m))
  (func (export "work") (param "n" u32) (result u32) (canon lift (core func $i "work")))
  (func (export "crash") (param "n" u32) (canon lift (core func $i "crash"))))

;;@ usage.fuel = 0
;;@ usage.memory = "64KiB"
(component instance $guest $Guest)
;;@ usage.memory = "128KiB"
;;@ usage.fuel = 54
;;@ call.fuel = 54
(assert_return (invoke "work" (u32.const 10)) (u32.const 2))
;;@ error.context.growth_refused = "1"
;;@ usage.memory = "256KiB"
;;@ usage.memory-peak = "256KiB"
;;@ usage.growth-refused = 1
;;@ call.growth-refused = 1
;;@ call.fuel = 58
;;@ usage.fuel = 112
(assert_trap (invoke "crash" (u32.const 10)) "out of bounds memory access")
;; A call that is refused uses nothing.
;;@ usage.memory = "256KiB"
;;@ usage.fuel = 112
(assert_trap (invoke "work" (u32.const 10)) "poisoned: trap: out of bounds memory access")
