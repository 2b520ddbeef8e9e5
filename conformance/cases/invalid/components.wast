;; What is refused before an engine sees it.

(component)
(assert_invalid (component (import "a" (func)) (import "a" (func))) "conflicts")
(assert_invalid (component (export "a" (func 0))) "out of bounds")
(assert_invalid
  (component
    (core module $m (func (export "f") (param i64)))
    (core instance $i (instantiate $m))
    (func (param "v" u32) (canon lift (core func $i "f"))))
  "lowered parameter types")
(assert_invalid
  (component
    (core module $m (func (export "f") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (param "v" string) (canon lift (core func $i "f"))))
  "memory")
(assert_invalid
  (component (type (func (param "r" (borrow 0)))))
  "out of bounds")
(assert_malformed (component quote "(import)") "expected")
(assert_malformed (component binary "\00asm" "\0d\00\01\00" "\07\01") "unexpected end")
