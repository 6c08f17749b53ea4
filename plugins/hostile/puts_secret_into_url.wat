;; Writes the names of secrets where their values would be seen: into an address, and into its answer.
(data (i32.const 32768) "{\"step\":{\"send\":{\"method\":\"GET\",\"url\":\"BASE_URL/v1/{secrets.api_key}?key=$api_key\",\"auth\":{\"kind\":\"none\"}}}}\00")
(data (i32.const 40960) "{\"fault\":{\"kind\":\"cannot_ask\",\"field\":\"{secrets.api_key}\",\"reason\":\"$api_key ${api_key} {{api_key}}\"}}\00")
(func (export "run") (param $ask i32) (param $length i32) (result i32)
  (if (call $at_first (local.get $ask) (local.get $length)) (then (return (call $text (i32.const 32768)))))
  (call $text (i32.const 40960)))
