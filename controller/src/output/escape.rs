//! Makes text from hosts safe to show: nothing in it can move the cursor, change colours, forge lines or turn text round.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character could act on a terminal or mislead the reader.
fn dangerous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Marks that reorder text, or are invisible, or break lines for some readers.
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags: invisible copies of ASCII.
            | '\u{e0000}'..='\u{e007f}')
}

/// Text of one line: control characters (line breaks among them), escape sequences and marks that reorder text become
/// visible (`\n`, `\x1b`, `\u{202e}`). A tab stays.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_but(text, |letter| letter == '\t')
}

/// Text of several lines: as [`escape`], but line breaks stay (and the `\r` of a `\r\n` goes).
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") {
        return Cow::Owned(
            escape_but(&text.replace("\r\n", "\n"), |letter| matches!(letter, '\t' | '\n')).into_owned(),
        );
    }
    escape_but(text, |letter| matches!(letter, '\t' | '\n'))
}

fn escape_but(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|letter| dangerous(letter) && !keep(letter)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if !dangerous(letter) || keep(letter) {
            out.push(letter);
            continue;
        }
        let code = u32::from(letter);
        // Writing to a String cannot fail.
        let _ = match letter {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            _ if code < 0x100 => write!(out, "\\x{code:02x}"),
            _ => write!(out, "\\u{{{code:x}}}"),
        };
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(escape("grüße\t日本 \\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_acts_on_a_terminal_becomes_visible() {
        assert_eq!(escape("a\x1b[2Jb\x07\r\n"), "a\\x1b[2Jb\\x07\\r\\n");
        assert_eq!(escape("\u{9b}31m\u{7f}\0"), "\\x9b31m\\x7f\\x00");
        assert_eq!(escape("safe\u{202e}exe.txt\u{2066}\u{feff}"), "safe\\u{202e}exe.txt\\u{2066}\\u{feff}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(escape_lines("a\r\nb\rc\n"), "a\nb\\rc\n");
    }
}
