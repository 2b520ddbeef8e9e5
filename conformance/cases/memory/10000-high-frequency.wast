;;! limits.memory = "64KiB"

;; Ten thousand refused growths in one go, from the guest itself: each is counted,
;; and nothing else happens.

(component
  (core module $m
    (memory 1)
    (func (export "hammer") (param i32) (result i32)
      (local $refused i32)
      (loop $next
        (local.set $refused
          (i32.add (local.get $refused) (i32.eq (memory.grow (i32.const 1)) (i32.const -1))))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get $refused))
    (func (export "size") (result i32) memory.size))
  (core instance $i (instantiate $m))
  (func (export "hammer") (param "times" u32) (result u32) (canon lift (core func $i "hammer")))
  (func (export "size") (result u32) (canon lift (core func $i "size"))))
;;@ usage.growth-refused = 10000
;;@ usage.memory = "64KiB"
;;@ usage.memory-peak = "64KiB"
(assert_return (invoke "hammer" (u32.const 10000)) (u32.const 10000))
;;@ call.growth-refused = 10
;;@ usage.growth-refused = 10010
(assert_return (invoke "hammer" (u32.const 10)) (u32.const 10))
(assert_return (invoke "size") (u32.const 1))
