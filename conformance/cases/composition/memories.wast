;; Components inside one component have memories of their own: what one writes is not
;; in the other's, and what is passed between them is a copy.

(component
  (component $Inner
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1000))
      ;; Writes over what it was given, and says what the first byte had been.
      (func (export "spoil") (param i32 i32) (result i32)
        (i32.load8_u (local.get 0))
        (memory.fill (i32.const 0) (i32.const 120) (i32.const 65536)))
      (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0))))
    (core instance $i (instantiate $m))
    (func (export "spoil") (param "text" string) (result u32)
      (canon lift (core func $i "spoil") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "peek") (param "at" u32) (result u32) (canon lift (core func $i "peek"))))
  (component $Outer
    (import "inner" (instance $inner
      (export "spoil" (func (param "text" string) (result u32)))))
    (core module $libc (memory (export "memory") 1) (data (i32.const 1000) "abc"))
    (core instance $libc (instantiate $libc))
    (core func $spoil (canon lower (func $inner "spoil") (memory $libc "memory")))
    (core module $m
      (import "" "spoil" (func $spoil (param i32 i32) (result i32)))
      (import "" "memory" (memory 1))
      (func (export "run") (result i32) (call $spoil (i32.const 1000) (i32.const 3)))
      (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "spoil" (func $spoil)) (export "memory" (memory $libc "memory"))))))
    (func (export "run") (result u32) (canon lift (core func $i "run")))
    (func (export "peek") (param "at" u32) (result u32) (canon lift (core func $i "peek"))))
  (instance $inner (instantiate $Inner))
  (instance $outer (instantiate $Outer (with "inner" (instance $inner))))
  (export "run" (func $outer "run"))
  (export "outer" (func $outer "peek"))
  (export "inner" (func $inner "peek")))

(assert_return (invoke "inner" (u32.const 1000)) (u32.const 0))
(assert_return (invoke "run") (u32.const 97))
(assert_return (invoke "inner" (u32.const 1000)) (u32.const 120))
(assert_return (invoke "outer" (u32.const 1000)) (u32.const 97))
(assert_return (invoke "outer" (u32.const 1002)) (u32.const 99))
(assert_return (invoke "outer" (u32.const 0)) (u32.const 0))
(assert_return (invoke "run") (u32.const 97))
