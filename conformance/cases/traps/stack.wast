;;! uneven-fuel = true

;; Endless recursion ends with a trap: direct, in turns, through a table, in a start
;; function, and with large frames.

(component definition $Guest
  (core module $m
    (table 1 funcref)
    (elem (i32.const 0) $table)
    (type $t (func (param i32) (result i32)))
    (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
    (func $ping (export "ping") (param i32) (result i32)
      (i32.add (call $pong (local.get 0)) (i32.const 1)))
    (func $pong (param i32) (result i32) (i32.add (call $ping (local.get 0)) (i32.const 2)))
    (func $table (export "table") (param i32) (result i32)
      (i32.add (call_indirect (type $t) (local.get 0) (i32.const 0)) (i32.const 1)))
    (func $wide (export "wide") (param f64) (result f64)
      (local f64 f64 f64 f64 f64 f64 f64 f64)
      (local.set 1 (f64.add (local.get 0) (f64.const 1)))
      (local.set 2 (f64.add (local.get 1) (f64.const 1)))
      (local.set 3 (f64.add (local.get 2) (f64.const 1)))
      (local.set 4 (f64.add (local.get 3) (f64.const 1)))
      (f64.add (call $wide (local.get 4))
        (f64.add (f64.add (local.get 1) (local.get 2)) (f64.add (local.get 3) (local.get 4)))))
    (func (export "fine") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "deep") (result s32) (canon lift (core func $i "deep")))
  (func (export "ping") (param "v" u32) (result s32) (canon lift (core func $i "ping")))
  (func (export "table") (param "v" u32) (result s32) (canon lift (core func $i "table")))
  (func (export "wide") (param "v" f64) (result f64) (canon lift (core func $i "wide")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $fine $Guest)
(component instance $g $Guest)
;;@ error.trap = "stack-overflow"
;;@ poisoned = "trap"
(assert_exhaustion (invoke "deep") "call stack exhausted")
(assert_trap (invoke "fine") "poisoned: trap: call stack exhausted")
(component instance $g $Guest)
(assert_exhaustion (invoke "ping" (u32.const 0)) "call stack exhausted")
(component instance $g $Guest)
(assert_exhaustion (invoke "table" (u32.const 0)) "call stack exhausted")
(component instance $g $Guest)
(assert_exhaustion (invoke "wide" (f64.const 0)) "call stack exhausted")
(assert_trap
  (component
    (core module $m (func $start (call $start)  (call $start)) (start $start))
    (core instance (instantiate $m)))
  "call stack exhausted")
(assert_return (invoke $fine "fine") (u32.const 1))
