;; A host function that fails ends the call, and its own error comes back as it is:
;; from an export, a start function, an allocation and a destructor.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "fail" (func (param "text" string)))
    (export "trap" (func))
    (export "nothing" (func))))
  (core module $libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (data (i32.const 16) "no luck")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
  (core instance $libc (instantiate $libc))
  (core func $fail (canon lower (func $host "fail") (memory $libc "memory")))
  (core func $trap (canon lower (func $host "trap")))
  (core func $nothing (canon lower (func $host "nothing")))
  (core module $m
    (import "" "fail" (func $fail (param i32 i32)))
    (import "" "trap" (func $trap))
    (import "" "nothing" (func $nothing))
    (global $after (mut i32) (i32.const 0))
    (func (export "fail")
      (call $fail (i32.const 16) (i32.const 7))
      (global.set $after (i32.const 1)))
    (func (export "say") (param i32 i32) (call $fail (local.get 0) (local.get 1)))
    (func (export "trap") (call $trap))
    (func (export "fine") (result i32) (call $nothing) (global.get $after)))
  (core instance $i (instantiate $m (with "" (instance
    (export "fail" (func $fail)) (export "trap" (func $trap)) (export "nothing" (func $nothing))))))
  (func (export "fail") (canon lift (core func $i "fail")))
  (func (export "say") (param "text" string)
    (canon lift (core func $i "say") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "trap") (canon lift (core func $i "trap")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $guest $Guest)
(assert_return (invoke "fine") (u32.const 0))
;;@ error.kind = "host"
;;@ error.context = { interface = "enginebay:test/host", function = "fail" }
;;@ call.host-calls = 1
;;@ poisoned = "host"
(assert_trap (invoke "fail") "host error: no luck")
(assert_trap (invoke "fine") "poisoned: host")
;; Each error is the one of its call.
(component instance $one $Guest)
(component instance $two $Guest)
(assert_trap (invoke $one "say" (str.const "the first")) "host error: the first")
(assert_trap (invoke $two "say" (str.const "the second")) "host error: the second")
(component instance $empty $Guest)
(assert_trap (invoke $empty "say" (str.const "")) "host error: ")
;; A host function can end a call with a trap, which is one.
(component instance $trap $Guest)
;;@ error.kind = "trap"
;;@ error.trap = "integer-overflow"
;;@ poisoned = "trap"
(assert_trap (invoke $trap "trap") "integer overflow")
;; In a start function.
;;@ error.kind = "host"
;;@ poisoned = "host"
(assert_trap
  (component
    (import "enginebay:test/host" (instance $host
      (export "fail" (func (param "text" string)))))
    (core module $libc
      (memory (export "memory") 1)
      (global $top (mut i32) (i32.const 1024))
      (data (i32.const 16) "no luck")
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
    (core instance $libc (instantiate $libc))
    (core func $fail (canon lower (func $host "fail") (memory $libc "memory")))
    (core module $m
      (import "" "fail" (func $fail (param i32 i32)))
      (func $start (call $fail (i32.const 16) (i32.const 7)))
      (start $start))
    (core instance (instantiate $m (with "" (instance (export "fail" (func $fail)))))))
  "host error: no luck")
(component instance $fine $Guest)
;;@ poisoned = "no"
(assert_return (invoke "fine") (u32.const 0))
