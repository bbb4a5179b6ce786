//! `key=value` arguments on one line, as a task or an ad-hoc command has them: quotes group, template blocks stay whole.

use super::diagnostic::Diagnostic;
use super::value::Origin;

/// The options that `command` and its kin take beside their free text; everything else belongs to the text.
pub const RAW_OPTIONS: [&str; 10] = [
    "creates",
    "removes",
    "chdir",
    "executable",
    "warn",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
    "argv",
    "expand_argument_vars",
];

/// Arguments taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The pairs in their order; of a key given twice the last value.
    pub pairs: Vec<(String, String)>,
    /// What is no pair: `_raw_params`.
    pub raw: Option<String>,
}

/// Takes arguments apart. `free_form`: only [`RAW_OPTIONS`] are pairs, as for `command` and `shell`.
///
/// # Errors
/// A quote or a template block is left open.
pub fn parse_arguments(text: &str, free_form: bool, origin: Option<&Origin>) -> Result<Arguments, Diagnostic> {
    let mut out = Arguments::default();
    let mut raw = String::new();
    let mut add_raw = |word: &str| {
        if !raw.is_empty() && !raw.ends_with('\n') {
            raw.push(' ');
        }
        raw.push_str(word);
    };
    for word in split_arguments(text, origin)? {
        let plain = unescape(&word);
        if !plain.contains('=') {
            add_raw(&word);
            continue;
        }
        let Some(at) = equals(&plain) else {
            add_raw(&plain.replace("\\=", "="));
            continue;
        };
        let (key, value) = (plain.get(..at).unwrap_or_default(), plain.get(at + 1..).unwrap_or_default());
        if free_form && !RAW_OPTIONS.contains(&key) {
            add_raw(&word);
            continue;
        }
        let (key, value) = (key.trim(), unquote(value.trim()).to_owned());
        match out.pairs.iter_mut().find(|(known, _)| known == key) {
            Some(pair) => pair.1 = value,
            None => out.pairs.push((key.to_owned(), value)),
        }
    }
    out.raw = (!raw.is_empty()).then_some(raw);
    Ok(out)
}

/// The first `=` that is neither the first letter nor escaped.
fn equals(word: &str) -> Option<usize> {
    word.match_indices('=').map(|(at, _)| at).find(|at| *at > 0 && word.as_bytes().get(at - 1) != Some(&b'\\'))
}

/// Quotes around the whole of a text taken off.
fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote))
            && !inner.ends_with('\\')
        {
            return inner;
        }
    }
    text
}

