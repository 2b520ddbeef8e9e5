;;! uneven-fuel = true
;;! stack = "64KiB"

;; However small the stack: a guest that exhausts it traps.

(component
  (core module $m
    (func $deep (export "deep") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.const 0))
        (else (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))))))
  (core instance $i (instantiate $m))
  (func (export "deep") (param "n" u32) (result u32) (canon lift (core func $i "deep"))))
(assert_return (invoke "deep" (u32.const 50)) (u32.const 50))
(assert_exhaustion (invoke "deep" (u32.const 100000000)) "call stack exhausted")
