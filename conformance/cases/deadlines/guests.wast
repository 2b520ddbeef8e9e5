;;! uneven-fuel = true

;; Guests that never end are stopped when their time is up, whatever they do.

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

;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "spin") "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "calls") "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "recursion") "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "fill") "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "grow") "deadline exceeded")
;;@ error.kind = "poisoned"
(assert_trap (invoke "fine") "poisoned: deadline exceeded")
;; In a start function, which has no time for more than this.
;;@ limits.deadline-ms = 200
;;@ poisoned = "deadline-exceeded"
(assert_trap
  (component
    (core module $m (func $start (loop $l (br $l))) (start $start))
    (core instance (instantiate $m)))
  "deadline exceeded")
;; The others go on.
(component instance $fine $Guest)
(assert_return (invoke "fine") (u32.const 3))
