;;! limits.fuel = 1000
;;! limits.memory = "128KiB"

;; A store is made with what it may use, and has used nothing.

(component definition $Empty)
(component definition $Guest
  (core module $m
    (memory 1)
    (func (export "one") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "one") (result u32) (canon lift (core func $i "one"))))
;;@ usage = { memory = 0, memory-peak = 0, table-elements = 0, growth-refused = 0, fuel = 0, host-calls = 0 }
;;@ poisoned = "no"
;;@ stores = 1
(component instance $empty $Empty)
;;@ usage = { memory = "64KiB", memory-peak = "64KiB", growth-refused = 0, fuel = 0, host-calls = 0 }
;;@ stores = 2
(component instance $guest $Guest)
;; One that may not even have its guest's memory is made, and its guest is not.
;;@ limits.memory = 0
;;@ error.limit = 0
;;@ error.requested = "64KiB"
;;@ stores = 3
;;@ usage.memory = 0
(assert_trap
  (component
    (core module $m (memory 1))
    (core instance (instantiate $m)))
  "memory limit reached")
;; The first one is what it was.
;;@ usage.memory = "64KiB"
(assert_return (invoke $guest "one") (u32.const 1))
