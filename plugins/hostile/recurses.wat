;; Calls itself, and itself, and itself.
(func $again (param i64) (result i64)
  (i64.add (call $again (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
(func (export "run") (param i32 i32) (result i32)
  (i32.wrap_i64 (call $again (i64.const 0))))