/// Python's escapes (`\n`, `\x41`, `\u2026`) turned into what they mean; other backslashes stay.
fn unescape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match escape(from) {
            Some((c, length)) => {
                out.push(c);
                rest = from.get(length..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character that an escape at the front of a text means, and the escape's length.
fn escape(text: &str) -> Option<(char, usize)> {
    let short = |c| Some((c, 2));
    let hex = |digits: usize| {
        let code = text.get(2..2 + digits)?;
        let number = code.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(code, 16).ok())??;
        Some((char::from_u32(number)?, 2 + digits))
    };
    match text.as_bytes().get(1)? {
        b'\\' => short('\\'),
        b'\'' => short('\''),
        b'"' => short('"'),
        b'a' => short('\u{7}'),
        b'b' => short('\u{8}'),
        b'f' => short('\u{c}'),
        b'n' => short('\n'),
        b'r' => short('\r'),
        b't' => short('\t'),
        b'v' => short('\u{b}'),
        b'x' => hex(2),
        b'u' => hex(4),
        b'U' => hex(8),
        _ => None,
    }
}

/// How deep in quotes and template blocks the reader of words stands.
#[derive(Default)]
struct Depth {
    quote: Option<char>,
    blocks: [usize; 3],
}

impl Depth {
    const MARKS: [(&'static str, &'static str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

    fn in_block(&self) -> bool {
        self.blocks.iter().any(|depth| *depth > 0)
    }

    fn read_quotes(&mut self, token: &str) {
        let mut previous = None;
        for c in token.chars() {
            if matches!(c, '"' | '\'') && previous != Some('\\') {
                match self.quote {
                    None => self.quote = Some(c),
                    Some(open) if open == c => self.quote = None,
                    Some(_) => {}
                }
            }
            previous = Some(c);
        }
    }

    /// Whether a block was opened or closed.
    fn read_blocks(&mut self, token: &str) -> bool {
        let mut moved = false;
        for (depth, (open, close)) in self.blocks.iter_mut().zip(Self::MARKS) {
            let next = (*depth + token.matches(open).count()).saturating_sub(token.matches(close).count());
            moved |= next != *depth;
            *depth = next;
        }
        moved
    }
}

/// Cuts a line into words at blanks that stand outside of quotes and template blocks. Blanks after a word and
/// line ends stay with it, so that free text can be put together again.
///
/// # Errors
/// A quote or a template block is left open.
pub fn split_arguments(text: &str, origin: Option<&Origin>) -> Result<Vec<String>, Diagnostic> {
    let mut words: Vec<String> = Vec::new();
    let mut depth = Depth::default();
    let lines: Vec<&str> = text.trim().split('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        let mut continued = false;
        for (index, token) in line.split(' ').enumerate() {
            if token.is_empty() && index != 0 {
                append(&mut words, " ");
                continue;
            }
            if token == "\\" && depth.quote.is_none() {
                continued = true;
                continue;
            }
            let (was_quoted, was_block) = (depth.quote.is_some(), depth.in_block());
            depth.read_quotes(token);
            let quoted = depth.quote.is_some();
            let joins = was_block || was_quoted;
            if joins {
                if index > 0 {
                    append(&mut words, " ");
                }
                append(&mut words, token);
            }
            let moved = depth.read_blocks(token);
            if !joins && (quoted || moved || !token.is_empty()) {
                words.push(token.to_owned());
            }
        }
        if number + 1 < lines.len() && !continued {
            append(&mut words, "\n");
        }
    }
    if depth.in_block() || depth.quote.is_some() {
        let said = "a quote or a template block in these arguments is left open";
        return Err(Diagnostic::error(origin.cloned(), said).help("close it, or write the arguments as a mapping"));
    }
    Ok(words)
}

fn append(words: &mut Vec<String>, text: &str) {
    match words.last_mut() {
        Some(word) => word.push_str(text),
        None => words.push(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn pairs(text: &str, free_form: bool) -> (Vec<(String, String)>, Option<String>) {
        let out = parse_arguments(text, free_form, None).unwrap();
        (out.pairs, out.raw)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn quotes_and_templates_keep_blanks() {
        let (got, raw) = pairs(r#"src="a b" dest={{ x | d('y z') }}/c mode=0644 msg='it="x"'"#, false);
        let want =
            [pair("src", "a b"), pair("dest", "{{ x | d('y z') }}/c"), pair("mode", "0644"), pair("msg", "it=\"x\"")];
        assert_eq!(got, want);
        assert_eq!(raw, None);
    }

    #[test]
    fn free_text_keeps_its_own_pairs() {
        let (got, raw) = pairs("dd if=/dev/zero  of=/x\\=y chdir=/tmp bs=1 'a  b'", true);
        assert_eq!(got, [pair("chdir", "/tmp")]);
        assert_eq!(raw.unwrap(), "dd if=/dev/zero  of=/x\\=y bs=1 'a  b'");
    }

    #[test]
    fn lines_are_kept_and_continued() {
        assert_eq!(pairs("echo a\necho b \\\n c", true).1.unwrap(), "echo a\necho b c");
        assert_eq!(pairs("a=1\nb=2", false).0, [pair("a", "1"), pair("b", "2")]);
    }

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(pairs(r"line=a\tb\x41\q", false).0, [pair("line", "a\tbA\\q")]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert!(parse_arguments("a='b", false, None).is_err());
        assert!(parse_arguments("a={{ b", false, None).is_err());
    }
}
