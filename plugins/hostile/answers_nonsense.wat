;; Replies with a form of its own invention.
(data (i32.const 32768) "{\"paid\": true, \"trust_me\": 1}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
