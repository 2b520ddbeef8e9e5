;; A string in, a string out: the guest's `realloc` gives the host a place for
;; the argument, and the result is a pointer and a length in memory.
;;
;;   enginebay run examples/shout.wat --invoke 'shout("hello")'
(component
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))

    ;; Only ever goes up: enough for a call.
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32)
        (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free (i32.add (global.get $free) (local.get $size)))
      (local.get $at))

    ;; Makes a to z upper case, in place.
    (func (export "shout") (param $at i32) (param $len i32) (result i32)
      (local $i i32) (local $c i32)
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
          (local.set $c (i32.load8_u (i32.add (local.get $at) (local.get $i))))
          (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))
            (then (i32.store8 (i32.add (local.get $at) (local.get $i))
              (i32.sub (local.get $c) (i32.const 32)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $len))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "shout") (param "text" string) (result string)
    (canon lift (core func $i "shout") (memory $i "memory") (realloc (func $i "realloc")))))
