;; Wants one more answer, whatever it was told.
(data (i32.const 32768) "{\"step\":{\"mac\":{\"algorithm\":\"sha256\",\"over\":[{\"text\":\"more\"}],\"encoding\":\"hex\"}}}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
