;;! uneven-fuel = true
;;! limits.deadline-ms = 5000

;; Another thread cancels guests that never end, whatever they do.

(component definition $Guest
  (core module $m
    (memory 256)
    (func $nothing)
    (func $down (param i32) (if (local.get 0)
      (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "spin") (loop $l (br $l)))
    (func (export "calls") (loop $l (call $nothing) (br $l)))
    (func (export "recursion") (loop $l (call $down (i32.const 100)) (br $l)))
    (func (export "fill")
      (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br $l)))
    (func (export "grow") (loop $l (drop (memory.grow (i32.const 65536))) (br $l)))
    (func (export "fine") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "calls") (canon lift (core func $i "calls")))
  (func (export "recursion") (canon lift (core func $i "recursion")))
  (func (export "fill") (canon lift (core func $i "fill")))
  (func (export "grow") (canon lift (core func $i "grow")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
(assert_trap (invoke "spin") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
(assert_trap (invoke "calls") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
(assert_trap (invoke "recursion") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
(assert_trap (invoke "fill") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.kind = "cancelled"
;;@ poisoned = "cancelled"
(assert_trap (invoke "grow") "cancelled")
;;@ error.kind = "poisoned"
(assert_trap (invoke "fine") "poisoned: cancelled")
;; While it is instantiated.
;;@ cancel = "meanwhile"
;;@ poisoned = "cancelled"
(assert_trap
  (component
    (core module $m (func $start (loop $l (br $l))) (start $start))
    (core instance (instantiate $m)))
  "cancelled")
(component instance $fine $Guest)
;;@ poisoned = "no"
(assert_return (invoke "fine") (u32.const 3))
