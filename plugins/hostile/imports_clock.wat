;; A whole component that wants to know the time.
(component
  (import "log" (func (param "line" string)))
  (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))
