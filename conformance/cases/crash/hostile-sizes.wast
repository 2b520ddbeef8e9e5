;; Sizes that no machine has: the guest gets -1 or a trap, and the process goes on.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "repeat" (func (param "text" string) (param "times" u32) (result string)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 0) "0123456789")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $repeat
    (canon lower (func $host "repeat") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $m
    (import "" "repeat" (func $repeat (param i32 i32 i32 i32)))
    (import "" "memory" (memory 1))
    (table $t 1 funcref)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow-table") (param i32) (result i32)
      (table.grow $t (ref.null func) (local.get 0)))
    (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
    (func (export "fill-table") (param i32)
      (table.fill $t (i32.const 0) (ref.null func) (local.get 0)))
    (func (export "pair") (param i32) (result i32)
      (i32.store (i32.const 512) (i32.const 0))
      (i32.store (i32.const 516) (local.get 0))
      (i32.const 512))
    (func (export "repeat") (param i32)
      (call $repeat (i32.const 0) (i32.const 10) (local.get 0) (i32.const 512))))
  (core instance $i (instantiate $m (with "" (instance
    (export "repeat" (func $repeat)) (export "memory" (memory $libc "memory"))))))
  (func (export "grow") (param "n" u32) (result s32) (canon lift (core func $i "grow")))
  (func (export "grow-table") (param "n" u32) (result s32)
    (canon lift (core func $i "grow-table")))
  (func (export "fill") (param "n" u32) (canon lift (core func $i "fill")))
  (func (export "fill-table") (param "n" u32) (canon lift (core func $i "fill-table")))
  (func (export "strings") (param "n" u32) (result (list string))
    (canon lift (core func $i "pair") (memory $libc "memory")))
  (func (export "bytes") (param "n" u32) (result (list u8))
    (canon lift (core func $i "pair") (memory $libc "memory")))
  (func (export "repeat") (param "times" u32) (canon lift (core func $i "repeat"))))

(component instance $g $Guest)
;;@ usage.growth-refused = 1
(assert_return (invoke "grow-table" (u32.const 1073741824)) (s32.const -1))
(assert_return (invoke "grow-table" (u32.const 0xffffffff)) (s32.const -1))
(assert_return (invoke "grow" (u32.const 65536)) (s32.const -1))
;;@ usage = { memory = "64KiB", table-elements = 1, growth-refused = 4 }
(assert_return (invoke "grow" (u32.const 0xffffffff)) (s32.const -1))
(assert_trap (invoke "fill" (u32.const 0xffffffff)) "out of bounds memory access")
(component instance $g $Guest)
(assert_trap (invoke "fill-table" (u32.const 0xffffffff)) "out of bounds table access")
;; Lists that would be larger than the guest's memory.
(component instance $g $Guest)
;;@ error.trap = "list-out-of-bounds"
(assert_trap (invoke "bytes" (u32.const 0xffffffff)) "list pointer/length out of bounds")
(component instance $g $Guest)
;;@ error.trap = "list-out-of-bounds"
(assert_trap (invoke "strings" (u32.const 0x1fffffff)) "list pointer/length out of bounds")
(component instance $g $Guest)
;;@ error.trap = "list-out-of-bounds"
(assert_trap (invoke "strings" (u32.const 0x20000001)) "list pointer/length out of bounds")
;; A text that the guest has no room for.
(component instance $g $Guest)
(assert_return (invoke "repeat" (u32.const 10)))
;;@ error.trap = "pointer-out-of-bounds"
(assert_trap (invoke "repeat" (u32.const 100000)) "realloc return: beyond end of memory")
(component instance $g $Guest)
(assert_return (invoke "repeat" (u32.const 10)))
