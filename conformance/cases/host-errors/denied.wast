;;! deny = ["add", "[resource-drop]thing"]

;; The store's guard refuses host functions by their names; the guest is stopped, and
;; the function is not called.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "add" (func (param "a" u32) (param "b" u32) (result u32)))
    (export "nothing" (func))
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))))
  (alias export $host "thing" (type $thing))
  (core func $add (canon lower (func $host "add")))
  (core func $nothing (canon lower (func $host "nothing")))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (import "" "nothing" (func $nothing))
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "add") (result i32) (call $add (i32.const 1) (i32.const 2)))
    (func (export "nothing") (call $nothing))
    (func (export "drop") (call $drop (call $make (i32.const 5)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "add" (func $add)) (export "nothing" (func $nothing))
    (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "add") (result u32) (canon lift (core func $i "add")))
  (func (export "nothing") (canon lift (core func $i "nothing")))
  (func (export "drop") (canon lift (core func $i "drop"))))
(component instance $guest $Guest)
(assert_return (invoke "nothing"))
;;@ error.kind = "denied"
;;@ error.context.function = "add"
;;@ poisoned = "denied"
(assert_trap (invoke "add") "denied")
(assert_trap (invoke "nothing") "poisoned: denied")
(component instance $guest $Guest)
;;@ things = { made = 1, dropped = 0 }
;;@ error.kind = "denied"
(assert_trap (invoke "drop") "denied")
