//! One line of a config file as it may be shown to whoever reads the hub's output.
//!
//! A mistake is shown with its line, and somebody may have written a secret into that line: inline where a
//! reference belongs, under a misspelled key, or without its closing quote, so that the file does not even
//! parse. So the line is read by its looks alone.
//!
//! Invariant: a value is shown only under a key that holds no secret, or when the caller knows that it is
//! harmless. Everything else becomes `•••`, comments are dropped, and no control character is repeated.

use std::ops::Range;

/// Keys whose values are harmless wherever they stand, except among secrets and settings.
pub(super) const PLAIN_KEYS: [&str; 51] = [
    "abandoned_connectors",
    "adapter",
    "all_networks",
    "allow_http",
    "allow_private",
    "body_bytes_max",
    "checkout_hosts",
    "concurrent_requests_max",
    "concurrent_runs_max",
    "currencies",
    "data_dir",
    "database_connections",
    "draining",
    "folder",
    "format",
    "fuel_max",
    "hosts",
    "http_return_urls",
    "inbox_pending_max",
    "key_file",
    "key_requests_burst",
    "key_requests_per_s",
    "level",
    "listen",
    "log_line_bytes_max",
    "log_lines_max",
    "memory_bytes_max",
    "mode",
    "output_bytes_max",
    "paid_late",
    "paid_twice",
    "plain_http_hosts",
    "plugin",
    "ports",
    "print_first_key",
    "public_url",
    "replaced",
    "request_timeout_s",
    "return_url_hosts",
    "run_ms_max",
    "sha256",
    "shutdown_grace_s",
    "sites",
    "timeout_s",
    "title",
    "trusted_keys",
    "trusted_proxies",
    "unknown_payment",
    "unproven_requests_burst",
    "unproven_requests_per_min",
    "wrong_amount",
];

const MASK: &str = "•••";
const KEY_CHARS_MAX: usize = 64;
/// How much of a line is shown, in characters.
const EXCERPT_CHARS_MAX: usize = 100;

/// What is known about the marked text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// It holds no secret.
    Plain,
    /// It is judged as everything around it: by its key.
    ByKey,
    /// It may be a secret.
    Private,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line: String,
    /// The marked characters of `line`.
    pub(super) marked: Range<usize>,
}

/// The name of an environment variable by its looks, so that a secret pasted in its place is not repeated.
pub(super) fn is_variable_name(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    starts && text.len() <= KEY_CHARS_MAX && text.bytes().all(is_name)
}

/// A path that says by its looks that it is one.
pub(super) fn is_plain_path(text: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| text.starts_with(start))
}

/// The line at `line_start`, of which `mark` (in bytes of `text`) is pointed out.
pub(super) fn excerpt(text: &str, line_start: usize, mark: Range<usize>, exposure: Exposure) -> Excerpt {
    let line = text[line_start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let heading = text[..line_start].lines().rev().find(|line| line.trim_start().starts_with('['));
    let mark = mark.start - line_start..(mark.end - line_start).min(line.len()).max(mark.start - line_start);
    let mut masking = Masking {
        line,
        mark: mark.clone(),
        exposure,
        among_secrets: heading.is_some_and(holds_secrets),
        key: None,
        value_begun: false,
        open: Vec::new(),
        shown: String::new(),
        columns: Vec::new(),
    };
    masking.run();
    let shown_chars = masking.shown.chars().count();
    let piece = |index: usize| masking.columns.iter().position(|(end, _)| *end > index);
    let column = |piece: Option<usize>| {
        piece
            .and_then(|piece| masking.columns.get(piece))
            .map_or(shown_chars, |(_, column)| (*column).min(shown_chars))
    };
    let start = column(piece(mark.start));
    // A masked text is pointed out as a whole.
    let end = if mark.is_empty() { start } else { column(piece(mark.end - 1).map(|piece| piece + 1)) };
    cut(&masking.shown, start..end)
}

/// Keeps the surroundings of the marked part of a long line.
fn cut(shown: &str, marked: Range<usize>) -> Excerpt {
    let chars = shown.chars().count();
    if chars <= EXCERPT_CHARS_MAX {
        return Excerpt { line: shown.to_owned(), marked };
    }
    let start = marked.start.saturating_sub(EXCERPT_CHARS_MAX / 2);
    let kept: String = shown.chars().skip(start).take(EXCERPT_CHARS_MAX).collect();
    let (before, offset) = if start > 0 { ("…", 1) } else { ("", 0) };
    let after = if start + EXCERPT_CHARS_MAX < chars { "…" } else { "" };
    let end = marked.end.min(start + EXCERPT_CHARS_MAX);
    Excerpt {
        line: format!("{before}{kept}{after}"),
        marked: marked.start - start + offset..end - start + offset,
    }
}

fn holds_secrets(key: &str) -> bool {
    key.contains("secret") || key.contains("settings")
}

struct Masking<'a> {
    line: &'a str,
    mark: Range<usize>,
    exposure: Exposure,
    /// Whether the values around belong to a table of secrets or of settings, whose keys are not ours.
    among_secrets: bool,
    key: Option<&'a str>,
    /// Behind a `=`, so that what comes is a value, whatever it looks like.
    value_begun: bool,
    /// Brackets that are open.
    open: Vec<char>,
    shown: String,
    /// For each piece of the line: where it ends (in bytes) and at which character of `shown` it starts.
    columns: Vec<(usize, usize)>,
}

