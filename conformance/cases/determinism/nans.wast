;;! deterministic = true
;;! exact-nans = true

;; The bits of NaNs that arithmetic makes are the canonical ones on every machine and
;; every engine; those of NaNs that are only moved are what they were.

(component
  (core module $m
    (func (export "div32") (param f32 f32) (result i32)
      (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 1))))
    (func (export "div64") (param f64 f64) (result i64)
      (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
    (func (export "add32") (param i32 i32) (result i32)
      (i32.reinterpret_f32
        (f32.add (f32.reinterpret_i32 (local.get 0)) (f32.reinterpret_i32 (local.get 1)))))
    (func (export "min64") (param i64 i64) (result i64)
      (i64.reinterpret_f64
        (f64.min (f64.reinterpret_i64 (local.get 0)) (f64.reinterpret_i64 (local.get 1)))))
    (func (export "sqrt64") (param f64) (result i64)
      (i64.reinterpret_f64 (f64.sqrt (local.get 0))))
    (func (export "demote") (param i64) (result i32)
      (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0)))))
    (func (export "promote") (param i32) (result i64)
      (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
    (func (export "lanes") (param i32) (result i32)
      (i32x4.extract_lane 1
        (f32x4.mul
          (f32x4.splat (f32.reinterpret_i32 (local.get 0)))
          (f32x4.splat (f32.const 2)))))
    ;; Not arithmetic.
    (func (export "neg") (param i32) (result i32)
      (i32.reinterpret_f32 (f32.neg (f32.reinterpret_i32 (local.get 0)))))
    (func (export "copysign") (param i32) (result i32)
      (i32.reinterpret_f32 (f32.copysign (f32.reinterpret_i32 (local.get 0)) (f32.const -1))))
    (func (export "move32") (param i32) (result i32) (local f32)
      (local.set 1 (f32.reinterpret_i32 (local.get 0)))
      (i32.reinterpret_f32 (local.get 1)))
    (func (export "nan") (result f32) (f32.div (f32.const 0) (f32.const 0))))
  (core instance $i (instantiate $m))
  (func (export "div32") (param "a" f32) (param "b" f32) (result u32) (canon lift (core func $i "div32")))
  (func (export "div64") (param "a" f64) (param "b" f64) (result u64) (canon lift (core func $i "div64")))
  (func (export "add32") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add32")))
  (func (export "min64") (param "a" u64) (param "b" u64) (result u64) (canon lift (core func $i "min64")))
  (func (export "sqrt64") (param "a" f64) (result u64) (canon lift (core func $i "sqrt64")))
  (func (export "demote") (param "a" u64) (result u32) (canon lift (core func $i "demote")))
  (func (export "promote") (param "a" u32) (result u64) (canon lift (core func $i "promote")))
  (func (export "lanes") (param "a" u32) (result u32) (canon lift (core func $i "lanes")))
  (func (export "neg") (param "a" u32) (result u32) (canon lift (core func $i "neg")))
  (func (export "copysign") (param "a" u32) (result u32) (canon lift (core func $i "copysign")))
  (func (export "move32") (param "a" u32) (result u32) (canon lift (core func $i "move32")))
  (func (export "nan") (result f32) (canon lift (core func $i "nan"))))

(assert_return (invoke "div32" (f32.const 0) (f32.const 0)) (u32.const 0x7fc00000))
(assert_return (invoke "div32" (f32.const -0) (f32.const 0)) (u32.const 0x7fc00000))
(assert_return (invoke "div64" (f64.const inf) (f64.const inf)) (u64.const 0x7ff8000000000000))
(assert_return (invoke "div64" (f64.const -inf) (f64.const inf)) (u64.const 0x7ff8000000000000))
;; A payload goes in, and does not come out.
(assert_return (invoke "add32" (u32.const 0x7fc12345) (u32.const 0x3f800000)) (u32.const 0x7fc00000))
(assert_return (invoke "add32" (u32.const 0xffc12345) (u32.const 0x3f800000)) (u32.const 0x7fc00000))
(assert_return (invoke "add32" (u32.const 0x3f800000) (u32.const 0x7fa00001)) (u32.const 0x7fc00000))
(assert_return (invoke "add32" (u32.const 0x7f800000) (u32.const 0xff800000)) (u32.const 0x7fc00000))
(assert_return (invoke "min64" (u64.const 0xfff8000000001234) (u64.const 0)) (u64.const 0x7ff8000000000000))
(assert_return (invoke "min64" (u64.const 0) (u64.const 0x7ff0000000000001)) (u64.const 0x7ff8000000000000))
(assert_return (invoke "sqrt64" (f64.const -1)) (u64.const 0x7ff8000000000000))
(assert_return (invoke "demote" (u64.const 0xfff8123456789abc)) (u32.const 0x7fc00000))
(assert_return (invoke "promote" (u32.const 0xffc12345)) (u64.const 0x7ff8000000000000))
(assert_return (invoke "lanes" (u32.const 0xffc12345)) (u32.const 0x7fc00000))
;; Moved, with their sign changed or not, they stay.
(assert_return (invoke "neg" (u32.const 0x7fc12345)) (u32.const 0xffc12345))
(assert_return (invoke "copysign" (u32.const 0x7fc12345)) (u32.const 0xffc12345))
(assert_return (invoke "move32" (u32.const 0x7fa00001)) (u32.const 0x7fa00001))
(assert_return (invoke "nan") (f32.const nan))
