;;! uneven-fuel = true
;;! limits.deadline-ms = 200
;;! limits.fuel = 18000000000000000000

;; Both are limited and time is up first: the error is the deadline's.

(component definition $Guest
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "count") (param i32) (result i32)
      (local i32)
      (loop $next
        (local.set 1 (i32.add (local.get 1) (i32.const 3)))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))
    (func (export "spin") (loop $l (br $l))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add")))
  (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count")))
  (func (export "spin") (canon lift (core func $i "spin"))))

(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "spin") "deadline exceeded")
(assert_trap (invoke "add" (u32.const 1) (u32.const 1)) "poisoned: deadline exceeded")
