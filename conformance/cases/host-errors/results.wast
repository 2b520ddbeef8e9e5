;; What host functions return is what the guest gets: numbers, texts of every length,
;; and what is given back to it.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "add" (func (param "a" u32) (param "b" u32) (result u32)))
    (export "echo" (func (param "text" string) (result string)))
    (export "repeat" (func (param "text" string) (param "times" u32) (result string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (data (i32.const 16) "no luck")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
  (core instance $libc (instantiate $libc))
  (core func $add (canon lower (func $host "add")))
  (core func $echo (canon lower (func $host "echo") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $repeat (canon lower (func $host "repeat") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $m
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (import "" "echo" (func $echo (param i32 i32 i32)))
    (import "" "repeat" (func $repeat (param i32 i32 i32 i32)))
    (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
    (func (export "echo") (param i32 i32) (result i32)
      (call $echo (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8))
    (func (export "repeat") (param i32 i32 i32) (result i32)
      (call $repeat (local.get 0) (local.get 1) (local.get 2) (i32.const 8)) (i32.const 8)))
  (core instance $i (instantiate $m (with "" (instance
    (export "add" (func $add)) (export "echo" (func $echo)) (export "repeat" (func $repeat))))))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add")))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func (export "repeat") (param "text" string) (param "times" u32) (result string)
    (canon lift (core func $i "repeat") (memory $libc "memory") (realloc (func $libc "realloc")))))
(component instance $guest $Guest)
(assert_return (invoke "add" (u32.const 40) (u32.const 2)) (u32.const 42))
(assert_return (invoke "add" (u32.const 0xffffffff) (u32.const 2)) (u32.const 1))
(assert_return (invoke "echo" (str.const "")) (str.const ""))
(assert_return (invoke "echo" (str.const "\c3\a4 \e2\82\ac \f0\9f\a6\80")) (str.const "\c3\a4 \e2\82\ac \f0\9f\a6\80"))
(assert_return (invoke "repeat" (str.const "ab") (u32.const 3)) (str.const "ababab"))
(assert_return (invoke "repeat" (str.const "ab") (u32.const 0)) (str.const ""))
