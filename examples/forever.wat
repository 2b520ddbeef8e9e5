;; Never ends: for trying out what stops a guest.
;;
;;   enginebay run examples/forever.wat --invoke 'forever()' --timeout 200ms
;;   enginebay run examples/forever.wat --invoke 'forever()' --fuel 1000000
(component
  (core module $m
    (func (export "forever") (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "forever") (canon lift (core func $i "forever"))))
