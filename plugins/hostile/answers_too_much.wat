;; Replies with three megabytes of spaces.
(func (export "run") (param i32 i32) (result i32)
  (drop (memory.grow (i32.const 64)))
  (memory.fill (i32.const 262144) (i32.const 32) (i32.const 3145728))
  (i32.store (i32.const 0) (i32.const 262144))
  (i32.store (i32.const 4) (i32.const 3145728))
  (i32.const 0))
