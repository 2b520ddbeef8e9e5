;;! limits.memory = "1MiB"

;; On eight threads, guests run out of memory while others, on the same threads and
;; beside them, compute in theirs: what they compute is right.

(component definition $Sum
  (core module $m
    (memory 4)
    ;; Writes numbers into all of the memory, and adds them up.
    (func (export "run") (param $seed i32) (result i32)
      (local $at i32) (local $sum i32)
      (loop $write
        (i32.store (local.get $at) (i32.add (local.get $at) (local.get $seed)))
        (br_if $write
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (i32.const 262144))))
      (local.set $at (i32.const 0))
      (loop $read
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
        (br_if $read
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (i32.const 262144))))
      (local.get $sum)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "seed" u32) (result u32) (canon lift (core func $i "run"))))
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

;;@ threads = 8
;;@ repeat = 10
(thread $all
  (component instance $sum $Sum)
  (component instance $hungry $Guest)
  (assert_trap (invoke $hungry "need" (u32.const 16)) "memory limit reached")
  (assert_return (invoke $sum "run" (u32.const 0)) (u32.const 536739840))
  (assert_trap
    (component
      (core module $m (memory 17))
      (core instance (instantiate $m)))
    "memory limit reached")
  (assert_return (invoke $sum "run" (u32.const 1)) (u32.const 536743936))
  (assert_trap (invoke $hungry "size") "poisoned: memory limit reached"))
(wait $all)
