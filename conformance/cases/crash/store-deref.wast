;; The host reaches its own data through the store, in each call of its functions and
;; between them, before a crash and after it.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "note" (func (param "text" string)))
    (export "note-number" (func (param "number" u32)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 0) "before"))
  (core instance $libc (instantiate $libc))
  (core func $note (canon lower (func $host "note") (memory $libc "memory")))
  (core func $number (canon lower (func $host "note-number")))
  (core module $m
    (import "" "note" (func $note (param i32 i32)))
    (import "" "number" (func $number (param i32)))
    (func (export "run") (param i32)
      (call $note (i32.const 0) (i32.const 6))
      (call $number (local.get 0)))
    (func (export "crash")
      (call $note (i32.const 0) (i32.const 6))
      (unreachable)))
  (core instance $i (instantiate $m (with "" (instance
    (export "note" (func $note)) (export "number" (func $number))))))
  (func (export "run") (param "n" u32) (canon lift (core func $i "run")))
  (func (export "crash") (canon lift (core func $i "crash"))))

(component instance $guest $Guest)
;;@ log = ["before", "7"]
(assert_return (invoke "run" (u32.const 7)))
;;@ log = ["before", "8"]
(assert_return (invoke "run" (u32.const 8)))
;;@ log = ["before"]
(assert_trap (invoke "crash") "unreachable")
;;@ log = []
(assert_trap (invoke "run" (u32.const 9)) "poisoned: trap: `unreachable` was executed")
