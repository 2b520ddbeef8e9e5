;; A store counts what its guests do: memory, tables, growths that were refused, and
;; calls of the host.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "nothing" (func))))
  (core func $nothing (canon lower (func $host "nothing")))
  (core module $m
    (import "" "nothing" (func $nothing))
    (memory 1 4)
    (table 10 funcref)
    (func (export "call") (param i32)
      (loop $next
        (call $nothing)
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "grow") (result i32) (memory.grow (i32.const 3)))
    (func (export "grow-table") (result i32) (table.grow (ref.null func) (i32.const 5))))
  (core instance $i (instantiate $m (with "" (instance (export "nothing" (func $nothing))))))
  (func (export "call") (param "n" u32) (canon lift (core func $i "call")))
  (func (export "grow") (result s32) (canon lift (core func $i "grow")))
  (func (export "grow-table") (result s32) (canon lift (core func $i "grow-table"))))

;;@ usage = { memory = "64KiB", table-elements = 10, host-calls = 0 }
(component instance $guest $Guest)
;;@ call.host-calls = 7
(assert_return (invoke "call" (u32.const 7)))
;;@ call.host-calls = 13
;;@ usage.host-calls = 20
(assert_return (invoke "call" (u32.const 13)))
;;@ usage = { memory = "256KiB", memory-peak = "256KiB", table-elements = 10, host-calls = 20 }
;;@ call = { memory-peak = "256KiB", host-calls = 0 }
(assert_return (invoke "grow") (s32.const 1))
;;@ usage = { memory = "256KiB", table-elements = 15, growth-refused = 0 }
(assert_return (invoke "grow-table") (s32.const 10))
