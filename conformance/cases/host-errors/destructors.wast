;; A destructor of the host's that fails ends the call that dropped its resource.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "fragile" (type $fragile (sub resource)))
    (export "[constructor]fragile" (func (result (own $fragile))))))
  (alias export $host "fragile" (type $fragile))
  (core func $make (canon lower (func $host "[constructor]fragile")))
  (core func $drop (canon resource.drop $fragile))
  (core module $m
    (import "" "make" (func $make (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (result i32) (call $make))
    (func (export "break") (call $drop (call $make))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "make") (result (own $fragile)) (canon lift (core func $i "make")))
  (func (export "break") (canon lift (core func $i "break"))))
(component instance $guest $Guest)
;;@ error.kind = "host"
;;@ poisoned = "host"
(assert_trap (invoke "break") "host error: the destructor fails")
(assert_trap (invoke "break") "poisoned: host")
;; The host drops it itself.
(component instance $guest $Guest)
;;@ keep = "it"
;;@ drop = ["it"]
(assert_trap (invoke "make") "host error: the destructor fails")
