;; A guest crashes wherever its code runs: where it allocates for its arguments, behind
;; its results, in a destructor that the host runs and in one that another component
;; runs, in a start function, and in a function that the host calls back.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "call-in" (func (param "instance" string) (param "name" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 0) "otherfine"))
  (core instance $libc (instantiate $libc))
  (core func $call (canon lower (func $host "call-in") (memory $libc "memory")))
  (core module $m
    (import "" "call" (func $call (param i32 i32 i32 i32)))
    (import "" "memory" (memory 1))
    (global $crash (mut i32) (i32.const 0))
    (func $maybe (param i32) (if (i32.eq (local.get 0) (global.get $crash)) (then unreachable)))
    (func (export "crash-in") (param i32) (global.set $crash (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $maybe (i32.const 1)) (i32.const 64))
    (func (export "take") (param i32 i32) (result i32)
      (call $maybe (i32.const 2)) (local.get 1))
    (func (export "post") (param i32) (call $maybe (i32.const 3)))
    (func (export "dtor") (param i32) (call $maybe (i32.const 4)))
    (func (export "fine") (call $maybe (i32.const 5)))
    (func (export "call-other")
      (call $call (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 4))))
  (core instance $i (instantiate $m (with "" (instance
    (export "call" (func $call)) (export "memory" (memory $libc "memory"))))))
  (type $r' (resource (rep i32) (dtor (func $i "dtor"))))
  (core func $new (canon resource.new $r'))
  (export $r "r" (type $r'))
  (func (export "crash-in") (param "what" u32) (canon lift (core func $i "crash-in")))
  (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $i "take") (memory $libc "memory") (realloc (func $i "realloc"))
      (post-return (func $i "post"))))
  (func (export "fine") (canon lift (core func $i "fine")))
  (func (export "call-other") (canon lift (core func $i "call-other"))))

(component instance $steady $Guest)
(component instance $g $Guest)
(assert_return (invoke "take" (str.const "four")) (u32.const 4))
(assert_return (invoke "crash-in" (u32.const 1)))
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke "take" (str.const "four")) "unreachable")
(component instance $g $Guest)
(assert_return (invoke "crash-in" (u32.const 2)))
;;@ poisoned = "trap"
(assert_trap (invoke "take" (str.const "four")) "unreachable")
;; The result was there already; the call failed all the same.
(component instance $g $Guest)
(assert_return (invoke "crash-in" (u32.const 3)))
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke "take" (str.const "four")) "unreachable")
(assert_trap (invoke "fine") "poisoned: trap: `unreachable` was executed")
(component instance $g $Guest)
(assert_return (invoke "crash-in" (u32.const 4)))
;;@ keep = "r"
;;@ drop = ["r"]
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke "make" (u32.const 1)) "unreachable")
;; Called back by the host, from another instance of the same store.
(component instance $other $Guest)
(register "other" $other)
(component instance $self $Guest)
(register "self" $self)
(assert_return (invoke $self "call-other"))
(assert_return (invoke $other "crash-in" (u32.const 5)))
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke $self "call-other") "unreachable")
(assert_trap (invoke $self "fine") "poisoned: trap: `unreachable` was executed")
(assert_return (invoke $steady "take" (str.const "still")) (u32.const 5))

;; A destructor in another component.
(component
  (component $Maker
    (core module $m (func (export "dtor") (param i32)
      (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))))
    (core instance $i (instantiate $m))
    (type $r' (resource (rep i32) (dtor (func $i "dtor"))))
    (core func $new (canon resource.new $r'))
    (export $r "r" (type $r'))
    (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new))))
  (component $User
    (import "maker" (instance $maker
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "rep" u32) (result (own $r))))))
    (alias export $maker "r" (type $r))
    (core func $make (canon lower (func $maker "make")))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "use") (param i32) (call $drop (call $make (local.get 0)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "use") (param "rep" u32) (canon lift (core func $i "use"))))
  (instance $maker (instantiate $Maker))
  (instance $user (instantiate $User (with "maker" (instance $maker))))
  (export "use" (func $user "use")))
(assert_return (invoke "use" (u32.const 12)))
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke "use" (u32.const 13)) "unreachable")
