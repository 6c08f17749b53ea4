;; What every hostile plugin here is made of: the boundary, done as it should be, around an adapter that is not.
;; The test puts a descriptor and one of the other files into it.
(component
  (import "log" (func $log (param "line" string)))
  (core module $memory (memory (export "memory") 4))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $log) (memory $memory "memory")))
  (core module $adapter
    (import "host" "log" (func $log (param i32 i32)))
    (import "host" "memory" (memory 4))

    (data (i32.const 16) "\"transcript\":[]\00")
    (data (i32.const 48) "\"delivery\":{\00")
    (data (i32.const 1024) "DESCRIPTOR\00")
    (global $free (mut i32) (i32.const 131072))

    ;; A text that ends with a zero, as the host takes it: where it starts, and how long it is.
    (func $text (param $start i32) (result i32)
      (local $end i32)
      (local.set $end (local.get $start))
      (loop $next
        (if (i32.load8_u (local.get $end))
          (then
            (local.set $end (i32.add (local.get $end) (i32.const 1)))
            (br $next))))
      (i32.store (i32.const 0) (local.get $start))
      (i32.store (i32.const 4) (i32.sub (local.get $end) (local.get $start)))
      (i32.const 0))

    ;; Whether the text at $word, which ends with a zero, is in what was asked.
    (func $has (param $ask i32) (param $length i32) (param $word i32) (result i32)
      (local $end i32) (local $index i32) (local $letter i32)
      (local.set $end (i32.add (local.get $ask) (local.get $length)))
      (block $absent
        (loop $place
          (br_if $absent (i32.ge_u (local.get $ask) (local.get $end)))
          (local.set $index (i32.const 0))
          (block $differs
            (loop $compare
              (local.set $letter (i32.load8_u (i32.add (local.get $word) (local.get $index))))
              (if (i32.eqz (local.get $letter)) (then (return (i32.const 1))))
              (br_if $differs
                (i32.ne (local.get $letter) (i32.load8_u (i32.add (local.get $ask) (local.get $index)))))
              (local.set $index (i32.add (local.get $index) (i32.const 1)))
              (br $compare)))
          (local.set $ask (i32.add (local.get $ask) (i32.const 1)))
          (br $place)))
      (i32.const 0))

    ;; Whether nothing has been answered yet.
    (func $at_first (param $ask i32) (param $length i32) (result i32)
      (call $has (local.get $ask) (local.get $length) (i32.const 16)))

    ;; Whether a delivery is to be read.
    (func $is_delivery (param $ask i32) (param $length i32) (result i32)
      (call $has (local.get $ask) (local.get $length) (i32.const 48)))

    (func (export "describe") (result i32) (call $text (i32.const 1024)))

    (func (export "cabi_realloc") (param i32 i32 i32) (param $length i32) (result i32)
      (local $start i32)
      (local.set $start (global.get $free))
      (global.set $free (i32.add (local.get $start) (i32.and (i32.add (local.get $length) (i32.const 15)) (i32.const -16))))
      (loop $grow
        (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
          (then
            (drop (memory.grow (i32.const 16)))
            (br $grow))))
      (local.get $start))

    ADAPTER
  )
  (core instance $adapter
    (instantiate $adapter
      (with "host" (instance (export "log" (func $log)) (export "memory" (memory $memory "memory"))))))
  (func (export "describe") (result string)
    (canon lift (core func $adapter "describe") (memory $memory "memory")))
  (func (export "run") (param "ask" string) (result string)
    (canon lift (core func $adapter "run")
      (memory $memory "memory") (realloc (func $adapter "cabi_realloc"))))
)
