;; An instance is not left while the host is allocating in it, or after a call
;; has returned.

(component definition $Leave
  (component $Other
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))
  (component $Leaver
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
      (import "" "f" (func $f))
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $f) (i32.const 64))
      (func (export "post-return") (call $f))
      (func (export "take") (param i32 i32))
      (func (export "run") (call $f)))
    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "take") (param "text" string)
      (canon lift (core func $m "take") (memory $m "memory") (realloc (func $m "realloc"))))
    (func (export "post") (canon lift (core func $m "run") (post-return (func $m "post-return"))))
    (func (export "run") (canon lift (core func $m "run"))))
  (instance $other (instantiate $Other))
  (instance $leaver (instantiate $Leaver (with "f" (func $other "f"))))
  (export "take" (func $leaver "take"))
  (export "post" (func $leaver "post"))
  (export "run" (func $leaver "run")))

(component instance $leave $Leave)
(assert_return (invoke "run"))
(assert_trap (invoke "take" (str.const "text")) "cannot leave component instance")
(component instance $leave $Leave)
(assert_trap (invoke "post") "cannot leave component instance")
