;;! uneven-fuel = true

;; Time runs in everything that a call does: where the guest allocates for its
;; arguments, behind its results, in destructors, and in host functions.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "nothing" (func))
    (export "note-number" (func (param "number" u32)))
    (export "sleep" (func (param "ms" u32)))))
  (core func $nothing (canon lower (func $host "nothing")))
  (core func $note (canon lower (func $host "note-number")))
  (core func $sleep (canon lower (func $host "sleep")))
  (core module $m
    (import "" "nothing" (func $nothing))
    (import "" "note" (func $note (param i32)))
    (import "" "sleep" (func $sleep (param i32)))
    (memory (export "memory") 1)
    ;; Endless for one, two or three.
    (func $spin (param i32 i32)
      (if (i32.eq (local.get 0) (local.get 1)) (then (loop $l (br $l)))))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $spin (local.get 3) (i32.const 1)) (i32.const 64))
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "post") (param i32) (call $spin (local.get 0) (i32.const 2)))
    (func (export "dtor") (param i32)
      (call $note (local.get 0)) (call $spin (local.get 0) (i32.const 3)))
    (func (export "sleep") (param i32) (call $sleep (local.get 0)))
    (func (export "sleep-and-spin") (param i32)
      (call $sleep (local.get 0)) (loop $l (br $l)))
    (func (export "host") (loop $l (call $nothing) (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "nothing" (func $nothing)) (export "note" (func $note))
    (export "sleep" (func $sleep))))))
  (type $r' (resource (rep i32) (dtor (func $i "dtor"))))
  (core func $new (canon resource.new $r'))
  (export $r "r" (type $r'))
  (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))
      (post-return (func $i "post"))))
  (func (export "sleep") (param "ms" u32) (canon lift (core func $i "sleep")))
  (func (export "sleep-and-spin") (param "ms" u32) (canon lift (core func $i "sleep-and-spin")))
  (func (export "host") (canon lift (core func $i "host"))))

;;@ limits.deadline-ms = 200
(component instance $realloc $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "take" (str.const "1")) "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $post $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "take" (str.const "22")) "deadline exceeded")
;; A guest that only calls the host.
;;@ limits.deadline-ms = 200
(component instance $host $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "host") "deadline exceeded")
;; Nobody can stop a host function that blocks: it is looked at when it returns.
;;@ limits.deadline-ms = 200
(component instance $sleep $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "sleep" (u32.const 400)) "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $sleep $Guest)
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "sleep-and-spin" (u32.const 5)) "deadline exceeded")
;; A destructor that the host runs: what it notes says that the call before it had
;; its time, and that it is the destructor that has none left.
;;@ limits.deadline-ms = 200
(component instance $dtor $Guest)
;;@ keep = "r"
;;@ drop = ["r"]
;;@ log = ["3"]
;;@ poisoned = "deadline-exceeded"
(assert_trap (invoke "make" (u32.const 3)) "deadline exceeded")
