;; Logs everything that it was given, again and again, and says that it cannot do anything.
(data (i32.const 32768) "{\"fault\":{\"kind\":\"unsupported\"}}\00")
(func (export "run") (param $ask i32) (param $length i32) (result i32)
  (local $times i32)
  (loop $again
    (call $log (local.get $ask) (local.get $length))
    (local.set $times (i32.add (local.get $times) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $times) (i32.const 1000))))
  (call $text (i32.const 32768)))
