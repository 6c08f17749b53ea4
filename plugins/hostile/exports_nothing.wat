;; A component that can do nothing.
(component (import "log" (func (param "line" string))))
