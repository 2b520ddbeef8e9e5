;;! limits.fuel = 10000

;; Work that needs more fuel than there is stops when it is spent; the same work
;; with enough of it ends.

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
;;@ error.kind = "out-of-fuel"
;;@ error.consumed = 10000
;;@ usage.fuel = 10000
;;@ poisoned = "out-of-fuel"
(assert_trap (invoke "count" (u32.const 100000)) "out of fuel")
(component instance $guest $Guest)
;;@ set-fuel = 2000000
;;@ call.fuel = 900002
(assert_return (invoke "count" (u32.const 100000)) (u32.const 300000))
