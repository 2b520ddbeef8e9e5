;; A component that is linked to another one has the host's functions beside it, and
;; both share the host's data.

(component definition $Inner
  (import "enginebay:test/host" (instance $host
    (export "note-number" (func (param "number" u32)))))
  (core func $note (canon lower (func $host "note-number")))
  (core module $m
    (import "" "note" (func $note (param i32)))
    (func (export "inner") (param i32) (result i32)
      (call $note (local.get 0))
      (i32.add (local.get 0) (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance (export "note" (func $note))))))
  (func (export "inner") (param "v" u32) (result u32) (canon lift (core func $i "inner"))))
(component definition $Outer
  (import "inner" (instance $inner (export "inner" (func (param "v" u32) (result u32)))))
  (import "enginebay:test/host" (instance $host
    (export "note-number" (func (param "number" u32)))))
  (core func $note (canon lower (func $host "note-number")))
  (core func $inner (canon lower (func $inner "inner")))
  (core module $m
    (import "" "note" (func $note (param i32)))
    (import "" "inner" (func $inner (param i32) (result i32)))
    (func (export "outer") (param i32)
      (call $note (i32.const 100))
      (call $note (call $inner (local.get 0)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "note" (func $note)) (export "inner" (func $inner))))))
  (func (export "outer") (param "v" u32) (canon lift (core func $i "outer"))))
(component instance $inner $Inner)
(register "inner" $inner)
(component instance $outer $Outer)
;; The call from one to the other goes through the host as well, and is counted.
;;@ log = ["100", "7", "8"]
;;@ call.host-calls = 4
(assert_return (invoke $outer "outer" (u32.const 7)))
;;@ log = ["9"]
;;@ usage.host-calls = 5
(assert_return (invoke $inner "inner" (u32.const 9)) (u32.const 10))
