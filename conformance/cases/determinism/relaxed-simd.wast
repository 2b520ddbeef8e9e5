;;! deterministic = true

;; SIMD whose results are the machine's affair is refused, by name.

;;@ error.kind = "unsupported"
(assert_invalid
  (component
    (core module $m
      (func (export "f") (param v128 v128 v128) (result v128)
        (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))
    (core instance (instantiate $m)))
  "relaxed SIMD")
;; Ordinary SIMD is not.
(component
  (core module $m
    (func (export "f") (param i32) (result i32)
      (i32x4.extract_lane 2 (i32x4.add (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4)))))
  (core instance $i (instantiate $m))
  (func (export "f") (param "v" u32) (result u32) (canon lift (core func $i "f"))))
(assert_return (invoke "f" (u32.const 39)) (u32.const 42))
