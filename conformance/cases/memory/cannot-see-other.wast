;; What a guest has written is seen by no other guest: not by one beside it, not by
;; one in the same store, and not by one that comes after it.

(component definition $Guest
  (core module $m
    (memory 2)
    (func (export "fill") (param i32)
      (memory.fill (i32.const 0) (local.get 0) (i32.const 131072)))
    ;; The sum of all bytes.
    (func (export "sum") (result i32)
      (local $at i32) (local $sum i32)
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
        (br_if $next
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 131072))))
      (local.get $sum)))
  (core instance $i (instantiate $m))
  (func (export "fill") (param "byte" u32) (canon lift (core func $i "fill")))
  (func (export "sum") (result u32) (canon lift (core func $i "sum"))))
(component definition $Pair
  (component $Guest
    (core module $m
      (memory 1)
      (func (export "swap") (param i32) (result i32)
        (i32.load (i32.const 0))
        (i32.store (i32.const 0) (local.get 0))))
    (core instance $i (instantiate $m))
    (func (export "swap") (param "v" u32) (result u32) (canon lift (core func $i "swap"))))
  (instance $a (instantiate $Guest))
  (instance $b (instantiate $Guest))
  (export "a" (func $a "swap"))
  (export "b" (func $b "swap")))

(component instance $one $Guest)
(component instance $two $Guest)
(assert_return (invoke $one "fill" (u32.const 255)))
(assert_return (invoke $two "sum") (u32.const 0))
(assert_return (invoke $two "fill" (u32.const 1)))
;;@ drop-store = true
(assert_return (invoke $one "sum") (u32.const 33423360))
(component instance $three $Guest)
(assert_return (invoke $three "sum") (u32.const 0))
(assert_return (invoke $two "sum") (u32.const 131072))

(component instance $pair $Pair)
(assert_return (invoke $pair "a" (u32.const 11)) (u32.const 0))
(assert_return (invoke $pair "b" (u32.const 22)) (u32.const 0))
(assert_return (invoke $pair "a" (u32.const 0)) (u32.const 11))
(assert_return (invoke $pair "b" (u32.const 0)) (u32.const 22))
