;;! uneven-fuel = true
;;! limits.deadline-ms = 5000

;; Cancellation reaches everything that a call does: where the guest allocates for its
;; arguments, behind its results, in destructors, in another component, and in guests
;; that only call the host.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "nothing" (func))
    (export "note-number" (func (param "number" u32)))
    (export "cancel-soon" (func))))
  (core func $nothing (canon lower (func $host "nothing")))
  (core func $note (canon lower (func $host "note-number")))
  (core func $soon (canon lower (func $host "cancel-soon")))
  (core module $m
    (import "" "nothing" (func $nothing))
    (import "" "note" (func $note (param i32)))
    (import "" "soon" (func $soon))
    (memory (export "memory") 1)
    ;; Endless for one, two or three.
    (func $spin (param i32 i32)
      (if (i32.eq (local.get 0) (local.get 1)) (then (loop $l (br $l)))))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $spin (local.get 3) (i32.const 1)) (i32.const 64))
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "post") (param i32) (call $spin (local.get 0) (i32.const 2)))
    (func (export "dtor") (param i32)
      (call $note (local.get 0)) (call $soon) (call $spin (local.get 0) (i32.const 3)))
    (func (export "host") (loop $l (call $nothing) (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "nothing" (func $nothing)) (export "note" (func $note))
    (export "soon" (func $soon))))))
  (type $r' (resource (rep i32) (dtor (func $i "dtor"))))
  (core func $new (canon resource.new $r'))
  (export $r "r" (type $r'))
  (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))
      (post-return (func $i "post"))))
  (func (export "host") (canon lift (core func $i "host"))))
(component definition $Composed
  (component $Inner
    (core module $m (func (export "spin") (loop $l (br $l))))
    (core instance $i (instantiate $m))
    (func (export "spin") (canon lift (core func $i "spin"))))
  (component $Outer
    (import "inner" (instance $inner (export "spin" (func))))
    (core func $spin (canon lower (func $inner "spin")))
    (core module $m
      (import "" "spin" (func $spin))
      (func (export "spin") (call $spin)))
    (core instance $i (instantiate $m (with "" (instance (export "spin" (func $spin))))))
    (func (export "spin") (canon lift (core func $i "spin"))))
  (instance $inner (instantiate $Inner))
  (instance $outer (instantiate $Outer (with "inner" (instance $inner))))
  (export "spin" (func $outer "spin")))

(component instance $realloc $Guest)
;;@ cancel = "meanwhile"
;;@ poisoned = "cancelled"
(assert_trap (invoke "take" (str.const "1")) "cancelled")
(component instance $post $Guest)
;;@ cancel = "meanwhile"
;;@ poisoned = "cancelled"
(assert_trap (invoke "take" (str.const "22")) "cancelled")
;; The destructor has itself cancelled, as nobody knows from outside when it runs.
(component instance $dtor $Guest)
;;@ keep = "r"
;;@ drop = ["r"]
;;@ log = ["3"]
;;@ poisoned = "cancelled"
(assert_trap (invoke "make" (u32.const 3)) "cancelled")
(component instance $host $Guest)
;;@ cancel = "meanwhile"
;;@ poisoned = "cancelled"
(assert_trap (invoke "host") "cancelled")
(component instance $composed $Composed)
;;@ cancel = "meanwhile"
;;@ poisoned = "cancelled"
(assert_trap (invoke "spin") "cancelled")
(assert_trap (invoke "spin") "poisoned: cancelled")
