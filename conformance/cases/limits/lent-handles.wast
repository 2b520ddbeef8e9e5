;;! limits.handles = 4

;; A handle that is lent counts while it is, and no longer.
(component
  (component $Maker
    (type $r' (resource (rep i32)))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "peek") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
    (export $r "r" (type $r'))
    (func (export "make") (param "v" u32) (result (own $r)) (canon lift (core func $m "make")))
    (func (export "peek") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "peek"))))
  (component $User
    (import "maker" (instance $maker
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "v" u32) (result (own $r))))
      (export "peek" (func (param "r" (borrow $r)) (result u32)))))
    (core func $make (canon lower (func $maker "make")))
    (core func $peek (canon lower (func $maker "peek")))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "peek" (func $peek (param i32) (result i32)))
      (func (export "lend") (param $n i32) (result i32)
        (local $handle i32)
        (local $sum i32)
        (local.set $handle (call $make (i32.const 7)))
        (loop $again
          (local.set $sum (i32.add (local.get $sum) (call $peek (local.get $handle))))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum)))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "peek" (func $peek))))))
    (func (export "lend") (param "n" u32) (result u32) (canon lift (core func $i "lend"))))
  (instance $maker (instantiate $Maker))
  (instance $user (instantiate $User (with "maker" (instance $maker))))
  (export "lend" (func $user "lend")))
(assert_return (invoke "lend" (u32.const 20)) (u32.const 140))
