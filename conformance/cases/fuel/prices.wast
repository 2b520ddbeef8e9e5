;;! limits.deadline-ms = 10000
;;! limits.fuel = 1000000

;; What operators cost: one unit each, nothing for those that only shape the code,
;; one for entering a function, and one more for each byte or element that a bulk
;; operator moves. (The price list is Wasmtime's.)

(component definition $Guest
  (core module $m
    (memory 1)
    (table 100 funcref)
    (global $g (mut i32) (i32.const 0))
    (func $callee)
    (func (export "empty"))
    (func (export "shape") (block (loop (nop))) (nop))
    (func (export "const") (result i32) (i32.const 1))
    (func (export "drop") (drop (i32.const 1)))
    (func (export "add") (result i32) (i32.add (i32.const 1) (i32.const 2)))
    (func (export "local") (local i32) (local.set 0 (local.get 0)))
    (func (export "global") (global.set $g (global.get $g)))
    (func (export "load") (drop (i32.load (i32.const 0))))
    (func (export "call") (call $callee))
    (func (export "if") (param i32)
      (if (local.get 0) (then (drop (i32.const 1)) (drop (i32.const 1)))))
    (func (export "grow") (drop (memory.grow (i32.const 1))))
    (func (export "fill") (param i32)
      (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
    (func (export "copy") (param i32)
      (memory.copy (i32.const 0) (i32.const 100) (local.get 0)))
    (func (export "table-fill") (param i32)
      (table.fill (i32.const 0) (ref.null func) (local.get 0)))
    (func (export "loop") (param i32)
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m))
  (func (export "empty") (canon lift (core func $i "empty")))
  (func (export "shape") (canon lift (core func $i "shape")))
  (func (export "const") (result u32) (canon lift (core func $i "const")))
  (func (export "drop") (canon lift (core func $i "drop")))
  (func (export "add") (result u32) (canon lift (core func $i "add")))
  (func (export "local") (canon lift (core func $i "local")))
  (func (export "global") (canon lift (core func $i "global")))
  (func (export "load") (canon lift (core func $i "load")))
  (func (export "call") (canon lift (core func $i "call")))
  (func (export "if") (param "v" bool) (canon lift (core func $i "if")))
  (func (export "grow") (canon lift (core func $i "grow")))
  (func (export "fill") (param "n" u32) (canon lift (core func $i "fill")))
  (func (export "copy") (param "n" u32) (canon lift (core func $i "copy")))
  (func (export "table-fill") (param "n" u32) (canon lift (core func $i "table-fill")))
  (func (export "loop") (param "n" u32) (canon lift (core func $i "loop"))))

;;@ usage.fuel = 0
(component instance $guest $Guest)
;;@ call.fuel = 1
(assert_return (invoke "empty"))
;;@ call.fuel = 1
(assert_return (invoke "shape"))
;;@ call.fuel = 2
(assert_return (invoke "const") (u32.const 1))
;;@ call.fuel = 2
(assert_return (invoke "drop"))
;;@ call.fuel = 4
(assert_return (invoke "add") (u32.const 3))
;;@ call.fuel = 3
(assert_return (invoke "local"))
;;@ call.fuel = 3
(assert_return (invoke "global"))
;;@ call.fuel = 3
(assert_return (invoke "load"))
;;@ call.fuel = 3
(assert_return (invoke "call"))
;;@ call.fuel = 3
(assert_return (invoke "if" (bool.const false)))
;;@ call.fuel = 5
(assert_return (invoke "if" (bool.const true)))
;;@ call.fuel = 3
(assert_return (invoke "grow"))
;;@ call.fuel = 5
(assert_return (invoke "fill" (u32.const 0)))
;;@ call.fuel = 1005
(assert_return (invoke "fill" (u32.const 1000)))
;;@ call.fuel = 505
(assert_return (invoke "copy" (u32.const 500)))
;;@ call.fuel = 105
(assert_return (invoke "table-fill" (u32.const 100)))
;;@ call.fuel = 6
(assert_return (invoke "loop" (u32.const 1)))
;;@ call.fuel = 5001
(assert_return (invoke "loop" (u32.const 1000)))
;;@ usage.fuel = 6661
(assert_return (invoke "empty"))