impl<'a> Masking<'a> {
    fn run(&mut self) {
        let mut index = 0;
        while let Some(first) = self.line[index..].chars().next() {
            let next = index + first.len_utf8();
            index = match first {
                '\u{feff}' => next,
                '#' => {
                    // What stands in a comment is nobody's business but the writer's.
                    self.shown.truncate(self.shown.trim_end().len());
                    return;
                }
                '"' | '\'' => self.quoted(index, first),
                '[' | '{' | ']' | '}' | ',' | '=' => {
                    self.follow(first);
                    self.punctuation(index, first)
                }
                _ if first.is_whitespace() => self.punctuation(index, first),
                _ => self.word(index),
            };
        }
    }

    /// Keeps track of whether a key or a value comes next.
    fn follow(&mut self, sign: char) {
        match sign {
            '=' => self.value_begun = true,
            '[' => self.open.push(sign),
            '{' => {
                self.open.push(sign);
                (self.key, self.value_begun) = (None, false);
            }
            // Behind a comma of an inline table comes a new key; of a list, the same key's next value.
            ',' if self.open.last() == Some(&'{') => (self.key, self.value_begun) = (None, false),
            ',' => {}
            _ => {
                self.open.pop();
                self.value_begun = true;
            }
        }
    }

    fn punctuation(&mut self, index: usize, char: char) -> usize {
        let end = index + char.len_utf8();
        self.piece(end, if char.is_whitespace() { " " } else { &self.line[index..end] });
        end
    }

    fn quoted(&mut self, index: usize, quote: char) -> usize {
        let start = index + 1;
        let mut escaped = false;
        let close = self.line[start..].char_indices().find(|(_, char)| {
            let closes = *char == quote && !escaped;
            escaped = quote == '"' && *char == '\\' && !escaped;
            closes
        });
        let end = close.map_or(self.line.len(), |(offset, _)| start + offset);
        self.punctuation(index, quote);
        self.text(start, end, close.map_or(end, |_| end + 1));
        if close.is_some() {
            self.punctuation(end, quote);
            return end + 1;
        }
        end
    }

    fn word(&mut self, index: usize) -> usize {
        let ends = |char: char| char.is_whitespace() || "\"'[]{}=,#".contains(char);
        let end = self.line[index..].find(ends).map_or(self.line.len(), |offset| index + offset);
        self.text(index, end, end);
        end
    }

    /// A key or a value, which ends at `end` and its quote at `after`.
    fn text(&mut self, start: usize, end: usize, after: usize) {
        let text = &self.line[start..end];
        let is_heading = self.line.trim_start().starts_with('[') && !self.line.contains(['"', '\'', '=']);
        let is_key = is_heading || !self.value_begun && self.line[after..].trim_start().starts_with('=');
        if is_key {
            self.key = Some(text);
            self.among_secrets |= holds_secrets(text);
        }
        let visible = if is_key { is_key_shaped(text) } else { self.is_value_visible(start, end, text) };
        if visible {
            for (offset, char) in text.char_indices() {
                let char_end = start + offset + char.len_utf8();
                self.piece(char_end, &self.line[start + offset..char_end]);
            }
        } else if !text.is_empty() {
            self.piece(end, MASK);
        }
    }

    fn is_value_visible(&self, start: usize, end: usize, text: &str) -> bool {
        if self.mark.start < end && start < self.mark.end {
            match self.exposure {
                Exposure::Plain => return true,
                Exposure::Private => return false,
                Exposure::ByKey => {}
            }
        }
        let Some(key) = self.key.and_then(|key| key.rsplit('.').next()) else { return false };
        match key {
            "env" => is_variable_name(text),
            "file" => is_plain_path(text),
            _ => !self.among_secrets && PLAIN_KEYS.contains(&key),
        }
    }

    fn piece(&mut self, end: usize, shown: &str) {
        self.columns.push((end, self.shown.chars().count()));
        // Whoever prints a line leaves its terminal as it was.
        let plain = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
        self.shown.extend(shown.chars().map(plain));
    }
}

fn is_key_shaped(text: &str) -> bool {
    let is_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    text.len() <= KEY_CHARS_MAX && text.bytes().all(is_key)
}
