;;! uneven-fuel = true
;;! retries = 1

;; Deadlines are met: never too early, and at most 50 ms too late, which is five times
;; what is promised.

(component definition $Guest
  (core module $m
    (memory 256)
    (func $down (param i32) (if (local.get 0)
      (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "spin") (loop $l (br $l)))
    (func (export "recursion") (loop $l (call $down (i32.const 100)) (br $l)))
    (func (export "fill")
      (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000)) (br $l)))
    ;; Each of these takes as long as all that is allowed, or longer.
    (func (export "copy") (drop (memory.grow (i32.const 3800)))
      (loop $l (memory.copy (i32.const 0) (i32.const 1) (i32.const 260000000)) (br $l))))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "recursion") (canon lift (core func $i "recursion")))
  (func (export "fill") (canon lift (core func $i "fill")))
  (func (export "copy") (canon lift (core func $i "copy"))))

;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "spin") "deadline exceeded")
;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "recursion") "deadline exceeded")
;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "fill") "deadline exceeded")
;;@ limits.deadline-ms = 1000
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "copy") "deadline exceeded")
