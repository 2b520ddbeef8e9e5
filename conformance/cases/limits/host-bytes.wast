;;! limits.host-bytes = "64KiB"

;; What a guest makes the host allocate is limited: for results, and for arguments of
;; host functions.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "note" (func (param "text" string)))))
  (core module $libc
    (memory (export "memory") 64)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $note (canon lower (func $host "note") (memory $libc "memory")))
  (core module $m
    (import "" "note" (func $note (param i32 i32)))
    (import "" "memory" (memory 64))
    (func (export "give") (param i32) (result i32)
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (local.get 0))
      (i32.const 0))
    (func (export "note") (param i32) (call $note (i32.const 64) (local.get 0)))
    (func (export "fine") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m (with "" (instance
    (export "note" (func $note)) (export "memory" (memory $libc "memory"))))))
  (func (export "give") (param "n" u32) (result (list u8))
    (canon lift (core func $i "give") (memory $libc "memory")))
  (func (export "note") (param "n" u32) (canon lift (core func $i "note")))
  (func (export "fine") (result u32) (canon lift (core func $i "fine"))))

(component instance $guest $Guest)
(assert_return (invoke "give" (u32.const 0)) (list.const))
(assert_return (invoke "note" (u32.const 1000)))
;;@ error.kind = "host-allocation-limit"
;;@ error.limit = "64KiB"
;;@ poisoned = "host-allocation-limit"
(assert_trap (invoke "give" (u32.const 4000000)) "the guest made the host allocate more than 65536 bytes")
(assert_trap (invoke "fine") "poisoned: the guest made the host allocate")
(component instance $guest $Guest)
;;@ error.limit = "64KiB"
;;@ log = []
;;@ poisoned = "host-allocation-limit"
(assert_trap (invoke "note" (u32.const 70000)) "the guest made the host allocate more than 65536 bytes")
