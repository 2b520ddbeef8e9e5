;;! limits.instances = 2
;;! limits.memories = 1
;;! limits.tables = 1
;;! limits.table-elements = 10
;;! limits.handles = 4

;; What is counted: core instances, memories, tables, their elements, handles.

(component
  (core module $m (memory 1) (table 10 funcref))
  (core instance (instantiate $m)))
(assert_trap
  (component
    (core module $m)
    (core instance (instantiate $m))
    (core instance (instantiate $m))
    (core instance (instantiate $m)))
  "limit on instances reached")
(assert_trap
  (component
    (core module $m (memory 0) (memory 0))
    (core instance (instantiate $m)))
  "limit on memories reached")
(assert_trap
  (component
    (core module $m (table 1 funcref) (table 1 funcref))
    (core instance (instantiate $m)))
  "limit on tables reached")
(assert_trap
  (component
    (core module $m (table 11 funcref))
    (core instance (instantiate $m)))
  "limit on table elements reached")

(component
  (core module $m
    (table 8 funcref)
    (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "grow") (param "n" u32) (result s32) (canon lift (core func $i "grow"))))
(assert_return (invoke "grow" (u32.const 3)) (s32.const -1))
(assert_return (invoke "grow" (u32.const 2)) (s32.const 8))
(assert_return (invoke "grow" (u32.const 1)) (s32.const -1))

(component
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 0))))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "make") (result u32) (canon lift (core func $i "make"))))
(assert_return (invoke "make") (u32.const 1))
(assert_return (invoke "make") (u32.const 2))
(assert_return (invoke "make") (u32.const 3))
(assert_return (invoke "make") (u32.const 4))
(assert_trap (invoke "make") "limit on resource handles reached")
