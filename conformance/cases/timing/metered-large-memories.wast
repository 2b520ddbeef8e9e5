;;! uneven-fuel = true
;;! interruption = "fuel"
;;! retries = 1
;;! limits.memory = "1GiB"

;; The same where fuel is metered.

(component definition $Guest
  (core module $m
    (memory 1)
    (func (export "grow") (drop (memory.grow (i32.const 16000))) (loop $l (br $l))))
  (core instance $i (instantiate $m))
  (func (export "grow") (canon lift (core func $i "grow"))))

;;@ limits.deadline-ms = 100
(component instance $guest $Guest)
;;@ error.late-ms = 50
(assert_trap (invoke "grow") "deadline exceeded")

;;@ limits.deadline-ms = 100
;;@ error.late-ms = 50
;;@ poisoned = "deadline-exceeded"
(assert_trap
  (component
    (core module $m
      (memory 16000)
      (data (i32.const 1000000000) "x")
      (func $start (loop $l (br $l)))
      (start $start))
    (core instance (instantiate $m)))
  "deadline exceeded")

;; What is made in parts is whole.
(component definition $Whole
  (core module $m
    (memory 1000 2000)
    (data (i32.const 65535999) "\07")
    (func (export "grown") (result i32)
      (if (i32.ne (memory.size) (i32.const 1000)) (then unreachable))
      (if (i32.ne (memory.grow (i32.const 1001)) (i32.const -1)) (then unreachable))
      (if (i32.ne (memory.grow (i32.const 1000)) (i32.const 1000)) (then unreachable))
      (i32.add
        (i32.load8_u (i32.const 65535999))
        (i32.load8_u (i32.const 131071999))))
    (func (export "out") (result i32) (i32.load8_u (i32.const 131072000))))
  (core instance $i (instantiate $m))
  (func (export "grown") (result u32) (canon lift (core func $i "grown")))
  (func (export "out") (result u32) (canon lift (core func $i "out"))))

;;@ limits.deadline-ms = 60000
(component instance $whole $Whole)
(assert_return (invoke "grown") (u32.const 7))
(assert_trap (invoke "out") "out of bounds memory access")
