;; Maps and lists of a fixed length. Scripts write both as lists, a map's entries
;; as pairs.

(component
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (local.get 4)))
  (core instance $libc (instantiate $libc))
  (core module $m
    (import "libc" "memory" (memory 1))
    (func (export "two-words") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "three-bytes") (param i32 i32 i32) (result i32)
      (i32.store8 (i32.const 16) (local.get 0))
      (i32.store8 (i32.const 17) (local.get 1))
      (i32.store8 (i32.const 18) (local.get 2))
      (i32.const 16))
    (func (export "swap") (param i64 i64) (result i32)
      (i64.store (i32.const 16) (local.get 1))
      (i64.store (i32.const 24) (local.get 0))
      (i32.const 16)))
  (core instance $m (instantiate $m (with "libc" (instance $libc))))
  (func (export "map") (param "v" (map string u32)) (result (map string u32))
    (canon lift (core func $m "two-words")
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "nested") (param "v" (map u8 (list u16))) (result (map u8 (list u16)))
    (canon lift (core func $m "two-words")
      (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "three") (param "v" (list u8 3)) (result (list u8 3))
    (canon lift (core func $m "three-bytes") (memory $libc "memory")))
  (func (export "swap") (param "v" (list s64 2)) (result (list s64 2))
    (canon lift (core func $m "swap") (memory $libc "memory"))))
(assert_return (invoke "map" (list.const)) (list.const))
(assert_return
  (invoke "map" (list.const
    (tuple.const (str.const "one") (u32.const 1))
    (tuple.const (str.const "\c3\a9") (u32.const 4294967295))))
  (list.const
    (tuple.const (str.const "one") (u32.const 1))
    (tuple.const (str.const "\c3\a9") (u32.const 4294967295))))
(assert_return
  (invoke "nested" (list.const
    (tuple.const (u8.const 255) (list.const))
    (tuple.const (u8.const 0) (list.const (u16.const 1) (u16.const 65535)))))
  (list.const
    (tuple.const (u8.const 255) (list.const))
    (tuple.const (u8.const 0) (list.const (u16.const 1) (u16.const 65535)))))
(assert_return (invoke "three" (list.const (u8.const 1) (u8.const 2) (u8.const 255)))
  (list.const (u8.const 1) (u8.const 2) (u8.const 255)))
(assert_return (invoke "swap" (list.const (s64.const -1) (s64.const 2)))
  (list.const (s64.const 2) (s64.const -1)))
