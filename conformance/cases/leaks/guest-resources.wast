;; Resources of a guest's: the destructor runs once for each, whoever drops it.

(component definition $Guest
  (core module $state
    (global $live (mut i32) (i32.const 0))
    (global $ended (mut i32) (i32.const 0))
    (func (export "dtor") (param i32)
      (global.set $live (i32.sub (global.get $live) (i32.const 1)))
      (global.set $ended (i32.add (global.get $ended) (local.get 0))))
    (func (export "made") (global.set $live (i32.add (global.get $live) (i32.const 1))))
    (func (export "live") (result i32) (global.get $live))
    (func (export "ended") (result i32) (global.get $ended)))
  (core instance $state (instantiate $state))
  (type $r' (resource (rep i32) (dtor (func $state "dtor"))))
  (core func $new (canon resource.new $r'))
  (core func $drop (canon resource.drop $r'))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "made" (func $made))
    (func (export "make") (param i32) (result i32) (call $made) (call $new (local.get 0)))
    (func (export "many") (param i32)
      (loop $next
        (call $made)
        (call $drop (call $new (i32.const 1)))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "drop" (func $drop))
    (export "made" (func $state "made"))))))
  (export $r "r" (type $r'))
  (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $i "make")))
  (func (export "many") (param "n" u32) (canon lift (core func $i "many")))
  (func (export "take") (param "r" (own $r)) (canon lift (core func $drop)))
  (func (export "live") (result u32) (canon lift (core func $state "live")))
  (func (export "ended") (result u32) (canon lift (core func $state "ended"))))
(component instance $guest $Guest)
(assert_return (invoke "many" (u32.const 1000)))
(assert_return (invoke "live") (u32.const 0))
(assert_return (invoke "ended") (u32.const 1000))
;; The host drops what it got.
;;@ repeat = 1000
;;@ keep = "it"
;;@ drop = ["it"]
(invoke "make" (u32.const 2))
(assert_return (invoke "live") (u32.const 0))
(assert_return (invoke "ended") (u32.const 3000))
;; Or gives it back.
;;@ keep = "it"
(invoke "make" (u32.const 5))
(assert_return (invoke "live") (u32.const 1))
(assert_return (invoke "ended") (u32.const 3000))
;;@ with = ["it"]
(invoke "take")
(assert_return (invoke "live") (u32.const 0))
(assert_return (invoke "ended") (u32.const 3005))
