;;! complexity.modules = 2
;;! complexity.functions = 10
;;! complexity.locals = 100
;;! complexity.values = 6
;;! complexity.locals-in-blocks = 60
;;! complexity.nesting = 2
;;! complexity.instances = 3
;;! complexity.initial-memory = "1MiB"
;;! complexity.initial-table-elements = 100

;; What a component may be is counted before anything is compiled.

(component
  (core module (func) (func) (func (local i32 i32)))
  (core module $m (memory 4) (table 50 funcref))
  (core instance (instantiate $m)))
(assert_trap (component (core module) (core module) (core module)) "too large")
(assert_trap
  (component (core module
    (func) (func) (func) (func) (func) (func) (func) (func) (func) (func) (func)))
  "too large")
(assert_trap
  (component (core module (func
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))))
  "too large")
;; Calls that give two values each: three are allowed, and four are not.
(component (core module
  (func $two (result i32 i32) unreachable)
  (func call $two call $two call $two unreachable)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module
    (func $two (result i32 i32) unreachable)
    (func call $two call $two call $two call $two unreachable)))
  "too large")
;; Three blocks in a function of twenty locals, and four.
(component (core module (func
  (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
  block end block end block end)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module (func
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    block end block end block end block end)))
  "too large")
(assert_trap (component (component (component (component)))) "too large")
(assert_trap
  (component
    (core module $m)
    (core instance (instantiate $m)) (core instance (instantiate $m))
    (core instance (instantiate $m)) (core instance (instantiate $m)))
  "too large")
;;@ error.kind = "too-large"
(assert_trap (component (core module (memory 17))) "too large")
(assert_trap (component (core module (table 101 funcref))) "too large")
;;@ error.kind = "too-large"
(assert_invalid (component (component (component (component)))) "too large")
