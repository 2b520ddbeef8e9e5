;; The smallest useful component: two numbers in, one out.
;;
;;   enginebay run examples/add.wat --invoke 'add(2, 3)'
(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add"))))
