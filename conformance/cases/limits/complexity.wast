;;! complexity.modules = 2
;;! complexity.functions = 10
;;! complexity.signatures = 43
;;! complexity.locals = 100
;;! complexity.all-locals = 150
;;! complexity.values = 30
;;! complexity.blocks = 7
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
;; Locals and parameters of functions of two modules.
(component
  (core module (func
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
  (core module (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))))
;;@ error.kind = "too-large"
(assert_trap
  (component
    (core module (func
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
    (core module (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (local i64))))
  "too large")
;; Functions and their types in two modules: what they take and give, and eight for
;; each type.
(component
  (core module (type (func (param i32 i64))) (type (func (result f32))))
  (core module (type (func)) (type (func (param i32 i32) (result i32 i32)))
    (func (type 1) unreachable)))
;;@ error.kind = "too-large"
(assert_trap
  (component
    (core module (type (func (param i32 i64))) (type (func (result f32))))
    (core module (type (func)) (type (func (param i32 i32) (result i32 i32)))
      (func (type 1) unreachable) (func (param i32))))
  "too large")
;; Calls that give two values each, and count for eight more: three are allowed, and
;; four are not.
(component (core module
  (func $two (result i32 i32) unreachable)
  (func call $two call $two call $two unreachable)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module
    (func $two (result i32 i32) unreachable)
    (func call $two call $two call $two call $two unreachable)))
  "too large")
;; Locals that are set where ways part count four each where they meet: seven are
;; allowed, and eight are not, unless what each holds is plain wherever it is read.
(component (core module (func (param i32) (local i32 i32 i32 i32 i32 i32 i32)
  local.get 0
  if
    local.get 0 local.set 1 local.get 0 local.set 2 local.get 0 local.set 3
    local.get 0 local.set 4 local.get 0 local.set 5 local.get 0 local.set 6
    local.get 0 local.set 7
  end
  local.get 1 local.get 2 local.get 3 local.get 4 local.get 5 local.get 6 local.get 7
  unreachable)))
(component (core module (func (param i32) (local i32 i32 i32 i32 i32 i32 i32 i32)
  local.get 0
  if
    local.get 0 local.set 1 local.get 1 drop local.get 0 local.set 2 local.get 2 drop
    local.get 0 local.set 3 local.get 3 drop local.get 0 local.set 4 local.get 4 drop
    local.get 0 local.set 5 local.get 5 drop local.get 0 local.set 6 local.get 6 drop
    local.get 0 local.set 7 local.get 7 drop local.get 0 local.set 8 local.get 8 drop
  end)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module (func (param i32) (local i32 i32 i32 i32 i32 i32 i32 i32)
    local.get 0
    if
      local.get 0 local.set 1 local.get 0 local.set 2 local.get 0 local.set 3
      local.get 0 local.set 4 local.get 0 local.set 5 local.get 0 local.set 6
      local.get 0 local.set 7 local.get 0 local.set 8
    end
    local.get 1 local.get 2 local.get 3 local.get 4 local.get 5 local.get 6 local.get 7
    local.get 8
    unreachable)))
  "too large")
;; What engines have functions of their own for is a call, too.
(component (core module (memory 1) (func unreachable memory.fill memory.copy memory.fill)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module (data $d "")
    (func unreachable data.drop $d data.drop $d data.drop $d data.drop $d)))
  "too large")
;; A function that is taken from a table counts for four blocks, and a length for two.
(component (core module (memory 1) (table 1 funcref)
  (func unreachable call_indirect memory.fill)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module (memory 1) (table 1 funcref)
    (func unreachable call_indirect call_indirect)))
  "too large")
;; Two blocks, one branch, and a table of four targets.
(component (core module (func (param i32)
  block block local.get 0 br_if 0 local.get 0 br_table 0 1 0 1 end end)))
;;@ error.kind = "too-large"
(assert_trap
  (component (core module (func (param i32)
    block block local.get 0 br_if 0 local.get 0 br_table 0 1 0 1 1 end end)))
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
