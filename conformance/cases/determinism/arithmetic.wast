;;! deterministic = true

;; Floats in places where engines and machines may differ: rounding, the sign of zero,
;; the smallest numbers, conversions at the edge. Bit for bit.

(component
  (core module $m
    (func (export "div") (param f64 f64) (result i64)
      (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
    (func (export "mul") (param f64 f64) (result i64)
      (i64.reinterpret_f64 (f64.mul (local.get 0) (local.get 1))))
    (func (export "fused") (param f64 f64 f64) (result i64)
      (i64.reinterpret_f64 (f64.add (f64.mul (local.get 0) (local.get 1)) (local.get 2))))
    (func (export "nearest") (param f64) (result i64)
      (i64.reinterpret_f64 (f64.nearest (local.get 0))))
    (func (export "min") (param f64 f64) (result i64)
      (i64.reinterpret_f64 (f64.min (local.get 0) (local.get 1))))
    (func (export "demote") (param f64) (result i32)
      (i32.reinterpret_f32 (f32.demote_f64 (local.get 0))))
    (func (export "from-u64") (param i64) (result i32)
      (i32.reinterpret_f32 (f32.convert_i64_u (local.get 0))))
    (func (export "sat") (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "div") (param "a" f64) (param "b" f64) (result u64) (canon lift (core func $i "div")))
  (func (export "mul") (param "a" f64) (param "b" f64) (result u64) (canon lift (core func $i "mul")))
  (func (export "fused") (param "a" f64) (param "b" f64) (param "c" f64) (result u64)
    (canon lift (core func $i "fused")))
  (func (export "nearest") (param "a" f64) (result u64) (canon lift (core func $i "nearest")))
  (func (export "min") (param "a" f64) (param "b" f64) (result u64) (canon lift (core func $i "min")))
  (func (export "demote") (param "a" f64) (result u32) (canon lift (core func $i "demote")))
  (func (export "from-u64") (param "a" u64) (result u32) (canon lift (core func $i "from-u64")))
  (func (export "sat") (param "a" f64) (result s32) (canon lift (core func $i "sat"))))
(assert_return (invoke "div" (f64.const 1) (f64.const 3)) (u64.const 0x3fd5555555555555))
(assert_return (invoke "mul" (f64.const 0x1p-1074) (f64.const 0.5)) (u64.const 0))
(assert_return (invoke "mul" (f64.const 0x3p-1074) (f64.const 0.5)) (u64.const 2))
;; Rounded twice: a fused operation would give another number.
(assert_return
  (invoke "fused" (f64.const 0x1.0000000000001p0) (f64.const 0x1.ffffffffffffep-1) (f64.const -1))
  (u64.const 0))
(assert_return (invoke "nearest" (f64.const -0.5)) (u64.const 0x8000000000000000))
(assert_return (invoke "nearest" (f64.const 2.5)) (u64.const 0x4000000000000000))
(assert_return (invoke "min" (f64.const 0) (f64.const -0)) (u64.const 0x8000000000000000))
(assert_return (invoke "demote" (f64.const 0x1.000001p0)) (u32.const 0x3f800000))
(assert_return (invoke "demote" (f64.const 0x1.0000011p0)) (u32.const 0x3f800001))
(assert_return (invoke "demote" (f64.const 0x1.fffffffp127)) (u32.const 0x7f800000))
(assert_return (invoke "from-u64" (u64.const 0xffffffffffffffff)) (u32.const 0x5f800000))
(assert_return (invoke "from-u64" (u64.const 0x8000008000000001)) (u32.const 0x5f000001))
(assert_return (invoke "sat" (f64.const 1e300)) (s32.const 2147483647))
(assert_return (invoke "sat" (f64.const nan)) (s32.const 0))
