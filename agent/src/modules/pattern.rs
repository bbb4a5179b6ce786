//! Regular expressions as people write them for Python's `re`, and replacement texts with them.
//!
//! The engine underneath has another dialect: `$` and `\Z` mean something else, `[` inside a class opens another class,
//! unknown escapes have meanings of their own. [`Pattern`] translates once. Where Python would match bytes
//! (`lineinfile`), every byte is seen as the character of the same number, and `\w`, `\d`, `\s`, `\b` are ASCII's.

use super::ModuleError;
use fancy_regex::{Captures, Regex, RegexBuilder};

/// What a pattern is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Bytes, given as [`latin1`] text.
    Bytes,
    /// Text.
    Text,
}

/// Flags that are not written inside the pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `^` and `$` match at line breaks too.
    pub multiline: bool,
    /// `.` matches line breaks too.
    pub dot_all: bool,
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
}

/// Bytes as text: each byte is the character of the same number.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes of such a text.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// A pattern over text, without flags.
pub(super) fn text_pattern(source: &str) -> Result<Pattern, ModuleError> {
    Pattern::new(source, Over::Text, Flags::default())
}

impl Pattern {
    /// Translate and compile.
    pub(super) fn new(source: &str, over: Over, flags: Flags) -> Result<Self, ModuleError> {
        let refused =
            |why: String| ModuleError::new(format!("cannot understand the regular expression {source}: {why}"));
        let source_text = match over {
            Over::Bytes => latin1(source.as_bytes()),
            Over::Text => source.to_owned(),
        };
        let translated = super::pattern_translate::translate(&source_text, over, flags).map_err(refused)?;
        let regex = RegexBuilder::new(&translated)
            .multi_line(flags.multiline)
            .dot_matches_new_line(flags.dot_all)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self { regex })
    }

    /// Whether it matches anywhere.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, ModuleError> {
        self.regex.is_match(text).map_err(gave_up)
    }

    /// Whether it matches from the start on, as Python's `re.match`.
    pub(super) fn is_match_at_start(&self, text: &str) -> Result<bool, ModuleError> {
        Ok(self.captures(text)?.and_then(|captures| captures.get(0)).is_some_and(|whole| whole.start() == 0))
    }

    /// Names of its groups.
    pub(super) fn names(&self) -> Vec<String> {
        self.regex.capture_names().flatten().map(str::to_owned).collect()
    }

    /// The first match.
    pub(super) fn captures<'t>(&self, text: &'t str) -> Result<Option<Captures<'t, str>>, ModuleError> {
        self.regex.captures(text).map_err(gave_up)
    }

    /// The text with every match replaced, and how many there were.
    pub(super) fn replace_all(&self, text: &str, template: &Template) -> Result<(String, usize), ModuleError> {
        let (mut out, mut done, mut count) = (String::new(), 0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(gave_up)?;
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(text.get(done..whole.start()).unwrap_or_default());
            template.expand(&captures, &mut out)?;
            done = whole.end();
            count += 1;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Ok((out, count))
    }
}

fn gave_up(error: fancy_regex::Error) -> ModuleError {
    ModuleError::new(format!("the regular expression could not be matched: {error}"))
}

/// A replacement text: literal parts and groups.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Number(usize),
    Name(String),
}

impl Template {
    /// From a replacement as Python's `re` takes it: `\1`, `\g<1>`, `\g<name>`, `\n` and its kin.
    pub(super) fn new(source: &str) -> Result<Self, ModuleError> {
        let mut parts = vec![Part::Text(String::new())];
        let mut rest = source.chars().peekable();
        while let Some(c) = rest.next() {
            if c != '\\' {
                push(&mut parts, c);
                continue;
            }
            let bad = |escape: char| ModuleError::new(format!("bad escape \\{escape} in the replacement {source}"));
            match rest.next() {
                None => return Err(ModuleError::new(format!("the replacement {source} ends in a backslash"))),
                Some('g') => parts.push(named(&mut rest).ok_or_else(|| bad('g'))?),
                Some(digit @ '0'..='9') => {
                    let mut digits = String::from(digit);
                    while digits.len() < 3 && rest.peek().is_some_and(char::is_ascii_digit) {
                        digits.extend(rest.next());
                    }
                    parts.extend(numbered(&digits));
                }
                Some('n') => push(&mut parts, '\n'),
                Some('t') => push(&mut parts, '\t'),
                Some('r') => push(&mut parts, '\r'),
                Some('a') => push(&mut parts, '\u{7}'),
                Some('b') => push(&mut parts, '\u{8}'),
                Some('f') => push(&mut parts, '\u{c}'),
                Some('v') => push(&mut parts, '\u{b}'),
                Some('\\') => push(&mut parts, '\\'),
                Some(letter) if letter.is_ascii_alphabetic() => return Err(bad(letter)),
                Some(other) => {
                    push(&mut parts, '\\');
                    push(&mut parts, other);
                }
            }
        }
        Ok(Self { parts })
    }

