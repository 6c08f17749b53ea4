;; No component at all.
(module (memory (export "memory") 1) (func (export "run")))
