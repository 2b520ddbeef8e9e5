;; Strings in latin1+utf16, to a guest and back. The guest keeps what it gets and tells
;; how many code units it was.

(component definition $Echo
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
      (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $new)))
      (memory.copy (local.get $at) (local.get $old)
        (select (local.get $size) (local.get $new)
          (i32.lt_u (local.get $size) (local.get $new))))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (core module $m
    (import "libc" "memory" (memory 1))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "units") (param i32 i32) (result i32)
      (local.get 1))
    ;; A string wherever the caller says.
    (func (export "at") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    ;; A string of two code units that the caller chooses.
    (func (export "pair") (param i32 i32) (result i32)
      (i32.store8 (i32.const 32) (local.get 0)) (i32.store8 (i32.const 33) (local.get 1))
      (i32.store (i32.const 16) (i32.const 32))
      (i32.store (i32.const 20) (i32.const 2))
      (i32.const 16)))
  (core instance $m (instantiate $m (with "libc" (instance $libc))))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $m "echo") string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "units") (param "text" string) (result u32)
    (canon lift (core func $m "units") string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "at") (param "at" u32) (param "units" u32) (result string)
    (canon lift (core func $m "at") string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "pair") (param "a" u32) (param "b" u32) (result string)
    (canon lift (core func $m "pair") string-encoding=latin1+utf16
      (memory $libc "memory") (realloc (func $libc "realloc")))))

(component instance $echo $Echo)
(assert_return (invoke "echo" (str.const "")) (str.const ""))
(assert_return (invoke "echo" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "echo" (str.const "a\00b")) (str.const "a\00b"))
(assert_return (invoke "echo" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "echo" (str.const "\e6\b0\b4 \f0\9f\8c\8a")) (str.const "\e6\b0\b4 \f0\9f\8c\8a"))
(assert_return (invoke "echo" (str.const "\ef\bf\bf\f4\8f\bf\bf")) (str.const "\ef\bf\bf\f4\8f\bf\bf"))
;; One byte each while all characters are in Latin-1; else UTF-16, which the top
;; bit of the length says.
(assert_return (invoke "units" (str.const "na\c3\afve")) (u32.const 5))
(assert_return (invoke "units" (str.const "\c3\bf")) (u32.const 1))
(assert_return (invoke "units" (str.const "\c4\80")) (u32.const 0x80000001))
(assert_return (invoke "units" (str.const "ab\f0\9f\8c\8a")) (u32.const 0x80000004))

;; Every byte is a character of Latin-1.
(assert_return (invoke "pair" (u32.const 0xe9) (u32.const 0xff)) (str.const "\c3\a9\c3\bf"))
(assert_return (invoke "at" (u32.const 65534) (u32.const 2)) (str.const "\00\00"))
(assert_return (invoke "at" (u32.const 65534) (u32.const 0x80000001)) (str.const "\00"))
(assert_trap (invoke "at" (u32.const 65534) (u32.const 0x80000002)) "string pointer/length out of bounds")
(component instance $echo $Echo)
(assert_trap (invoke "at" (u32.const 65534) (u32.const 3)) "string pointer/length out of bounds")
(component instance $echo $Echo)
;; Where UTF-16 may be, bytes are aligned like it.
(assert_trap (invoke "at" (u32.const 65531) (u32.const 1)) "unaligned pointer")
