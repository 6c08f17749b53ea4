//! The texts of mistakes: what is written in the file, and what the operator reads about it.
//!
//! A text that changes here changes for operators; read it as one of them.

/// Config files, each with what is said about it.
pub(super) const MISTAKES: &[(&str, &str)] = &[
    (
        r#"public_url = "https://p.example"
lisen = "127.0.0.1:1"
"#,
        r#"hub.toml:2:1: lisen: there is no such key or table
  2 | lisen = "•••"
    | ^^^^^
    = did you mean `listen`?"#,
    ),
    (
        r#"public_url = "https://p.example"
[limit]
body_bytes_max = 5000
"#,
        r#"hub.toml:2:2: limit: there is no such key or table
  2 | [limit]
    |  ^^^^^
    = did you mean `limits`?"#,
    ),
    (
        r#"public_url = "https://p.example"
[log]
listen = "127.0.0.1:1"
key_file = "x"
colour = true
"#,
        r#"hub.toml:3:1: log.listen: there is no such key in [log]
  3 | listen = "127.0.0.1:1"
    | ^^^^^^
    = `listen` belongs above the first [table]

hub.toml:4:1: log.key_file: there is no such key in [log]
  4 | key_file = "x"
    | ^^^^^^^^
    = `key_file` belongs in [sealing]

hub.toml:5:1: log.colour: there is no such key in [log]
  5 | colour = •••
    | ^^^^^^
    = [log] has: format, level"#,
    ),
    (
        r#"public_url = "https://p.example"
listen = 8080
[limits]
body_bytes_max = "big"
request_timeout_s = 1
shutdown_grace_s = 2.5
[checkout]
http_return_urls = "yes"
return_url_hosts = "shop.example"
[merchant_webhooks]
ports = [443, 70000, "x"]
allow_http = [
  "10.0.0.0/33",   # comment
  5,
]
"#,
        r#"hub.toml:2:10: listen: must be a text, not a whole number
  2 | listen = 8080
    |          ^^^^
    = the default is: listen = "127.0.0.1:8080"

hub.toml:4:18: limits.body_bytes_max: must be a whole number, not a text
  4 | body_bytes_max = "big"
    |                  ^^^^^
    = the default is: body_bytes_max = 262144

hub.toml:5:21: limits.request_timeout_s: must be between 5 and 300
  5 | request_timeout_s = 1
    |                     ^
    = the default is: request_timeout_s = 30

hub.toml:6:20: limits.shutdown_grace_s: must be a whole number, not a number with a decimal point
  6 | shutdown_grace_s = 2.5
    |                    ^^^
    = the default is: shutdown_grace_s = 20

hub.toml:8:20: checkout.http_return_urls: must be true or false, not a text
  8 | http_return_urls = "yes"
    |                    ^^^^^
    = the default is: http_return_urls = false

hub.toml:9:20: checkout.return_url_hosts: must be a list, not a text
  9 | return_url_hosts = "shop.example"
    |                    ^^^^^^^^^^^^^^
    = write it like: return_url_hosts = ["shop.example.com"]

hub.toml:11:15: merchant_webhooks.ports: must be between 1 and 65535
  11 | ports = [443, 70000, "x"]
     |               ^^^^^
     = the default is: ports = [443, 8443]

hub.toml:11:22: merchant_webhooks.ports: must be a whole number, not a text
  11 | ports = [443, 70000, "x"]
     |                      ^^^
     = the default is: ports = [443, 8443]

hub.toml:13:3: merchant_webhooks.allow_http: must name a network such as 10.1.0.0/16, or a host with or without a port such as hooks.internal:8443
  13 |   "10.0.0.0/33",
     |   ^^^^^^^^^^^^^
     = write it like: allow_http = ["hooks.internal:8443"]

hub.toml:14:3: merchant_webhooks.allow_http: must be a text, not a whole number
  14 |   5,
     |   ^
     = write it like: allow_http = ["hooks.internal:8443"]"#,
    ),
    (
        r#"public_url = "https://p.example"
trusted_proxies = ["10.0.0.0/8", "proxy.internal", "::ffff:10.0.0.0/104"]
[limits]
key_requests_per_s = -1
key_requests_burst = 0
unproven_requests_per_min = "none"
[metrics]
listen = "127.0.0.1:8080"
"#,
        r#"hub.toml:2:34: trusted_proxies: must name a network such as 10.0.0.0/8 or one address
  2 | trusted_proxies = ["10.0.0.0/8", "proxy.internal", "::ffff:10.0.0.0/104"]
    |                                  ^^^^^^^^^^^^^^^^
    = write it like: trusted_proxies = ["10.0.0.0/8"]

hub.toml:2:52: trusted_proxies: must name a network such as 10.0.0.0/8 or one address
  2 | trusted_proxies = ["10.0.0.0/8", "proxy.internal", "::ffff:10.0.0.0/104"]
    |                                                    ^^^^^^^^^^^^^^^^^^^^^
    = write it like: trusted_proxies = ["10.0.0.0/8"]

hub.toml:4:22: limits.key_requests_per_s: must be between 0 and 100000
  4 | key_requests_per_s = -1
    |                      ^^
    = the default is: key_requests_per_s = 200

hub.toml:5:22: limits.key_requests_burst: must be between 1 and 1000000
  5 | key_requests_burst = 0
    |                      ^
    = the default is: key_requests_burst = 1000

hub.toml:6:29: limits.unproven_requests_per_min: must be a whole number, not a text
  6 | unproven_requests_per_min = "none"
    |                             ^^^^^^
    = the default is: unproven_requests_per_min = 60

hub.toml:8:10: metrics.listen: must not be where the API listens: metrics are for the operator alone
  8 | listen = "127.0.0.1:8080"
    |          ^^^^^^^^^^^^^^^^
    = write it like: listen = "127.0.0.1:9464""#,
    ),
    (
        r#"public_url = "https://p.example"
[metrics]
listen = "[::]:9464"
"#,
        r#"hub.toml:3:10: metrics.listen: opens the metrics to every network that this machine is in
  3 | listen = "[::]:9464"
    |          ^^^^^^^^^^^
    = name one address, such as 127.0.0.1, or say that you mean it: all_networks = true"#,
    ),
    (
        r#"listen = "localhost:8080"
"#,
        r#"hub.toml: public_url: must be set
   = add: public_url = "https://pay.example.com"

hub.toml:1:10: listen: must be an IP address and a port
  1 | listen = "localhost:8080"
    |          ^^^^^^^^^^^^^^^^
    = the default is: listen = "127.0.0.1:8080""#,
    ),
    (
        r#"public_url = "pay.example.com"
"#,
        r#"hub.toml:1:14: public_url: must be an absolute URL
  1 | public_url = "pay.example.com"
    |              ^^^^^^^^^^^^^^^^^
    = write it like: public_url = "https://pay.example.com""#,
    ),
    (
        r#"public_url = "https://user:hunter2@pay.example.com"
"#,
        r#"hub.toml:1:14: public_url: must not hold a user name or password
  1 | public_url = "•••"
    |              ^^^^^
    = write it like: public_url = "https://pay.example.com""#,
    ),
    (
        r#"public_url = "ftp://pay.example.com"
"#,
        r#"hub.toml:1:14: public_url: must begin with https:// (or http:// for trying out)
  1 | public_url = "ftp://pay.example.com"
    |              ^^^^^^^^^^^^^^^^^^^^^^^
    = write it like: public_url = "https://pay.example.com""#,
    ),
    (
        r#"public_url = "http://pay.example.com"
[connectors.cards]
adapter = "x"
mode = "live"
"#,
        r#"hub.toml:1:14: public_url: must begin with https:// because the connector cards is live
  1 | public_url = "http://pay.example.com"
    |              ^^^^^^^^^^^^^^^^^^^^^^^^
    = put a proxy with TLS in front of the hub, and write its https:// address"#,
    ),
    (
        r#"public_url = "https://p.example"
[connectors.cards]
mode = "prod"
"#,
        r#"hub.toml:2:13: connectors.cards.adapter: must be set
  2 | [connectors.cards]
    |             ^^^^^
    = add: adapter = "sandbox"

hub.toml:3:8: connectors.cards.mode: must be one of: "test", "live"
  3 | mode = "prod"
    |        ^^^^^^
    = write it like: mode = "test""#,
    ),
    (
        r#"public_url = "https://p.example"
[connectors.cards]
adapter = "x"
mode = "tset"
api_key = "sk_live_abc"
[connectors.cards.secrets]
api_key = "sk_live_abc" # sk_live_def
other = 12345678901
list = ["sk_live_abc", { env = "A_KEY" }]
empty = []
both = { env = "A_KEY", file = "/x" }
nothing = {}
misspelled = { evn = "A_KEY" }
pasted = { env = "sk_live_abc" }
unset = { env = "NOT_SET" }
blank = { env = "EMPTY_KEY" }
absent = { file = "/nonexistent/key" }
pasted_file = { file = "sk_live_abc" }
folder = { file = "/" }
home = { file = "~/key" }
"#,
        r#"hub.toml:4:8: connectors.cards.mode: must be one of: "test", "live"
  4 | mode = "tset"
    |        ^^^^^^
    = did you mean "test"?

hub.toml:5:1: connectors.cards.api_key: there is no such key in [connectors.cards]
  5 | api_key = "•••"
    | ^^^^^^^
    = what the adapter wants to know belongs in [connectors.cards.settings] or [connectors.cards.secrets]

hub.toml:7:11: connectors.cards.secrets.api_key: a secret must not be written into the config file
  7 | api_key = "•••"
    |           ^^^^^
    = write api_key = { env = "CARDS_API_KEY" } or api_key = { file = "/run/secrets/api_key" }

hub.toml:8:9: connectors.cards.secrets.other: a secret must not be written into the config file
  8 | other = •••
    |         ^^^
    = write other = { env = "CARDS_OTHER" } or other = { file = "/run/secrets/other" }

hub.toml:9:9: connectors.cards.secrets.list: a secret must not be written into the config file
  9 | list = ["•••", { env = "A_KEY" }]
    |         ^^^^^
    = write list = { env = "CARDS_LIST" } or list = { file = "/run/secrets/list" }

hub.toml:10:9: connectors.cards.secrets.empty: names no secret
  10 | empty = []
     |         ^^
     = write empty = { env = "CARDS_EMPTY" } or empty = { file = "/run/secrets/empty" }

hub.toml:11:8: connectors.cards.secrets.both: must name exactly one place, `env` or `file`
  11 | both = { env = "A_KEY", file = "/x" }
     |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
     = write both = { env = "CARDS_BOTH" } or both = { file = "/run/secrets/both" }

hub.toml:12:11: connectors.cards.secrets.nothing: must name exactly one place, `env` or `file`
  12 | nothing = {}
     |           ^^
     = write nothing = { env = "CARDS_NOTHING" } or nothing = { file = "/run/secrets/nothing" }

hub.toml:13:14: connectors.cards.secrets.misspelled: must name its place by `env` or `file`
  13 | misspelled = { evn = "•••" }
     |              ^^^^^^^^^^^^^^^
     = did you mean `env`?

hub.toml:14:10: connectors.cards.secrets.pasted: `env` must be the name of an environment variable: A-Z, 0-9 and _
  14 | pasted = { env = "•••" }
     |          ^^^^^^^^^^^^^^^
     = if the secret itself stands there, treat it as leaked: remove it and make a new one

hub.toml:15:9: connectors.cards.secrets.unset: the environment variable NOT_SET is not set
  15 | unset = { env = "NOT_SET" }
     |         ^^^^^^^^^^^^^^^^^^^
     = set NOT_SET for the hub's process, or use { file = "PATH" }

hub.toml:16:9: connectors.cards.secrets.blank: the environment variable EMPTY_KEY is empty
  16 | blank = { env = "EMPTY_KEY" }
     |         ^^^^^^^^^^^^^^^^^^^^^
     = put the secret there

hub.toml:17:10: connectors.cards.secrets.absent: the file /nonexistent/key does not exist
  17 | absent = { file = "/nonexistent/key" }
     |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
     = create it; a relative path starts at the folder of the config file

hub.toml:18:15: connectors.cards.secrets.pasted_file: the file does not exist
  18 | pasted_file = { file = "•••" }
     |               ^^^^^^^^^^^^^^^^
     = create it; a relative path starts at the folder of the config file

hub.toml:19:10: connectors.cards.secrets.folder: the file / is not a plain file
  19 | folder = { file = "/" }
     |          ^^^^^^^^^^^^^^
     = name the file itself

hub.toml:20:8: connectors.cards.secrets.home: `~` has no meaning here
  20 | home = { file = "•••" }
     |        ^^^^^^^^^^^^^^^^
     = write the whole path, beginning with /"#,
    ),
    (
        r#"public_url = "https://p.example"
[connectors.cards.secrets]
api_key = "sk_live_abc
mode = 1
"#,
        r#"hub.toml:3:23: this is not TOML: invalid basic string, expected `"`
  3 | api_key = "•••
    |               ^
    = texts stand in quotes, lists in [ ], tables in { } on one line or below a [heading]"#,
    ),
    (
        r#"public_url = "https://p.example"
listen = 127.0.0.1:8080
"#,
        r#"hub.toml:2:15: this is not TOML: invalid float, expected nothing
  2 | listen = 127.0.0.1:8080
    |               ^^^^^^^^^
    = texts stand in quotes, lists in [ ], tables in { } on one line or below a [heading]"#,
    ),
    (
        r#"api_key = sk_live_abc
"#,
        r#"hub.toml:1:11: this is not TOML: string values must be quoted, expected literal string
  1 | api_key = •••
    |           ^^^
    = texts stand in quotes, lists in [ ], tables in { } on one line or below a [heading]"#,
    ),
    (
        r#"public_url = "https://p.example"
public_url = "https://q.example"
"#,
        r#"hub.toml:2:1: this is not TOML: duplicate key
  2 | public_url = "https://q.example"
    | ^^^^^^^^^^
    = each key and each [table] may be there only once; merge the two"#,
    ),
    (
        r#"public_url = "https://p.example"
limits = 5
[[connectors]]
name = "x"
"#,
        r#"hub.toml:2:1: limits: must be a table, not a whole number
  2 | limits = •••
    | ^^^^^^
    = write it as [limits] with its keys below

hub.toml:3:3: connectors: must be a table, not a list
  3 | [[connectors]]
    |   ^^^^^^^^^^
    = write it as [connectors.NAME] with its keys below"#,
    ),
    (
        r#"public_url = "https://p.example"
[connectors]
Cards = { adapter = "x", mode = "test" }
x = 5
cards = { adapter = "x", mode = "test", secrets = { api_key = "sk_live_abc" }, settings = { a = { env = "X" }, b = 1.5 }, plain_http_hosts = ["http://x"], hosts = ["ok.example", "a b"] }
"#,
        r#"hub.toml:3:1: connectors.Cards: a connector's name must be at most 32 characters of a-z, 0-9, - and _, and begin with a letter or digit
  3 | ••• = { adapter = "x", mode = "test" }
    | ^^^
    = the name is part of the webhook's URL; write it like [connectors.cards-eu]

hub.toml:4:1: connectors.x: must be a table, one for each connector
  4 | x = •••
    | ^
    = write it as [connectors.NAME] with its keys below

hub.toml:5:63: connectors.cards.secrets.api_key: a secret must not be written into the config file
  5 | …apter = "x", mode = "test", secrets = { api_key = "•••" }, settings = { a = { env = "X" }, b = ••• }…
    |                                                    ^^^^^
    = write api_key = { env = "CARDS_API_KEY" } or api_key = { file = "/run/secrets/api_key" }

hub.toml:5:97: connectors.cards.settings.a: a setting is written as it is; only secrets are referred to
  5 | …, secrets = { api_key = "•••" }, settings = { a = { env = "X" }, b = ••• }, plain_http_hosts = ["•••…
    |                                                    ^^^^^^^^^^^^^
    = if it is a secret, move it to the connector's secrets

hub.toml:5:116: connectors.cards.settings.b: must be a text, a whole number, or true or false
  5 | …ey = "•••" }, settings = { a = { env = "X" }, b = ••• }, plain_http_hosts = ["•••"], hosts = ["•••",…
    |                                                    ^^^
    = write it like: b = "…"

hub.toml:5:143: connectors.cards.plain_http_hosts: must name a host, such as api.example.com, *.example.com, or either with :port
  5 | …a = { env = "X" }, b = ••• }, plain_http_hosts = ["http://x"], hosts = ["•••", "•••"] }
    |                                                    ^^^^^^^^^^
    = write it like: plain_http_hosts = ["api.example.com"]

hub.toml:5:179: connectors.cards.hosts: must name a host, such as api.example.com, *.example.com, or either with :port
  5 | …•• }, plain_http_hosts = ["•••"], hosts = ["•••", "a b"] }
    |                                                    ^^^^^
    = write it like: hosts = ["api.example.com"]"#,
    ),
    (
        r#"public_url = "https://p.example"
data_dir = "~/data"
log.level = "verbose"
log.format = "JSON"
"#,
        r#"hub.toml:2:12: data_dir: `~` has no meaning here
  2 | data_dir = "~/data"
    |            ^^^^^^^^
    = write the whole path, beginning with /

hub.toml:3:13: log.level: must be one of: "error", "warn", "info", "debug", "trace"
  3 | log.level = "verbose"
    |             ^^^^^^^^^
    = the default is: level = "info"

hub.toml:4:14: log.format: must be one of: "text", "json"
  4 | log.format = "JSON"
    |              ^^^^^^
    = did you mean "json"?"#,
    ),
    (
        r#"connectors.cards.secrets.api_key = "sk_live_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
"#,
        r#"hub.toml: public_url: must be set
   = add: public_url = "https://pay.example.com"

hub.toml:1:12: connectors.cards.adapter: must be set
  1 | connectors.cards.secrets.api_key = "•••"
    |            ^^^^^
    = add: adapter = "sandbox"

hub.toml:1:12: connectors.cards.mode: must be set
  1 | connectors.cards.secrets.api_key = "•••"
    |            ^^^^^
    = add: mode = "test"

hub.toml:1:36: connectors.cards.secrets.api_key: a secret must not be written into the config file
  1 | connectors.cards.secrets.api_key = "•••"
    |                                    ^^^^^
    = write api_key = { env = "CARDS_API_KEY" } or api_key = { file = "/run/secrets/api_key" }"#,
    ),
    (
        r#"public_url = "https://p.example"
[policies]
paid_twice = "refund"
paid_late = "acept"
wrong_amount = "refund"
unknown_payment = true
paid_never = "hold"
"#,
        r#"hub.toml:3:14: policies.paid_twice: must be one of: "refund_later", "hold"
  3 | paid_twice = "refund"
    |              ^^^^^^^^
    = the default is: paid_twice = "refund_later"

hub.toml:4:13: policies.paid_late: must be one of: "accept", "refund", "hold"
  4 | paid_late = "acept"
    |             ^^^^^^^
    = did you mean "accept"?

hub.toml:5:16: policies.wrong_amount: must be one of: "hold"
  5 | wrong_amount = "refund"
    |                ^^^^^^^^
    = the default is: wrong_amount = "hold"

hub.toml:6:19: policies.unknown_payment: must be a text, not true or false
  6 | unknown_payment = true
    |                   ^^^^
    = the default is: unknown_payment = "hold"

hub.toml:7:1: policies.paid_never: there is no such key in [policies]
  7 | paid_never = "•••"
    | ^^^^^^^^^^
    = [policies] has: paid_twice, paid_late, wrong_amount, unknown_payment"#,
    ),
];
