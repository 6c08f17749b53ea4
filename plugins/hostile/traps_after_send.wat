;; Has money moved, and gives up when it hears the answer.
(data (i32.const 32768) "{\"step\":{\"send\":{\"method\":\"POST\",\"url\":\"BASE_URL/v1/sessions\",\"auth\":{\"kind\":\"bearer\",\"secret\":{\"name\":\"api_key\"}}}}}\00")
(func (export "run") (param $ask i32) (param $length i32) (result i32)
  (if (call $at_first (local.get $ask) (local.get $length)) (then (return (call $text (i32.const 32768)))))
  (unreachable))
