;; Resources of the host's: a representation comes back as it was, a destructor runs
;; once and when it should, and what is gone is gone.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))
    (export "[method]thing.value" (func (param "self" (borrow $thing)) (result u32)))
    (export "consume" (func (param "t" (own $thing)) (result u32)))
    (export "hold" (func (param "t" (own $thing))))
    (export "release" (func (result (own $thing))))))
  (alias export $host "thing" (type $thing))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $value (canon lower (func $host "[method]thing.value")))
  (core func $consume (canon lower (func $host "consume")))
  (core func $hold (canon lower (func $host "hold")))
  (core func $release (canon lower (func $host "release")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "value" (func $value (param i32) (result i32)))
    (import "" "consume" (func $consume (param i32) (result i32)))
    (import "" "hold" (func $hold (param i32)))
    (import "" "release" (func $release (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "use") (param i32) (result i32) (local i32)
      (local.set 0 (call $make (local.get 0)))
      (local.set 1 (call $value (local.get 0)))
      (call $drop (local.get 0))
      (local.get 1))
    ;; Two at once, dropped in the order in which they came.
    (func (export "two") (param i32 i32) (result i32) (local i32)
      (local.set 0 (call $make (local.get 0)))
      (local.set 1 (call $make (local.get 1)))
      (local.set 2
        (i32.add
          (i32.mul (call $value (local.get 0)) (i32.const 100))
          (call $value (local.get 1))))
      (call $drop (local.get 0))
      (call $drop (local.get 1))
      (local.get 2))
    (func (export "give") (param i32) (result i32) (call $consume (call $make (local.get 0))))
    (func (export "hold") (param i32) (call $hold (call $make (local.get 0))))
    (func (export "release") (result i32) (local i32 i32)
      (local.set 0 (call $release))
      (local.set 1 (call $value (local.get 0)))
      (call $drop (local.get 0))
      (local.get 1))
    (func (export "value") (param i32) (result i32) (local i32)
      (local.set 1 (call $value (local.get 0)))
      (call $drop (local.get 0))
      (local.get 1))
    (func (export "keep-borrow") (param i32) (result i32) (call $value (local.get 0)))
    (func (export "take") (param i32) (result i32) (call $consume (local.get 0)))
    (func (export "twice") (local i32)
      (local.set 0 (call $make (i32.const 6)))
      (call $drop (local.get 0))
      (call $drop (local.get 0)))
    (func (export "after-giving") (local i32)
      (local.set 0 (call $make (i32.const 7)))
      (drop (call $consume (local.get 0)))
      (drop (call $value (local.get 0)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "value" (func $value)) (export "consume" (func $consume))
    (export "hold" (func $hold)) (export "release" (func $release)) (export "drop" (func $drop))))))
  (func (export "make") (param "v" u32) (result (own $thing)) (canon lift (core func $i "make")))
  (func (export "use") (param "v" u32) (result u32) (canon lift (core func $i "use")))
  (func (export "two") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "two")))
  (func (export "give") (param "v" u32) (result u32) (canon lift (core func $i "give")))
  (func (export "hold") (param "v" u32) (canon lift (core func $i "hold")))
  (func (export "release") (result u32) (canon lift (core func $i "release")))
  (func (export "value") (param "t" (borrow $thing)) (result u32) (canon lift (core func $i "value")))
  (func (export "keep-borrow") (param "t" (borrow $thing)) (result u32)
    (canon lift (core func $i "keep-borrow")))
  (func (export "take") (param "t" (own $thing)) (result u32) (canon lift (core func $i "take")))
  (func (export "twice") (canon lift (core func $i "twice")))
  (func (export "after-giving") (canon lift (core func $i "after-giving"))))

(component instance $guest $Guest)
;;@ log = ["drop 5"]
;;@ things = { made = 1, dropped = 1 }
(assert_return (invoke "use" (u32.const 5)) (u32.const 5))
;;@ log = ["drop 12", "drop 34"]
;;@ things = { made = 3, dropped = 3 }
(assert_return (invoke "two" (u32.const 12) (u32.const 34)) (u32.const 1234))
;;@ log = ["drop 8"]
(assert_return (invoke "give" (u32.const 8)) (u32.const 8))
;; What the host holds lives on.
;;@ log = []
;;@ things = { made = 5, dropped = 4 }
(assert_return (invoke "hold" (u32.const 9)))
;;@ log = ["drop 9"]
;;@ things = { made = 5, dropped = 5 }
(assert_return (invoke "release") (u32.const 9))
;; A resource that the guest made goes to the host, is lent to the guest, as often as
;; one likes, and is given back.
;;@ keep = "it"
;;@ log = []
(invoke "make" (u32.const 10))
;;@ repeat = 3
;;@ with = ["it"]
;;@ log = []
(assert_return (invoke "value") (u32.const 10))
;;@ with = ["it"]
;;@ log = ["drop 10"]
;;@ things = { made = 6, dropped = 6 }
(assert_return (invoke "take") (u32.const 10))
;; The host drops one itself.
;;@ keep = "it"
;;@ drop = ["it"]
;;@ log = ["drop 11"]
;;@ things = { made = 7, dropped = 7 }
(invoke "make" (u32.const 11))
;; A borrow ends with its call: a guest that keeps one traps.
;;@ keep = "it"
(invoke "make" (u32.const 13))
;;@ with = ["it"]
;;@ error.trap = "borrow-still-held"
;;@ log = []
;;@ poisoned = "trap"
(assert_trap (invoke "keep-borrow") "borrow handles still remain")
;; Gone is gone: the destructor does not run again.
(component instance $guest $Guest)
;;@ log = ["drop 6"]
;;@ error.trap = "unknown-handle"
(assert_trap (invoke "twice") "unknown handle index 1")
(component instance $guest $Guest)
;;@ log = ["drop 7"]
(assert_trap (invoke "after-giving") "unknown handle index 1")
