;; Replies with bytes that are no text.
(data (i32.const 32768) "\ff\fe\fd\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
