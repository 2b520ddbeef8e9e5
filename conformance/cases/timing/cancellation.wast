;;! uneven-fuel = true
;;! retries = 1
;;! limits.deadline-ms = 5000

;; A guest that is cancelled stops within 50 ms, which is five times what is promised.

(component definition $Guest
  (core module $m
    (memory 256)
    (func $down (param i32) (if (local.get 0)
      (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "spin") (loop $l (br $l)))
    (func (export "recursion") (loop $l (call $down (i32.const 100)) (br $l)))
    (func (export "fill")
      (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000)) (br $l))))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "recursion") (canon lift (core func $i "recursion")))
  (func (export "fill") (canon lift (core func $i "fill"))))

(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.late-ms = 50
(assert_trap (invoke "spin") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.late-ms = 50
(assert_trap (invoke "recursion") "cancelled")
(component instance $guest $Guest)
;;@ cancel = "meanwhile"
;;@ error.late-ms = 50
(assert_trap (invoke "fill") "cancelled")