    /// The replacement of one match. A group that took no part is empty; one that does not exist is an error.
    pub(super) fn expand(&self, captures: &Captures<'_, str>, out: &mut String) -> Result<(), ModuleError> {
        for part in &self.parts {
            let group = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Number(number) if *number < captures.len() => captures.get(*number),
                Part::Number(number) => return Err(ModuleError::new(format!("invalid group reference {number}"))),
                Part::Name(name) => captures.name(name),
            };
            out.push_str(group.map_or("", |group| group.as_str()));
        }
        Ok(())
    }
}

fn push(parts: &mut Vec<Part>, c: char) {
    if let Some(Part::Text(text)) = parts.last_mut() {
        text.push(c);
    } else {
        parts.push(Part::Text(c.to_string()));
    }
}

/// `\0`, `\07` and three octal digits are a character; otherwise at most two digits are a group.
fn numbered(digits: &str) -> Vec<Part> {
    let octal =
        digits.starts_with('0') || (digits.len() == 3 && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit)));
    let (used, tail) = digits.split_at(digits.len().min(if octal { 3 } else { 2 }));
    let mut parts = Vec::new();
    if octal {
        let end = used.find(['8', '9']).unwrap_or(used.len());
        let (code, more) = used.split_at(end);
        let character = u32::from_str_radix(code, 8).ok().and_then(|code| char::from_u32(code & 0xff));
        parts.push(Part::Text(format!("{}{more}", character.unwrap_or_default())));
    } else {
        parts.push(Part::Number(used.parse().unwrap_or_default()));
    }
    if !tail.is_empty() {
        parts.push(Part::Text(tail.to_owned()));
    }
    parts
}

fn named(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Part> {
    if rest.next()? != '<' {
        return None;
    }
    let name: String = rest.by_ref().take_while(|c| *c != '>').collect();
    if name.is_empty() {
        return None;
    }
    Some(name.parse().map_or(Part::Name(name), Part::Number))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let pattern = Pattern::new(pattern, Over::Bytes, Flags::default()).unwrap();
        pattern.is_match(&latin1(text.as_bytes())).unwrap()
    }

    #[test]
    fn patterns_mean_what_they_mean_in_python() {
        for (pattern, text, expected) in [
            (r"^GRUB=.*$", "GRUB=1\n", true),
            (r"x\Z", "x\n", false),
            (r"x$", "x\n", true),
            (r"x$", "x\ny", false),
            (r"[[a]", "[", true),
            (r"a{,2}b", "aab", true),
            (r"a{b", "a{b", true),
            (r"^a{,}$", "aaa", true),
            (r"\<x\>", "<x>", true),
            (r"^\s*#?\s*key\b", "  # key=1", true),
            (r"\w", "é", false),
            ("é", "caf\u{e9}", true),
            (r"^..$", "é", true),
            (r"(?P<q>['\x22]).*(?P=q)", "say 'x'", true),
            (r"^(?!#)ab", "#ab", false),
            (r"(?i)KEY", "key", true),
            (r"[\w-]+@[\d.]+", "a-b@1.2", true),
            (r"[^\n\]]&&", "x&&", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
        let word = Pattern::new(r"\bé\b", Over::Text, Flags::default()).unwrap();
        assert!(word.is_match("un é.").unwrap() && !word.is_match("né").unwrap());
        for bad in [r"(", r"[a", r"\y", r"*"] {
            assert!(Pattern::new(bad, Over::Text, Flags::default()).is_err(), "{bad}");
        }
    }

    #[test]
    fn replacements_take_groups_and_escapes() {
        let pattern = Pattern::new(r"(?P<k>\w+)=(\d)?", Over::Text, Flags::default()).unwrap();
        let replaced =
            |template: &str, text: &str| pattern.replace_all(text, &Template::new(template).unwrap()).unwrap();
        assert_eq!(replaced(r"\g<k>:\2;\g<1>0\t", "a=1 b="), ("a:1;a0\t b:;b0\t".to_owned(), 2));
        assert_eq!(replaced(r"\\\&\101", "a=1"), (r"\\&A".to_owned(), 1));
        assert!(Template::new(r"\q").is_err());
        assert!(pattern.replace_all("a=1", &Template::new(r"\7").unwrap()).is_err());
    }

    #[test]
    fn lines_and_sections_follow_the_flags() {
        let flags = Flags { multiline: true, dot_all: false };
        let pattern = Pattern::new(r"^a=(\d)$", Over::Text, flags).unwrap();
        let template = Template::new("a = \\1").unwrap();
        assert_eq!(pattern.replace_all("a=1\nb\na=2\n", &template).unwrap(), ("a = 1\nb\na = 2\n".to_owned(), 2));
        let section = Pattern::new(r"\[x\](?P<s>.*?)\[y\]", Over::Text, Flags { dot_all: true, ..flags }).unwrap();
        let found = section.captures("[x]\n1\n[y]").unwrap().unwrap();
        assert_eq!(found.name("s").unwrap().as_str(), "\n1\n");
    }
}
