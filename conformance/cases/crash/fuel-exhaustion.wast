;;! limits.fuel = 100000
;;! limits.deadline-ms = 5000

;; An endless loop runs until its fuel is spent, and no longer; so does an endless
;; recursion of calls that return, and one of growth.

(component definition $Guest
  (core module $m
    (memory 1 1)
    (func $nothing)
    (func (export "spin") (loop $l (br $l)))
    (func (export "calls") (loop $l (call $nothing) (br $l)))
    (func (export "grow") (loop $l (drop (memory.grow (i32.const 1))) (br $l)))
    (func (export "fill")
      (loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000)) (br $l)))
    (func (export "fine") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "calls") (canon lift (core func $i "calls")))
  (func (export "grow") (canon lift (core func $i "grow")))
  (func (export "fill") (canon lift (core func $i "fill")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $guest $Guest)
(assert_return (invoke "fine") (u32.const 3))
;;@ error.kind = "out-of-fuel"
;;@ error.consumed = 100000
;;@ usage.fuel = 100000
;;@ poisoned = "out-of-fuel"
(assert_trap (invoke "spin") "out of fuel")
(assert_trap (invoke "fine") "poisoned: out of fuel: 100000 consumed")
(component instance $guest $Guest)
;;@ error.consumed = 100000
(assert_trap (invoke "calls") "out of fuel")
(component instance $guest $Guest)
;;@ error.consumed = 100000
(assert_trap (invoke "grow") "out of fuel")
(component instance $guest $Guest)
;;@ error.consumed = 100000
(assert_trap (invoke "fill") "out of fuel")
(component instance $guest $Guest)
;;@ poisoned = "no"
(assert_return (invoke "fine") (u32.const 3))
