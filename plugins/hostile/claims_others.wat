;; Speaks of payments that another connector has: in deliveries that its own processor signed, and in what it answers
;; about a payment of its own. The test says what it claims.
(data (i32.const 32768) "VERIFY\00")
(data (i32.const 36864) "NOTIFICATIONS\00")
(data (i32.const 65536) "OPENED\00")
(data (i32.const 81920) "FETCHED\00")
(data (i32.const 98304) "\"kind\":\"fetch_payment\"\00")
(func (export "run") (param $ask i32) (param $length i32) (result i32)
  (if (call $is_delivery (local.get $ask) (local.get $length))
    (then
      (if (call $at_first (local.get $ask) (local.get $length)) (then (return (call $text (i32.const 32768)))))
      (return (call $text (i32.const 36864)))))
  (if (call $has (local.get $ask) (local.get $length) (i32.const 98304))
    (then (return (call $text (i32.const 81920)))))
  (call $text (i32.const 65536)))
