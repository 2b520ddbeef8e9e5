;; Who crashed is told: the functions of the guest that were on the stack, by their
;; names, innermost first; of a host function that failed its interface and name.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "fail" (func (param "text" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 16) "no luck")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $fail (canon lower (func $host "fail") (memory $libc "memory")))
  (core module $m
    (import "" "fail" (func $fail (param i32 i32)))
    (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $outer (export "divide") (param i32) (result i32)
      (i32.add (call $inner (local.get 0)) (i32.const 1)))
    (func (export "fail") (call $fail (i32.const 16) (i32.const 7))))
  (core instance $i (instantiate $m (with "" (instance (export "fail" (func $fail))))))
  (func (export "divide") (param "n" u32) (result u32) (canon lift (core func $i "divide")))
  (func (export "fail") (canon lift (core func $i "fail"))))

(component instance $guest $Guest)
(assert_return (invoke "divide" (u32.const 1)) (u32.const 2))
;;@ error.frames = ["inner", "outer"]
(assert_trap (invoke "divide" (u32.const 0)) "integer divide by zero")
(component instance $guest $Guest)
;;@ error.context.interface = "enginebay:test/host"
;;@ error.context.function = "fail"
(assert_trap (invoke "fail") "host error: no luck")
