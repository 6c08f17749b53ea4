;; Wants the secret that only verifies sent along.
(data (i32.const 32768) "{\"step\":{\"send\":{\"method\":\"GET\",\"url\":\"BASE_URL/v1/sessions\",\"auth\":{\"kind\":\"bearer\",\"secret\":{\"name\":\"webhook_secret\"}}}}}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
