;; A host function that calls back: into the instance that called it is a trap, into
;; another one in the same store is a call like any other.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "call" (func (param "name" string)))
    (export "call-in" (func (param "instance" string) (param "name" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (data (i32.const 16) "fine")
    (data (i32.const 32) "other")
    (data (i32.const 48) "abort")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
  (core instance $libc (instantiate $libc))
  (core func $call (canon lower (func $host "call") (memory $libc "memory")))
  (core func $call-in (canon lower (func $host "call-in") (memory $libc "memory")))
  (core module $m
    (import "" "call" (func $call (param i32 i32)))
    (import "" "call-in" (func $call-in (param i32 i32 i32 i32)))
    (global $calls (mut i32) (i32.const 0))
    (func (export "fine") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls))
    (func (export "abort") unreachable)
    (func (export "re-enter") (call $call (i32.const 16) (i32.const 4)))
    (func (export "other") (call $call-in (i32.const 32) (i32.const 5) (i32.const 16) (i32.const 4)))
    (func (export "abort-other")
      (call $call-in (i32.const 32) (i32.const 5) (i32.const 48) (i32.const 5))))
  (core instance $i (instantiate $m (with "" (instance
    (export "call" (func $call)) (export "call-in" (func $call-in))))))
  (func (export "fine") (result u32) (canon lift (core func $i "fine")))
  (func (export "abort") (canon lift (core func $i "abort")))
  (func (export "re-enter") (canon lift (core func $i "re-enter")))
  (func (export "other") (canon lift (core func $i "other")))
  (func (export "abort-other") (canon lift (core func $i "abort-other"))))

(component instance $guest $Guest)
(assert_return (invoke "fine") (u32.const 1))
;;@ error.kind = "trap"
;;@ error.trap = "cannot-enter-component"
;;@ poisoned = "trap"
(assert_trap (invoke "re-enter") "cannot enter component instance")
(assert_trap (invoke "fine") "poisoned: trap: cannot enter component instance")

;; These two are in one store, because they are imported by the names that they have.
(component instance $other $Guest)
(register "other" $other)
(component instance $self $Guest)
(register "self" $self)
(assert_return (invoke $other "fine") (u32.const 1))
(assert_return (invoke $self "other"))
(assert_return (invoke $other "fine") (u32.const 3))
(assert_return (invoke $self "fine") (u32.const 1))
;; What ends one of them ends the store.
;;@ error.trap = "unreachable"
;;@ poisoned = "trap"
(assert_trap (invoke $self "abort-other") "unreachable")
(assert_trap (invoke $other "fine") "poisoned: trap: `unreachable` was executed")
(assert_trap (invoke $self "fine") "poisoned: trap: `unreachable` was executed")
