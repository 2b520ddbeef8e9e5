;; What may not be done with handles, by trap: one of another type, one that is lent,
;; a borrow in the place of an own, one that is not there.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "fragile" (type $fragile (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))
    (export "[constructor]fragile" (func (result (own $fragile))))
    (export "[method]thing.value" (func (param "self" (borrow $thing)) (result u32)))
    (export "consume" (func (param "t" (own $thing)) (result u32)))))
  (alias export $host "thing" (type $thing))
  (alias export $host "fragile" (type $fragile))
  (core func $thing (canon lower (func $host "[constructor]thing")))
  (core func $fragile (canon lower (func $host "[constructor]fragile")))
  (core func $value (canon lower (func $host "[method]thing.value")))
  (core func $consume (canon lower (func $host "consume")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "thing" (func $thing (param i32) (result i32)))
    (import "" "fragile" (func $fragile (result i32)))
    (import "" "value" (func $value (param i32) (result i32)))
    (import "" "consume" (func $consume (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (param i32) (result i32) (call $thing (local.get 0)))
    (func (export "value-of") (param i32) (result i32) (call $value (local.get 0)))
    (func (export "other-type") (result i32) (call $value (call $fragile)))
    (func (export "drop-other-type") (call $drop (call $fragile)))
    (func (export "give-borrow") (param i32) (result i32) (call $consume (local.get 0)))
    (func (export "drop-borrow-twice") (param i32)
      (call $drop (local.get 0)) (call $drop (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance
    (export "thing" (func $thing)) (export "fragile" (func $fragile))
    (export "value" (func $value)) (export "consume" (func $consume))
    (export "drop" (func $drop))))))
  (func (export "make") (param "v" u32) (result (own $thing)) (canon lift (core func $i "make")))
  (func (export "value-of") (param "handle" u32) (result u32)
    (canon lift (core func $i "value-of")))
  (func (export "other-type") (result u32) (canon lift (core func $i "other-type")))
  (func (export "drop-other-type") (canon lift (core func $i "drop-other-type")))
  (func (export "give-borrow") (param "t" (borrow $thing)) (result u32)
    (canon lift (core func $i "give-borrow")))
  (func (export "drop-borrow-twice") (param "t" (borrow $thing))
    (canon lift (core func $i "drop-borrow-twice"))))

(component instance $g $Guest)
;;@ error.trap = "unknown-handle"
;;@ poisoned = "trap"
(assert_trap (invoke "value-of" (u32.const 0)) "unknown handle index 0")
(component instance $g $Guest)
;;@ error.trap = "unknown-handle"
(assert_trap (invoke "value-of" (u32.const 77)) "unknown handle index 77")
(component instance $g $Guest)
;;@ error.trap = "handle-type-mismatch"
;;@ poisoned = "trap"
(assert_trap (invoke "other-type") "handle index")
(component instance $g $Guest)
;;@ error.trap = "handle-type-mismatch"
(assert_trap (invoke "drop-other-type") "handle index")
;; A borrow is no own: it cannot be given away, and is dropped once.
(component instance $g $Guest)
;;@ keep = "it"
(invoke "make" (u32.const 1))
;;@ with = ["it"]
;;@ error.trap = "handle-type-mismatch"
;;@ log = []
;;@ things = { made = 1, dropped = 0 }
(assert_trap (invoke "give-borrow") "cannot lift own resource from a borrow")
(component instance $g $Guest)
;;@ keep = "it"
(invoke "make" (u32.const 2))
;;@ with = ["it"]
;;@ error.trap = "unknown-handle"
;;@ log = []
(assert_trap (invoke "drop-borrow-twice") "unknown handle index 1")

;; An own that is lent for a call can neither be given away in that call nor dropped.
(component definition $Lender
  (component $Maker
    (type $r' (resource (rep i32)))
    (core func $new (canon resource.new $r'))
    (export $r "r" (type $r'))
    (core module $m
      (func (export "two") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
    (func (export "two") (param "a" (borrow $r)) (param "b" (own $r))
      (canon lift (core func $i "two"))))
  (component $User
    (import "maker" (instance $maker
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "rep" u32) (result (own $r))))
      (export "two" (func (param "a" (borrow $r)) (param "b" (own $r))))))
    (core func $make (canon lower (func $maker "make")))
    (core func $two (canon lower (func $maker "two")))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "two" (func $two (param i32 i32)))
      (func (export "same") (local i32)
        (local.set 0 (call $make (i32.const 1)))
        (call $two (local.get 0) (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "two" (func $two))))))
    (func (export "same") (canon lift (core func $i "same"))))
  (instance $maker (instantiate $Maker))
  (instance $user (instantiate $User (with "maker" (instance $maker))))
  (export "same" (func $user "same")))
(component instance $lender $Lender)
;;@ error.trap = "handle-lent"
;;@ poisoned = "trap"
(assert_trap (invoke "same") "cannot remove owned resource while borrowed")
