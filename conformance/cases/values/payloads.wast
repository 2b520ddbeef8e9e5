;; The payload of a case in memory is where its own alignment wants it, whatever the
;; size of the discriminant before it.

(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    ;; Where the first element has its payload, with the discriminant in front of it.
    (func (export "wide") (param i32 i32) (result i64)
      (i64.add
        (i64.load (i32.add (local.get 0) (i32.const 8)))
        (i64.extend_i32_u (i32.load8_u (local.get 0)))))
    (func (export "half") (param i32 i32) (result i32)
      (i32.add
        (i32.load16_u (i32.add (local.get 0) (i32.const 2)))
        (i32.load8_u (local.get 0))))
    (func (export "byte") (param i32 i32) (result i32)
      (i32.add
        (i32.load8_u (i32.add (local.get 0) (i32.const 1)))
        (i32.load8_u (local.get 0)))))
  (core instance $i (instantiate $m))
  (func (export "wide") (param "v" (list (option u64))) (result u64)
    (canon lift (core func $i "wide") (memory $i "memory") (realloc (func $i "realloc"))))
  (func (export "half") (param "v" (list (result u16 (error u8)))) (result u32)
    (canon lift (core func $i "half") (memory $i "memory") (realloc (func $i "realloc"))))
  (func (export "byte") (param "v" (list (option u8))) (result u32)
    (canon lift (core func $i "byte") (memory $i "memory") (realloc (func $i "realloc")))))

(assert_return
  (invoke "wide" (list.const (option.some (u64.const 0x1122334455667700))))
  (u64.const 0x1122334455667701))
(assert_return (invoke "half" (list.const (result.ok (u16.const 0x4100)))) (u32.const 0x4100))
(assert_return (invoke "byte" (list.const (option.some (u8.const 0x41)))) (u32.const 0x42))
