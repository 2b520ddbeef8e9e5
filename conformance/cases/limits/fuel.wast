;;! limits.fuel = 10000

;; A guest that runs out of fuel stops, wherever it is.

(component definition $Burn
  (core module $m
    (func (export "spin") (loop br 0))
    (func (export "count") (param i32) (result i32)
      (local i32)
      (loop $next
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get 1) (local.get 0))))
      (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "count") (param "to" u32) (result u32) (canon lift (core func $i "count"))))

(component instance $burn $Burn)
(assert_return (invoke "count" (u32.const 100)) (u32.const 100))
(assert_trap (invoke "count" (u32.const 1000000)) "out of fuel")
(component instance $burn $Burn)
(assert_trap (invoke "spin") "out of fuel")
(assert_trap
  (component
    (core module $m (func $start (loop br 0)) (start $start))
    (core instance (instantiate $m)))
  "out of fuel")
