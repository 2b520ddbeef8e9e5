;; What a guest may not pass to the host, by trap, in results and in the arguments of
;; host functions.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "note" (func (param "text" string)))
    (export "echo" (func (param "text" string) (result string)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 0) "good\ff\fe\80")
    (global $at (mut i32) (i32.const 1024))
    (func (export "realloc-is") (param i32) (global.set $at (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $at)))
  (core instance $libc (instantiate $libc))
  (core func $note (canon lower (func $host "note") (memory $libc "memory")))
  (core func $echo
    (canon lower (func $host "echo") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $m
    (import "" "note" (func $note (param i32 i32)))
    (import "" "echo" (func $echo (param i32 i32 i32)))
    (import "" "memory" (memory 1))
    (func (export "number") (param i32) (result i32) (local.get 0))
    (func (export "pair") (param i32 i32) (result i32)
      (i32.store (i32.const 512) (local.get 0))
      (i32.store (i32.const 516) (local.get 1))
      (i32.const 512))
    (func (export "note") (param i32 i32) (call $note (local.get 0) (local.get 1)))
    (func (export "echo") (param i32) (call $echo (i32.const 0) (i32.const 4) (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance
    (export "note" (func $note)) (export "echo" (func $echo))
    (export "memory" (memory $libc "memory"))))))
  (func (export "realloc-is") (param "at" u32) (canon lift (core func $libc "realloc-is")))
  (func (export "char") (param "v" u32) (result char) (canon lift (core func $i "number")))
  (type $e (enum "a" "b" "c"))
  (export $enum "e" (type $e))
  (func (export "enum") (param "v" u32) (result $enum) (canon lift (core func $i "number")))
  (func (export "string") (param "at" u32) (param "len" u32) (result string)
    (canon lift (core func $i "pair") (memory $libc "memory")))
  (func (export "list") (param "at" u32) (param "len" u32) (result (list u32))
    (canon lift (core func $i "pair") (memory $libc "memory")))
  (func (export "returned-at") (param "at" u32) (result (tuple u32 u32))
    (canon lift (core func $i "number") (memory $libc "memory")))
  (func (export "note") (param "at" u32) (param "len" u32) (canon lift (core func $i "note")))
  (func (export "echo") (param "at" u32) (canon lift (core func $i "echo"))))

(component instance $g $Guest)
(assert_return (invoke "char" (u32.const 0x10ffff)) (char.const "\f4\8f\bf\bf"))
;;@ error.trap = "invalid-char"
;;@ poisoned = "trap"
(assert_trap (invoke "char" (u32.const 0xd800)) "invalid `char` bit pattern")
(component instance $g $Guest)
;;@ error.trap = "invalid-char"
(assert_trap (invoke "char" (u32.const 0x110000)) "invalid `char` bit pattern")
(component instance $g $Guest)
(assert_return (invoke "enum" (u32.const 2)) (enum.const "c"))
;;@ error.trap = "invalid-discriminant"
(assert_trap (invoke "enum" (u32.const 3)) "invalid variant discriminant")
(component instance $g $Guest)
(assert_return (invoke "string" (u32.const 0) (u32.const 4)) (str.const "good"))
;;@ error.trap = "invalid-string"
(assert_trap (invoke "string" (u32.const 2) (u32.const 4)) "invalid utf-8")
(component instance $g $Guest)
(assert_return (invoke "string" (u32.const 65536) (u32.const 0)) (str.const ""))
;;@ error.trap = "string-out-of-bounds"
(assert_trap (invoke "string" (u32.const 65535) (u32.const 2)) "string pointer/length out of bounds")
(component instance $g $Guest)
;;@ error.trap = "string-out-of-bounds"
(assert_trap (invoke "string" (u32.const 8) (u32.const 0x7fffffff)) "string pointer/length out of bounds")
(component instance $g $Guest)
(assert_return (invoke "list" (u32.const 1024) (u32.const 1)) (list.const (u32.const 0)))
;;@ error.trap = "list-out-of-bounds"
(assert_trap (invoke "list" (u32.const 65532) (u32.const 2)) "list pointer/length out of bounds")
(component instance $g $Guest)
;;@ error.trap = "unaligned-pointer"
(assert_trap (invoke "list" (u32.const 2) (u32.const 1)) "list pointer is not aligned")
(component instance $g $Guest)
(assert_return (invoke "returned-at" (u32.const 65528))
  (tuple.const (u32.const 0) (u32.const 0)))
;;@ error.trap = "pointer-out-of-bounds"
(assert_trap (invoke "returned-at" (u32.const 65532)) "pointer out of bounds")
(component instance $g $Guest)
;;@ error.trap = "unaligned-pointer"
(assert_trap (invoke "returned-at" (u32.const 65530)) "return pointer not aligned")
;; The host is not called with what is broken.
(component instance $g $Guest)
;;@ log = ["good"]
(assert_return (invoke "note" (u32.const 0) (u32.const 4)))
;;@ error.trap = "invalid-string"
;;@ log = []
(assert_trap (invoke "note" (u32.const 0) (u32.const 6)) "invalid utf-8")
(component instance $g $Guest)
;;@ error.trap = "string-out-of-bounds"
;;@ log = []
(assert_trap (invoke "note" (u32.const 65535) (u32.const 2)) "string pointer/length out of bounds")
;; What `realloc` gives is looked at.
(component instance $g $Guest)
(assert_return (invoke "echo" (u32.const 512)))
(assert_return (invoke "realloc-is" (u32.const 65534)))
;;@ error.trap = "pointer-out-of-bounds"
;;@ poisoned = "trap"
(assert_trap (invoke "echo" (u32.const 512)) "realloc return: beyond end of memory")
