;; A host function that panics ends the call, and the panic resumes in the caller,
;; with what it carries; the store is ended, and no other one.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "panic" (func (param "text" string)))
    (export "nothing" (func))))
  (core module $libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (data (i32.const 16) "no luck")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
  (core instance $libc (instantiate $libc))
  (core func $panic (canon lower (func $host "panic") (memory $libc "memory")))
  (core func $nothing (canon lower (func $host "nothing")))
  (core module $m
    (import "" "panic" (func $panic (param i32 i32)))
    (import "" "nothing" (func $nothing))
    (func (export "panic") (param i32 i32) (call $panic (local.get 0) (local.get 1)))
    (func (export "fine") (result i32) (call $nothing) (i32.const 3)))
  (core instance $i (instantiate $m (with "" (instance
    (export "panic" (func $panic)) (export "nothing" (func $nothing))))))
  (func (export "panic") (param "text" string)
    (canon lift (core func $i "panic") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))
(component instance $one $Guest)
(component instance $two $Guest)
;;@ poisoned = "host-panic"
(assert_trap (invoke $one "panic" (str.const "all is lost")) "panic: all is lost")
;;@ error.kind = "poisoned"
(assert_trap (invoke $one "fine") "poisoned: a host function panicked")
;;@ poisoned = "no"
(assert_return (invoke $two "fine") (u32.const 3))
(assert_trap (invoke $two "panic" (str.const "and again")) "panic: and again")
;; Often, and on several threads at once.
;;@ threads = 4
;;@ repeat = 25
(thread $panics
  (component instance $guest $Guest)
  (component instance $other $Guest)
  (assert_return (invoke $guest "fine") (u32.const 3))
  ;;@ poisoned = "host-panic"
  (assert_trap (invoke $guest "panic" (str.const "here")) "panic: here")
  (assert_return (invoke $other "fine") (u32.const 3)))
(wait $panics)
