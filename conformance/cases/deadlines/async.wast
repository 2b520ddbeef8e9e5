;;! uneven-fuel = true
;;! async = true

;; A call that waits for a host function which never answers is cut, and the host's
;; future with it.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "never" (func))
    (export "pause" (func (param "turns" u32) (result u32)))))
  (core func $never (canon lower (func $host "never")))
  (core func $pause (canon lower (func $host "pause")))
  (core module $m
    (import "" "never" (func $never))
    (import "" "pause" (func $pause (param i32) (result i32)))
    (func (export "never") (call $never))
    (func (export "pauses") (loop $l (drop (call $pause (i32.const 1))) (br $l)))
    (func (export "pause") (param i32) (result i32) (call $pause (local.get 0)))
    (func (export "spin") (drop (call $pause (i32.const 1))) (loop $l (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "never" (func $never)) (export "pause" (func $pause))))))
  (func (export "never") (canon lift (core func $i "never")))
  (func (export "pauses") (canon lift (core func $i "pauses")))
  (func (export "pause") (param "turns" u32) (result u32) (canon lift (core func $i "pause")))
  (func (export "spin") (canon lift (core func $i "spin"))))

;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ error.kind = "deadline-exceeded"
;;@ poisoned = "deadline-exceeded"
;;@ waiting = 0
(assert_trap (invoke "never") "deadline exceeded")
(assert_trap (invoke "pause" (u32.const 1)) "poisoned: deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
;;@ waiting = 0
(assert_trap (invoke "pauses") "deadline exceeded")
;;@ limits.deadline-ms = 200
(component instance $guest $Guest)
(assert_trap (invoke "spin") "deadline exceeded")
(component instance $fine $Guest)
;;@ waiting = 0
;;@ poisoned = "no"
(assert_return (invoke "pause" (u32.const 3)) (u32.const 3))
