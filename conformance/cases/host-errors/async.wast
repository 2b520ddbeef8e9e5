;;! async = true

;; Host functions that answer later: with a result, an error, a panic, a call back,
;; or never.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "pause" (func (param "turns" u32) (result u32)))
    (export "fail-later" (func (param "text" string)))
    (export "panic-later" (func (param "text" string)))
    (export "call" (func (param "name" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (data (i32.const 16) "no luck")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
  (core instance $libc (instantiate $libc))
  (core func $pause (canon lower (func $host "pause")))
  (core func $fail (canon lower (func $host "fail-later") (memory $libc "memory")))
  (core func $panic (canon lower (func $host "panic-later") (memory $libc "memory")))
  (core func $call (canon lower (func $host "call") (memory $libc "memory")))
  (core module $m
    (import "" "pause" (func $pause (param i32) (result i32)))
    (import "" "fail" (func $fail (param i32 i32)))
    (import "" "panic" (func $panic (param i32 i32)))
    (import "" "call" (func $call (param i32 i32)))
    (func (export "pauses") (param i32) (result i32) (local i32)
      (loop $next
        (local.set 1 (i32.add (local.get 1) (call $pause (local.get 0))))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))
    (func (export "fail") (param i32 i32) (call $fail (local.get 0) (local.get 1)))
    (func (export "panic") (param i32 i32) (call $panic (local.get 0) (local.get 1)))
    (func (export "call") (param i32 i32) (call $call (local.get 0) (local.get 1)))
    (func (export "fine")))
  (core instance $i (instantiate $m (with "" (instance
    (export "pause" (func $pause)) (export "fail" (func $fail))
    (export "panic" (func $panic)) (export "call" (func $call))))))
  (func (export "pauses") (param "n" u32) (result u32) (canon lift (core func $i "pauses")))
  (func (export "fail") (param "text" string)
    (canon lift (core func $i "fail") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "panic") (param "text" string)
    (canon lift (core func $i "panic") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "call") (param "name" string)
    (canon lift (core func $i "call") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "fine") (canon lift (core func $i "fine"))))

(component instance $guest $Guest)
;;@ call.host-calls = 10
;;@ waiting = 0
(assert_return (invoke "pauses" (u32.const 10)) (u32.const 55))
;;@ error.kind = "host"
;;@ error.context.function = "fail-later"
;;@ poisoned = "host"
;;@ waiting = 0
(assert_trap (invoke "fail" (str.const "too late")) "host error: too late")
(assert_trap (invoke "fine") "poisoned: host")
(component instance $guest $Guest)
;;@ poisoned = "host-panic"
;;@ waiting = 0
(assert_trap (invoke "panic" (str.const "at last")) "panic: at last")
(assert_trap (invoke "fine") "poisoned: a host function panicked")
(component instance $guest $Guest)
;;@ error.trap = "cannot-enter-component"
(assert_trap (invoke "call" (str.const "fine")) "cannot enter component instance")
