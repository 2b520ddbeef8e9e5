;; Instances of different components linked to each other in one store.

(component $numbers
  (core module $m
    (global $count (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func (export "fail") unreachable))
  (core instance $i (instantiate $m))
  (func (export "next") (result u32) (canon lift (core func $i "next")))
  (func (export "fail") (canon lift (core func $i "fail"))))
(register "numbers")

(component definition $User
  (import "numbers" (instance $numbers
    (export "next" (func (result u32)))
    (export "fail" (func))))
  (core func $next (canon lower (func $numbers "next")))
  (core func $fail (canon lower (func $numbers "fail")))
  (core module $m
    (import "" "next" (func $next (result i32)))
    (import "" "fail" (func $fail))
    (func (export "twice") (result i32) (i32.mul (call $next) (i32.const 2)))
    (func (export "fail") (call $fail)))
  (core instance $i (instantiate $m (with "" (instance
    (export "next" (func $next)) (export "fail" (func $fail))))))
  (func (export "twice") (result u32) (canon lift (core func $i "twice")))
  (func (export "fail") (canon lift (core func $i "fail"))))

;; Two users share the numbers, and the script may count too.
(component instance $a $User)
(component instance $b $User)
(assert_return (invoke $a "twice") (u32.const 2))
(assert_return (invoke $b "twice") (u32.const 4))
(assert_return (invoke $numbers "next") (u32.const 3))
(assert_return (invoke $a "twice") (u32.const 8))

;; Types are compared before anything runs.
(assert_unlinkable
  (component (import "numbers" (instance (export "next" (func (result u64))))))
  "type mismatch")
(assert_unlinkable
  (component (import "numbers" (instance (export "next" (func (param "n" u32) (result u32))))))
  "type mismatch")
(assert_unlinkable
  (component (import "numbers" (instance (export "more" (func)))))
  "missing")

;; Nested instances, strings in two encodings, a core module.
(component $texts
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (memory.copy (local.get 4) (local.get 0) (local.get 1))
      (local.get 4)))
  (core instance $libc (instantiate $libc))
  (core module $m
    (import "" "memory" (memory 1))
    (func (export "same") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $m (instantiate $m (with "" (instance $libc))))
  (func $same (param "text" string) (result string)
    (canon lift (core func $m "same") string-encoding=utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (instance $inner (export "same" (func $same)))
  (export "inner" (instance $inner))
  (core module $code (func (export "answer") (result i32) (i32.const 42)))
  (export "code" (core module $code)))
(register "texts" $texts)
(component
  (import "texts" (instance $texts
    (export "inner" (instance (export "same" (func (param "text" string) (result string)))))
    (export "code" (core module (export "answer" (func (result i32)))))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 2048))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4 (global.get $next))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (local.get 4)))
  (core instance $libc (instantiate $libc))
  (alias export $texts "inner" (instance $inner))
  (core func $same (canon lower (func $inner "same") string-encoding=utf8
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $m
    (import "" "same" (func $same (param i32 i32 i32)))
    (func (export "run") (param i32 i32) (result i32)
      (call $same (local.get 0) (local.get 1) (i32.const 16))
      (i32.const 16)))
  (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
  (alias export $texts "code" (core module $code))
  (core instance $code (instantiate $code))
  (func (export "run") (param "text" string) (result string)
    (canon lift (core func $m "run") string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "answer") (result u32) (canon lift (core func $code "answer"))))
(assert_return (invoke "run" (str.const "\e2\98\83 and \f0\9f\8c\8a")) (str.const "\e2\98\83 and \f0\9f\8c\8a"))
(assert_return (invoke "answer") (u32.const 42))
(assert_unlinkable
  (component (import "texts" (instance
    (export "code" (core module (export "answer" (func (result i64))))))))
  "type mismatch")

;; A trap ends all of them: they live in one store.
(assert_trap (invoke $a "fail") "unreachable")
(assert_trap (invoke $b "twice") "cannot enter component instance")
(assert_trap (invoke $numbers "next") "cannot enter component instance")

;; An instance with an id can be imported by it, registered or not.
(component $by-id
  (core module $m (func (export "f") (result i32) (i32.const 5)))
  (core instance $i (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $i "f"))))
(component
  (import "by-id" (instance $other (export "f" (func (result u32)))))
  (core func $f (canon lower (func $other "f")))
  (core module $m
    (import "" "f" (func $f (result i32)))
    (func (export "f") (result i32) (i32.add (call $f) (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
  (func (export "f") (result u32) (canon lift (core func $i "f"))))
(assert_return (invoke "f") (u32.const 6))
(assert_return (invoke $by-id "f") (u32.const 5))
