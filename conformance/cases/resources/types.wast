;; Handles of several types share a table, and each is good for its own type only.

(component definition $Two
  (type $a (resource (rep i32)))
  (type $b (resource (rep i32)))
  (core func $new-a (canon resource.new $a))
  (core func $new-b (canon resource.new $b))
  (core func $rep-a (canon resource.rep $a))
  (core func $rep-b (canon resource.rep $b))
  (core func $drop-b (canon resource.drop $b))
  (core module $m
    (import "" "new-a" (func $new-a (param i32) (result i32)))
    (import "" "new-b" (func $new-b (param i32) (result i32)))
    (import "" "rep-a" (func $rep-a (param i32) (result i32)))
    (import "" "rep-b" (func $rep-b (param i32) (result i32)))
    (import "" "drop-b" (func $drop-b (param i32)))
    (func (export "both") (result i32)
      (i32.add
        (i32.mul (call $rep-a (call $new-a (i32.const 7))) (i32.const 100))
        (call $rep-b (call $new-b (i32.const 8)))))
    (func (export "rep") (result i32) (call $rep-b (call $new-a (i32.const 7))))
    (func (export "drop") (call $drop-b (call $new-a (i32.const 7)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "new-a" (func $new-a)) (export "new-b" (func $new-b))
    (export "rep-a" (func $rep-a)) (export "rep-b" (func $rep-b))
    (export "drop-b" (func $drop-b))))))
  (func (export "both") (result u32) (canon lift (core func $i "both")))
  (func (export "rep") (result u32) (canon lift (core func $i "rep")))
  (func (export "drop") (canon lift (core func $i "drop"))))

(component instance $t $Two)
(assert_return (invoke "both") (u32.const 708))
;;@ error.trap = "handle-type-mismatch"
(assert_trap (invoke "rep") "handle index 3 used with the wrong type")
(component instance $t $Two)
;;@ error.trap = "handle-type-mismatch"
(assert_trap (invoke "drop") "handle index 1 used with the wrong type")
