;; The time of a call is counted, with that of the host functions in it, after a
;; failure too.

(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "sleep" (func (param "ms" u32)))))
  (core func $sleep (canon lower (func $host "sleep")))
  (core module $m
    (import "" "sleep" (func $sleep (param i32)))
    (func (export "sleep") (param i32) (call $sleep (local.get 0)))
    (func (export "crash") (param i32) (call $sleep (local.get 0)) unreachable))
  (core instance $i (instantiate $m (with "" (instance (export "sleep" (func $sleep))))))
  (func (export "sleep") (param "ms" u32) (canon lift (core func $i "sleep")))
  (func (export "crash") (param "ms" u32) (canon lift (core func $i "crash"))))
(component instance $guest $Guest)
;;@ call.time-at-least-ms = 10
(assert_return (invoke "sleep" (u32.const 10)))
;;@ call.time-at-least-ms = 5
;;@ usage.time-at-least-ms = 15
(assert_trap (invoke "crash" (u32.const 5)) "unreachable")
