;; A value has less than 2^28 bytes in memory, counted with 64-bit pointers.

(component
  (type (list u8 268435455))
  (type (tuple u8 (list u32 67108862)))
  (type (list (list u8 268435455)))
  (type (option (list u8 268435454))))
(assert_invalid (component (type (list f64 33554432))) "exceeds maximum byte size")
(assert_invalid (component (type (option (list u8 268435455)))) "exceeds maximum byte size")
(assert_invalid
  (component (type (variant (case "a") (case "b" (list string 16777216)))))
  "exceeds maximum byte size")
(assert_invalid
  (component (import "f" (func (param "v" (list u8 4294967295)))))
  "exceeds maximum byte size")
