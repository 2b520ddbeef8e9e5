;;! limits.memory = "1MiB"

;; A page at a time: each is counted once, and the seventeenth is refused.

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
;;@ usage.memory = 131072
;;@ usage.memory-peak = 131072
;;@ call.memory-peak = 131072
(assert_return (invoke "grow" (u32.const 1)) (s32.const 1))
;;@ usage.memory = 196608
;;@ usage.memory-peak = 196608
;;@ call.memory-peak = 196608
(assert_return (invoke "grow" (u32.const 1)) (s32.const 2))
;;@ usage.memory = 262144
;;@ usage.memory-peak = 262144
;;@ call.memory-peak = 262144
(assert_return (invoke "grow" (u32.const 1)) (s32.const 3))
;;@ usage.memory = 327680
;;@ usage.memory-peak = 327680
;;@ call.memory-peak = 327680
(assert_return (invoke "grow" (u32.const 1)) (s32.const 4))
;;@ usage.memory = 393216
;;@ usage.memory-peak = 393216
;;@ call.memory-peak = 393216
(assert_return (invoke "grow" (u32.const 1)) (s32.const 5))
;;@ usage.memory = 458752
;;@ usage.memory-peak = 458752
;;@ call.memory-peak = 458752
(assert_return (invoke "grow" (u32.const 1)) (s32.const 6))
;;@ usage.memory = 524288
;;@ usage.memory-peak = 524288
;;@ call.memory-peak = 524288
(assert_return (invoke "grow" (u32.const 1)) (s32.const 7))
;;@ usage.memory = 589824
;;@ usage.memory-peak = 589824
;;@ call.memory-peak = 589824
(assert_return (invoke "grow" (u32.const 1)) (s32.const 8))
;;@ usage.memory = 655360
;;@ usage.memory-peak = 655360
;;@ call.memory-peak = 655360
(assert_return (invoke "grow" (u32.const 1)) (s32.const 9))
;;@ usage.memory = 720896
;;@ usage.memory-peak = 720896
;;@ call.memory-peak = 720896
(assert_return (invoke "grow" (u32.const 1)) (s32.const 10))
;;@ usage.memory = 786432
;;@ usage.memory-peak = 786432
;;@ call.memory-peak = 786432
(assert_return (invoke "grow" (u32.const 1)) (s32.const 11))
;;@ usage.memory = 851968
;;@ usage.memory-peak = 851968
;;@ call.memory-peak = 851968
(assert_return (invoke "grow" (u32.const 1)) (s32.const 12))
;;@ usage.memory = 917504
;;@ usage.memory-peak = 917504
;;@ call.memory-peak = 917504
(assert_return (invoke "grow" (u32.const 1)) (s32.const 13))
;;@ usage.memory = 983040
;;@ usage.memory-peak = 983040
;;@ call.memory-peak = 983040
(assert_return (invoke "grow" (u32.const 1)) (s32.const 14))
;;@ usage.memory = 1048576
;;@ usage.memory-peak = 1048576
;;@ call.memory-peak = 1048576
(assert_return (invoke "grow" (u32.const 1)) (s32.const 15))
;;@ repeat = 100
;;@ usage.memory = "1MiB"
;;@ call.growth-refused = 1
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))
;;@ usage.growth-refused = 100
(assert_return (invoke "size") (u32.const 16))
;; Nothing is counted for nothing.
;;@ usage.memory = "1MiB"
;;@ usage.growth-refused = 100
(assert_return (invoke "grow" (u32.const 0)) (s32.const 16))
