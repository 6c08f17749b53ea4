;; Says of every delivery that it was paid, and names a proof that it does not have.
(data (i32.const 32768) "{\"notifications\":[{\"event_id\":\"evt_1\",\"references\":[],\"echo\":\"ECHO\",\"says\":{\"facts\":{\"word\":\"paid\",\"captured\":{\"amount\":1999,\"currency\":\"EUR\"}}},\"proof\":0}]}\00")
(func (export "run") (param i32 i32) (result i32) (call $text (i32.const 32768)))
