//! From Python's dialect of regular expressions to the engine's.

use super::pattern::{Flags, Over};
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

const WORD: &str = "A-Za-z0-9_";
const WORD_CLASS: &str = "[A-Za-z0-9_]";

/// The pattern in the engine's dialect, or why it is none.
pub(super) fn translate(source: &str, over: Over, flags: Flags) -> Result<String, String> {
    let mut reader = Reader { rest: source.chars().peekable(), over, multiline: flags.multiline, out: String::new() };
    // An `m` anywhere in leading flags counts for the whole pattern.
    if let Some(letters) = source.strip_prefix("(?").and_then(|rest| rest.split_once(')')).map(|(letters, _)| letters)
        && letters.chars().all(|c| c.is_ascii_alphabetic())
    {
        reader.multiline |= letters.contains('m');
    }
    reader.pattern()?;
    Ok(reader.out)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    over: Over,
    multiline: bool,
    out: String,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '{' => self.brace(),
                '}' | ']' => self.literal(c),
                '$' if self.multiline => self.out.push_str("(?m:$)"),
                '$' => self.out.push_str(r"(?=\n?\z)"),
                _ => self.out.push(c),
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            // Also blanks and `#`, which verbose mode would drop.
            let _ = write!(self.out, "\\x{:02X}", u32::from(c));
        } else {
            self.out.push(c);
        }
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}` repeat; any other brace is itself.
    fn brace(&mut self) {
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').take(12).collect();
        let closed = self.rest.clone().nth(ahead.chars().count()) == Some('}');
        let (least, most) = ahead.split_once(',').unwrap_or((&ahead, &ahead));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || !digits(least) || !digits(most) || (least.is_empty() && !ahead.contains(',')) {
            self.literal('{');
            return;
        }
        let least = if least.is_empty() { "0" } else { least };
        let range = if ahead.contains(',') { format!("{{{least},{most}}}") } else { format!("{{{least}}}") };
        self.out.push_str(&range);
        for _ in 0..=ahead.chars().count() {
            self.rest.next();
        }
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.peek() != Some(&'?') {
            return Ok(());
        }
        let mut ahead = self.rest.clone();
        ahead.next();
        match ahead.peek() {
            Some('#') => {
                self.out.pop();
                if !self.rest.any(|c| c == ')') {
                    return Err("a comment is not closed".to_owned());
                }
            }
            Some(c) if c.is_ascii_alphabetic() && *c != 'P' => {
                // `a`, `L` and `u` choose a character set, which is settled here already.
                self.out.push('?');
                self.rest.next();
                while let Some(letter) = self.rest.next_if(|c| c.is_ascii_alphabetic() || *c == '-') {
                    if !matches!(letter, 'a' | 'L' | 'u') {
                        self.out.push(letter);
                    }
                }
                if self.out.ends_with("(?") && self.rest.peek() == Some(&')') {
                    self.out.truncate(self.out.len() - 2);
                    self.rest.next();
                }
            }
            _ => {
                self.out.push('?');
                self.rest.next();
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.next() else { return Err("it ends in a backslash".to_owned()) };
        match c {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' | 'B' => self.boundary(c == 'b'),
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => self.set(c),
            '1'..='9' => self.back_reference(c),
            _ => {
                let code = self.character(c)?;
                let _ = write!(self.out, "\\x{{{code:X}}}");
            }
        }
        Ok(())
    }

    /// The engine is built without the tables for its own `\b`; looking to both sides says the same.
    fn boundary(&mut self, wanted: bool) {
        let word = match self.over {
            Over::Text => r"\w",
            Over::Bytes => WORD_CLASS,
        };
        let (one, other) = if wanted { ("!", "=") } else { ("=", "!") };
        let _ = write!(self.out, "(?:(?<={word})(?{one}{word})|(?<!{word})(?{other}{word}))");
    }

    /// A predefined set; over bytes it is ASCII's.
    fn set(&mut self, letter: char) {
        if self.over == Over::Text {
            self.out.push('\\');
            self.out.push(letter);
            return;
        }
        let members = match letter.to_ascii_lowercase() {
            'd' => "0-9",
            'w' => WORD,
            _ => r" \t\n\r\x0B\x0C",
        };
        let not = if letter.is_ascii_uppercase() { "^" } else { "" };
        let _ = write!(self.out, "[{not}{members}]");
    }

    /// `\1` to `\99`, or a character by three octal digits.
    fn back_reference(&mut self, first: char) {
        let mut digits = String::from(first);
        digits.extend(self.rest.next_if(char::is_ascii_digit));
        let octal = |digit: &char| ('0'..='7').contains(digit);
        if digits.len() == 2
            && digits.chars().all(|digit| octal(&digit))
            && let Some(third) = self.rest.next_if(|c| octal(c))
        {
            digits.push(third);
            let code = u32::from_str_radix(&digits, 8).unwrap_or_default();
            let _ = write!(self.out, "\\x{{{code:X}}}");
            return;
        }
        // Braces keep a following digit out of the number.
        let _ = write!(self.out, "(?:\\{digits})");
    }

    /// The number of the character that an escape names.
    fn character(&mut self, c: char) -> Result<u32, String> {
        Ok(match c {
            'n' => 0x0a,
            't' => 0x09,
            'r' => 0x0d,
            'f' => 0x0c,
            'v' => 0x0b,
            'a' => 0x07,
            'x' => self.hexadecimal(2)?,
            'u' if self.over == Over::Text => self.hexadecimal(4)?,
            'U' if self.over == Over::Text => self.hexadecimal(8)?,
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(|c| ('0'..='7').contains(c)) else { break };
                    code = code * 8 + digit.to_digit(8).unwrap_or_default();
                }
                code
            }
            _ if c.is_ascii_alphanumeric() => return Err(format!("bad escape \\{c}")),
            _ => u32::from(c),
        })
    }

    fn hexadecimal(&mut self, length: usize) -> Result<u32, String> {
        let mut code: u32 = 0;
        for _ in 0..length {
            let digit = self.rest.next().and_then(|c| c.to_digit(16)).ok_or("an incomplete hexadecimal escape")?;
            code = code.wrapping_mul(16) + digit;
        }
        Ok(code)
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        self.out.push_str(if negated { "[^" } else { "[" });
        let mut first = true;
        loop {
            let Some(c) = self.rest.next() else { return Err("a [ is not closed".to_owned()) };
            match c {
                ']' if !first => break,
                '\\' => self.class_escape()?,
                // A range's hyphen stays one, except where Python takes it for itself.
                '-' if first || self.rest.peek() == Some(&']') || self.set_ended() => self.out.push_str(r"\x2D"),
                '-' => self.out.push('-'),
                _ => self.literal(c),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// Whether what was written last is a predefined set, after which a hyphen is no range.
    fn set_ended(&self) -> bool {
        let set = |letter: char| self.out.ends_with(&format!("\\{letter}"));
        self.out.ends_with(']') || ['d', 'w', 's', 'D', 'W', 'S'].into_iter().any(set)
    }

    fn class_escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.next() else { return Err("a [ is not closed".to_owned()) };
        match c {
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => self.set(c),
            'b' => self.out.push_str(r"\x08"),
            '1'..='7' => {
                let mut code = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(|c| ('0'..='7').contains(c)) else { break };
                    code = code * 8 + digit.to_digit(8).unwrap_or_default();
                }
                let _ = write!(self.out, "\\x{{{code:X}}}");
            }
            _ => {
                let code = self.character(c)?;
                let _ = write!(self.out, "\\x{{{code:X}}}");
            }
        }
        Ok(())
    }
}
