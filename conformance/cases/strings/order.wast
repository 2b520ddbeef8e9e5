;; Texts keep their places: of several arguments, of a record's fields, of a list's
;; elements, none is another one's, in whole or in part.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top
        (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
    ;; Three texts as they came.
    (func (export "three") (param i32 i32 i32 i32 i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
      (i32.store (i32.const 8) (local.get 2)) (i32.store (i32.const 12) (local.get 3))
      (i32.store (i32.const 16) (local.get 4)) (i32.store (i32.const 20) (local.get 5))
      (i32.const 0))
    ;; The second and the first.
    (func (export "swap") (param i32 i32 i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 2)) (i32.store (i32.const 4) (local.get 3))
      (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1))
      (i32.const 0))
    ;; The n-th of a list.
    (func (export "nth") (param i32 i32 i32) (result i32)
      (i32.add (local.get 0) (i32.mul (local.get 2) (i32.const 8)))))
  (core instance $i (instantiate $m))
  (type $pair (record (field "key" string) (field "value" string)))
  (export $p "pair" (type $pair))
  (func (export "three") (param "a" string) (param "b" string) (param "c" string)
    (result (tuple string string string))
    (canon lift (core func $i "three") (memory $i "memory") (realloc (func $i "realloc"))))
  (func (export "swap") (param "p" $p) (result $p)
    (canon lift (core func $i "swap") (memory $i "memory") (realloc (func $i "realloc"))))
  (func (export "nth") (param "all" (list string)) (param "n" u32) (result string)
    (canon lift (core func $i "nth") (memory $i "memory") (realloc (func $i "realloc")))))

(assert_return (invoke "three" (str.const "one") (str.const "two") (str.const "three"))
  (tuple.const (str.const "one") (str.const "two") (str.const "three")))
(assert_return (invoke "three" (str.const "") (str.const "x") (str.const ""))
  (tuple.const (str.const "") (str.const "x") (str.const "")))
(assert_return (invoke "three" (str.const "same") (str.const "eman") (str.const "mane"))
  (tuple.const (str.const "same") (str.const "eman") (str.const "mane")))
(assert_return
  (invoke "swap" (record.const (field "key" str.const "k") (field "value" str.const "longer value")))
  (record.const (field "key" str.const "longer value") (field "value" str.const "k")))
(assert_return
  (invoke "nth" (list.const (str.const "a") (str.const "bb") (str.const "ccc")) (u32.const 0))
  (str.const "a"))
(assert_return
  (invoke "nth" (list.const (str.const "a") (str.const "bb") (str.const "ccc")) (u32.const 1))
  (str.const "bb"))
(assert_return
  (invoke "nth" (list.const (str.const "a") (str.const "bb") (str.const "ccc")) (u32.const 2))
  (str.const "ccc"))
