;; Strings in utf8, to a guest and back. The guest keeps what it gets and tells
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
    (canon lift (core func $m "echo") string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "units") (param "text" string) (result u32)
    (canon lift (core func $m "units") string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "at") (param "at" u32) (param "units" u32) (result string)
    (canon lift (core func $m "at") string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "pair") (param "a" u32) (param "b" u32) (result string)
    (canon lift (core func $m "pair") string-encoding=utf8
      (memory $libc "memory") (realloc (func $libc "realloc")))))

(component instance $echo $Echo)
(assert_return (invoke "echo" (str.const "")) (str.const ""))
(assert_return (invoke "echo" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "echo" (str.const "a\00b")) (str.const "a\00b"))
(assert_return (invoke "echo" (str.const "na\c3\afve")) (str.const "na\c3\afve"))
(assert_return (invoke "echo" (str.const "\e6\b0\b4 \f0\9f\8c\8a")) (str.const "\e6\b0\b4 \f0\9f\8c\8a"))
(assert_return (invoke "echo" (str.const "\ef\bf\bf\f4\8f\bf\bf")) (str.const "\ef\bf\bf\f4\8f\bf\bf"))
(assert_return (invoke "units" (str.const "")) (u32.const 0))
(assert_return (invoke "units" (str.const "na\c3\afve")) (u32.const 6))
(assert_return (invoke "units" (str.const "\f0\9f\8c\8a")) (u32.const 4))

;; Bytes that are no UTF-8: a lonely continuation, a lonely start, an overlong
;; form, a surrogate.
(assert_return (invoke "pair" (u32.const 0x41) (u32.const 0x7f)) (str.const "A\7f"))
(assert_return (invoke "pair" (u32.const 0xc3) (u32.const 0xa9)) (str.const "\c3\a9"))
(assert_trap (invoke "pair" (u32.const 0x41) (u32.const 0x80)) "invalid utf-8")
(component instance $echo $Echo)
(assert_trap (invoke "pair" (u32.const 0x41) (u32.const 0xc3)) "incomplete utf-8 byte sequence")
(component instance $echo $Echo)
(assert_trap (invoke "pair" (u32.const 0xc0) (u32.const 0x80)) "invalid utf-8")
(component instance $echo $Echo)
(assert_trap (invoke "pair" (u32.const 0xed) (u32.const 0xa0)) "invalid utf-8")

;; Up to the end of memory, and beyond it.
(component instance $echo $Echo)
(assert_return (invoke "at" (u32.const 65535) (u32.const 1)) (str.const "\00"))
(assert_return (invoke "at" (u32.const 65536) (u32.const 0)) (str.const ""))
(assert_trap (invoke "at" (u32.const 65535) (u32.const 2)) "string pointer/length out of bounds")
(component instance $echo $Echo)
(assert_trap (invoke "at" (u32.const 0xffffffff) (u32.const 0xffffffff)) "string pointer/length out of bounds")
