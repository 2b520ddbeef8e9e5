;; A component that passes on a resource type of another one's, which was loaded after
;; it: what is dropped is still the other's.

(component definition $Middle
  (import "maker" (instance $maker
    (export "r" (type $r (sub resource)))
    (export "make" (func (param "v" u32) (result (own $r))))))
  (alias export $maker "r" (type $r))
  (export $passed "r" (type $r))
  (core func $make (canon lower (func $maker "make")))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (func (export "make") (param i32) (result i32) (call $make (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
  (func (export "make") (param "v" u32) (result (own $passed)) (canon lift (core func $i "make"))))

(component $maker
  (core module $state
    (global $ended (mut i32) (i32.const 0))
    (func (export "dtor") (param i32)
      (global.set $ended (i32.add (i32.mul (global.get $ended) (i32.const 10)) (local.get 0))))
    (func (export "ended") (result i32) global.get $ended))
  (core instance $state (instantiate $state))
  (type $r' (resource (rep i32) (dtor (func $state "dtor"))))
  (core func $new (canon resource.new $r'))
  (core func $rep (canon resource.rep $r'))
  (core func $drop (canon resource.drop $r'))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "peek") (param i32) (result i32) (local.get 0))
    (func (export "take") (param i32) (result i32)
      (local i32)
      (local.set 1 (call $rep (local.get 0)))
      (call $drop (local.get 0))
      (local.get 1)))
  (core instance $m (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
  (export $r "r" (type $r'))
  (func (export "make") (param "v" u32) (result (own $r)) (canon lift (core func $m "make")))
  (func (export "peek") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "peek")))
  (func (export "take") (param "r" (own $r)) (result u32) (canon lift (core func $m "take")))
  (func (export "ended") (result u32) (canon lift (core func $state "ended"))))
(register "maker")

(component instance $middle $Middle)
(register "middle")

(component $user
  (import "middle" (instance $middle
    (export "r" (type $r (sub resource)))
    (export "make" (func (param "v" u32) (result (own $r))))))
  (alias export $middle "r" (type $r))
  (core func $make (canon lower (func $middle "make")))
  (core func $drop (canon resource.drop $r))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "drop") (param i32) (call $drop (call $make (local.get 0)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "drop") (param "v" u32) (canon lift (core func $i "drop"))))
(assert_return (invoke $user "drop" (u32.const 4)))
(assert_return (invoke $maker "ended") (u32.const 4))
(assert_return (invoke $user "drop" (u32.const 5)))
(assert_return (invoke $maker "ended") (u32.const 45))
