;; A handle that is lent for a call cannot be given away in the same call.

(component definition $Lent
  (component $Maker
    (type $r' (resource (rep i32)))
    (core func $new (canon resource.new $r'))
    (core func $drop (canon resource.drop $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "both") (param i32 i32) (result i32)
        (call $drop (local.get 1))
        (local.get 0)))
    (core instance $m (instantiate $m (with "" (instance
      (export "new" (func $new)) (export "drop" (func $drop))))))
    (export $r "r" (type $r'))
    (func (export "make") (param "v" u32) (result (own $r)) (canon lift (core func $m "make")))
    (func (export "both") (param "lent" (borrow $r)) (param "given" (own $r)) (result u32)
      (canon lift (core func $m "both"))))
  (component $User
    (import "maker" (instance $maker
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "v" u32) (result (own $r))))
      (export "both" (func (param "lent" (borrow $r)) (param "given" (own $r)) (result u32)))))
    (core func $make (canon lower (func $maker "make")))
    (core func $both (canon lower (func $maker "both")))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "both" (func $both (param i32 i32) (result i32)))
      (func (export "two") (result i32)
        (call $both (call $make (i32.const 7)) (call $make (i32.const 8))))
      (func (export "same") (result i32)
        (local i32)
        (local.set 0 (call $make (i32.const 9)))
        (call $both (local.get 0) (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "both" (func $both))))))
    (func (export "two") (result u32) (canon lift (core func $i "two")))
    (func (export "same") (result u32) (canon lift (core func $i "same"))))
  (instance $maker (instantiate $Maker))
  (instance $user (instantiate $User (with "maker" (instance $maker))))
  (export "two" (func $user "two"))
  (export "same" (func $user "same")))

(component instance $l $Lent)
(assert_return (invoke "two") (u32.const 7))
;;@ error.trap = "handle-lent"
(assert_trap (invoke "same") "cannot remove owned resource while borrowed")
