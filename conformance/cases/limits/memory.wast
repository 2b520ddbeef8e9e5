;;! limits.memory = "128KiB"

;; The sum of all memories of a store is limited, initial sizes included. Growth
;; that is refused gives -1, and nothing else happens.

(component definition $Grow
  (core module $m
    (memory 1)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "need") (param i32)
      (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then unreachable)))
    (func (export "size") (result i32) memory.size))
  (core instance $i (instantiate $m))
  (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow")))
  (func (export "need") (param "pages" u32) (canon lift (core func $i "need")))
  (func (export "size") (result u32) (canon lift (core func $i "size"))))

(component instance $grow $Grow)
(assert_return (invoke "grow" (u32.const 2)) (s32.const -1))
(assert_return (invoke "grow" (u32.const 65535)) (s32.const -1))
(assert_return (invoke "size") (u32.const 1))
(assert_return (invoke "grow" (u32.const 1)) (s32.const 1))
(assert_return (invoke "grow" (u32.const 0)) (s32.const 2))
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
(component instance $grow $Grow)
(assert_trap (invoke "need" (u32.const 2)) "memory limit reached")

(assert_trap
  (component
    (core module $m (memory 1))
    (core instance (instantiate $m))
    (core instance (instantiate $m))
    (core instance (instantiate $m)))
  "memory limit reached")
