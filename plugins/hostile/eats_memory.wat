;; Takes all the memory that it can get, and writes to it.
(func (export "run") (param i32 i32) (result i32)
  (local $start i32)
  (loop $more
    (local.set $start (i32.mul (memory.size) (i32.const 65536)))
    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
    (memory.fill (local.get $start) (i32.const 1) (i32.const 1048576))
    (br $more))
  (unreachable))
