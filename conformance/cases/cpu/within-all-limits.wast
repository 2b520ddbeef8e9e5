;;! limits.deadline-ms = 600000
;;! limits.fuel = 10000000
;;! limits.memory = "1MiB"

;; Fuel, time and memory are all limited, and enough.

(component definition $Guest
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "count") (param i32) (result i32)
      (local i32)
      (loop $next
        (local.set 1 (i32.add (local.get 1) (i32.const 3)))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))
    (func (export "spin") (loop $l (br $l))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add")))
  (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count")))
  (func (export "spin") (canon lift (core func $i "spin"))))

;;@ usage.memory = 0
(component instance $guest $Guest)
;;@ poisoned = "no"
;;@ call.fuel = 900002
(assert_return (invoke "count" (u32.const 100000)) (u32.const 300000))
;;@ call.fuel = 4
(assert_return (invoke "add" (u32.const 40) (u32.const 2)) (u32.const 42))
