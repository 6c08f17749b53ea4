;; Never comes to its first function.
(func $start (loop $for_ever (br $for_ever)))
(start $start)
(func (export "run") (param i32 i32) (result i32) (unreachable))
