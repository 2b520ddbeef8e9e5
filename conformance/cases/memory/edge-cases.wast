;; Limits of nothing, of one byte, of just enough, and of one byte too few and too
;; many: a memory is counted by its bytes.

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

(component definition $Empty
  (core module $m
    (memory 0)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow"))))

;; Nothing.
;;@ limits.memory = 0
;;@ usage.memory = 0
(component instance $zero $Empty)
(assert_return (invoke $zero "grow" (u32.const 0)) (s32.const 0))
;;@ usage.memory = 0
;;@ usage.growth-refused = 1
(assert_return (invoke $zero "grow" (u32.const 1)) (s32.const -1))
;; One byte is not a page.
;;@ limits.memory = 1
(component instance $one $Empty)
(assert_return (invoke $one "grow" (u32.const 1)) (s32.const -1))
;; One byte less than a page, a page, and one byte more.
;;@ limits.memory = 65535
(component instance $less $Empty)
(assert_return (invoke $less "grow" (u32.const 1)) (s32.const -1))
;;@ limits.memory = 65536
(component instance $exact $Empty)
;;@ usage.memory = 65536
(assert_return (invoke $exact "grow" (u32.const 1)) (s32.const 0))
(assert_return (invoke $exact "grow" (u32.const 1)) (s32.const -1))
;;@ limits.memory = 65537
(component instance $more $Empty)
(assert_return (invoke $more "grow" (u32.const 1)) (s32.const 0))
(assert_return (invoke $more "grow" (u32.const 1)) (s32.const -1))
;; The same of what is there from the start.
;;@ limits.memory = 65535
;;@ error.limit = 65535
;;@ error.requested = 65536
(assert_trap
  (component
    (core module $m (memory 1))
    (core instance (instantiate $m)))
  "memory limit reached")
;;@ limits.memory = 65536
;;@ usage.memory = 65536
(component instance $fits $Guest)
(assert_return (invoke $fits "grow" (u32.const 0)) (s32.const 1))
(assert_return (invoke $fits "grow" (u32.const 1)) (s32.const -1))
;; All that can be asked for is refused, and does not wrap around.
(assert_return (invoke $fits "grow" (u32.const 65536)) (s32.const -1))
(assert_return (invoke $fits "grow" (u32.const 0xffffffff)) (s32.const -1))
;;@ usage.memory = 65536
;;@ usage.memory-peak = 65536
(assert_return (invoke $fits "size") (u32.const 1))
;; A memory's own maximum is the guest's affair: no limit refused it.
;;@ limits.memory = "1MiB"
(component
  (core module $m
    (memory 1 2)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow"))))
(assert_return (invoke "grow" (u32.const 1)) (s32.const 1))
;;@ usage.memory = "128KiB"
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
