;; A caller and a callee with different string encodings, in one component: all
;; nine pairs.

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf8
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))

(component
  (component $Callee
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "same") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance $libc))))
    (func (export "same") (param "text" string) (result string)
      (canon lift (core func $m "same") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (component $Caller
    (import "same" (func $same (param "text" string) (result string)))
    (core module $libc
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 3)) (i32.const -4)))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $libc (instantiate $libc))
    (core func $same (canon lower (func $same) string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
      (import "" "same" (func $same (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $same (local.get 0) (local.get 1) (i32.const 16))
        (i32.const 16)))
    (core instance $m (instantiate $m (with "" (instance (export "same" (func $same))))))
    (func (export "run") (param "text" string) (result string)
      (canon lift (core func $m "run") string-encoding=latin1+utf16
        (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "same" (func $callee "same"))))
  (export "run" (func $caller "run")))
(assert_return (invoke "run" (str.const "")) (str.const ""))
(assert_return (invoke "run" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "run" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "run" (str.const "\e6\b0\b4")) (str.const "\e6\b0\b4"))
(assert_return (invoke "run" (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a")) (str.const "mixed \c3\a9 \e6\b0\b4 \f0\9f\8c\8a"))
