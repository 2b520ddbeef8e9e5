;;! exact-nans = true

;; A NaN that is passed keeps its bits, on its way in and on its way out: only
;; arithmetic makes other ones.

(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "bits32") (param f32) (result i32) (i32.reinterpret_f32 (local.get 0)))
    (func (export "bits64") (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
    (func (export "float32") (param i32) (result f32) (f32.reinterpret_i32 (local.get 0)))
    (func (export "float64") (param i64) (result f64) (f64.reinterpret_i64 (local.get 0)))
    (func (export "pair") (param i32 i64) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i64.store (i32.const 8) (local.get 1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "bits32") (param "v" f32) (result u32) (canon lift (core func $i "bits32")))
  (func (export "bits64") (param "v" f64) (result u64) (canon lift (core func $i "bits64")))
  (func (export "float32") (param "v" u32) (result f32) (canon lift (core func $i "float32")))
  (func (export "float64") (param "v" u64) (result f64) (canon lift (core func $i "float64")))
  (func (export "pair") (param "a" u32) (param "b" u64) (result (tuple f32 f64))
    (canon lift (core func $i "pair") (memory $i "memory"))))

(assert_return (invoke "bits32" (f32.const nan)) (u32.const 0x7fc00000))
(assert_return (invoke "bits32" (f32.const -nan:0x123456)) (u32.const 0xff923456))
(assert_return (invoke "bits64" (f64.const nan:0x8000000000001)) (u64.const 0x7ff8000000000001))
(assert_return (invoke "bits64" (f64.const -nan:0x1)) (u64.const 0xfff0000000000001))
(assert_return (invoke "float32" (u32.const 0xffc12345)) (f32.const -nan:0x412345))
(assert_return (invoke "float32" (u32.const 0x7fa00001)) (f32.const nan:0x200001))
(assert_return (invoke "float64" (u64.const 0xfff8123456789abc)) (f64.const -nan:0x8123456789abc))
(assert_return (invoke "pair" (u32.const 0x7fc00001) (u64.const 0x7ff8000000000002))
  (tuple.const (f32.const nan:0x400001) (f64.const nan:0x8000000000002)))
