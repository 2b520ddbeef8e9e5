;;! limits.fuel = 100000

;; Instances of different components that are linked to each other draw on the same
;; fuel: what one of them has used is gone for the other, on the way in and back.

(component $burner
  (core module $m
    ;; 5 n + 1
    (func (export "burn") (param i32)
      (loop $next
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $i (instantiate $m))
  (func (export "burn") (param "n" u32) (canon lift (core func $i "burn"))))
(register "burner" $burner)

(component definition $User
  (import "burner" (instance $burner (export "burn" (func (param "n" u32)))))
  (core func $burn (canon lower (func $burner "burn")))
  (core module $m
    (import "" "burn" (func $burn (param i32)))
    ;; 8 of its own
    (func (export "twice") (param i32)
      (call $burn (local.get 0))
      (call $burn (local.get 0))
      (drop (i32.add (local.get 0) (i32.const 1)))))
  (core instance $i (instantiate $m (with "" (instance (export "burn" (func $burn))))))
  (func (export "twice") (param "n" u32) (canon lift (core func $i "twice"))))
(component instance $user $User)

;;@ call.fuel = 501
(assert_return (invoke $burner "burn" (u32.const 100)))
;;@ call.fuel = 1010
(assert_return (invoke $user "twice" (u32.const 100)))
;;@ call.fuel = 501
(assert_return (invoke $burner "burn" (u32.const 100)))
;;@ usage.fuel = 3022
(assert_return (invoke $user "twice" (u32.const 100)))
;; The second time it is too much.
;;@ usage.fuel = 100000
(assert_trap (invoke $user "twice" (u32.const 10000)) "out of fuel")
