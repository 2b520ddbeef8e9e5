;;! limits.deadline-ms = 10000
;;! limits.fuel = 10000

;; Fuel is consumed, and runs out, wherever a guest's code runs: in start functions,
;; in what allocates for its arguments, behind its results, in destructors, and in a
;; component that another one calls.

(component definition $Guest
  (core module $m
    (memory (export "memory") 1)
    (global $spin (mut i32) (i32.const 0))
    (func $maybe (param i32)
      (if (i32.eq (local.get 0) (global.get $spin)) (then (loop $l (br $l)))))
    (func (export "spin-in") (param i32) (global.set $spin (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $maybe (i32.const 1)) (i32.const 64))
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "post") (param i32) (call $maybe (i32.const 2))))
  (core instance $i (instantiate $m))
  (func (export "spin-in") (param "what" u32) (canon lift (core func $i "spin-in")))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))
      (post-return (func $i "post")))))
(component definition $Outer
  (component $Inner
    (core module $m
      (func (export "spin") (loop $l (br $l)))
      (func (export "count") (param i32)
        (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
    (core instance $i (instantiate $m))
    (type $r' (resource (rep i32) (dtor (func $i "count"))))
    (core func $new (canon resource.new $r'))
    (export $r "r" (type $r'))
    (core func $new2 (canon resource.new $r'))
    (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $new2)))
    (func (export "count") (param "n" u32) (canon lift (core func $i "count")))
    (func (export "spin") (canon lift (core func $i "spin"))))
  (component $User
    (import "inner" (instance $inner
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "n" u32) (result (own $r))))
      (export "count" (func (param "n" u32)))
      (export "spin" (func))))
    (alias export $inner "r" (type $r))
    (core func $make (canon lower (func $inner "make")))
    (core func $count (canon lower (func $inner "count")))
    (core func $spin (canon lower (func $inner "spin")))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "count" (func $count (param i32)))
      (import "" "spin" (func $spin))
      (import "" "drop" (func $drop (param i32)))
      (func (export "count") (param i32) (call $count (local.get 0)))
      (func (export "spin") (call $spin))
      (func (export "drop") (param i32) (call $drop (call $make (local.get 0)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "count" (func $count))
      (export "spin" (func $spin)) (export "drop" (func $drop))))))
    (func (export "count") (param "n" u32) (canon lift (core func $i "count")))
    (func (export "drop") (param "n" u32) (canon lift (core func $i "drop")))
    (func (export "spin") (canon lift (core func $i "spin"))))
  (instance $inner (instantiate $Inner))
  (instance $user (instantiate $User (with "inner" (instance $inner))))
  (export "count" (func $user "count"))
  (export "drop" (func $user "drop"))
  (export "spin" (func $user "spin")))

;; Start functions.
;;@ usage.fuel = 505
(component
  (core module $m
    (func $start (local i32)
      (local.set 0 (i32.const 100))
      (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (start $start))
  (core instance (instantiate $m)))
;;@ error.consumed = 10000
;;@ usage.fuel = 10000
;;@ poisoned = "out-of-fuel"
(assert_trap
  (component
    (core module $m (func $start (loop $l (br $l))) (start $start))
    (core instance (instantiate $m)))
  "out of fuel")

;; Allocation, and what comes behind the results.
(component instance $guest $Guest)
;;@ call.fuel = 19
(assert_return (invoke "take" (str.const "four")) (u32.const 4))
(assert_return (invoke "spin-in" (u32.const 1)))
;;@ usage.fuel = 10000
(assert_trap (invoke "take" (str.const "four")) "out of fuel")
(component instance $guest $Guest)
(assert_return (invoke "spin-in" (u32.const 2)))
;;@ usage.fuel = 10000
(assert_trap (invoke "take" (str.const "four")) "out of fuel")

;; Another component, and a destructor there.
(component instance $outer $Outer)
;;@ call.fuel = 520
(assert_return (invoke "count" (u32.const 100)))
;;@ call.fuel = 526
(assert_return (invoke "drop" (u32.const 100)))
;;@ usage.fuel = 10000
(assert_trap (invoke "drop" (u32.const 100000)) "out of fuel")
(component instance $outer $Outer)
;;@ usage.fuel = 10000
(assert_trap (invoke "spin") "out of fuel")
