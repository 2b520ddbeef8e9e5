;;! limits.deadline-ms = 30

;; A guest that runs past its deadline stops.

(component definition $Spin
  (core module $m
    (func (export "spin") (loop br 0))
    (func (export "fine") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $spin $Spin)
(assert_return (invoke "fine") (u32.const 1))
(assert_trap (invoke "spin") "deadline exceeded")
(assert_trap (invoke "fine") "cannot enter component instance")
(assert_trap
  (component
    (core module $m (func $start (loop br 0)) (start $start))
    (core instance (instantiate $m)))
  "deadline exceeded")
