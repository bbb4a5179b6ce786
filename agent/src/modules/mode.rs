//! Permission bits as people write them: octal, or symbolic as `chmod` takes them.

use luthier_protocol::Value;

const ALL_BITS: u32 = 0o7777;
const ANY_EXECUTE: u32 = 0o111;

/// A wanted mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// These bits.
    Octal(u32),
    /// Changes to the bits that are there.
    Symbolic(Vec<Clause>),
}

/// One comma-separated part: `ug=rwX-w`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// Of `u`, `g`, `o`.
    classes: Vec<char>,
    /// No class was named: the umask's bits are left alone.
    masked: bool,
    /// Operator and letters, in order.
    steps: Vec<(char, String)>,
}

impl Mode {
    /// From a parameter: a number is the bits themselves (YAML has read 0644 as octal), a text of digits is octal.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let refused = || format!("mode must be in octal or symbolic form, not {value}");
        let text = match value {
            Value::Number(number) => {
                let bits = number.as_u64().and_then(|bits| u32::try_from(bits).ok());
                return bits.filter(|bits| *bits <= ALL_BITS).map(Self::Octal).ok_or_else(refused);
            }
            Value::String(text) => text.trim(),
            _ => return Err(refused()),
        };
        let digits = text.strip_prefix("0o").unwrap_or(text);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            let bits = u32::from_str_radix(digits, 8).ok().filter(|bits| *bits <= ALL_BITS);
            return bits.map(Self::Octal).ok_or_else(refused);
        }
        text.split(',').map(clause).collect::<Option<Vec<_>>>().map(Self::Symbolic).ok_or_else(refused)
    }

    /// The bits that come out where `current` is there now.
    pub(super) fn over(&self, current: u32, directory: bool, umask: u32) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(clauses) => clauses.iter().fold(current & ALL_BITS, |mode, clause| {
                clause.steps.iter().fold(mode, |mode, (operator, letters)| {
                    clause.classes.iter().fold(mode, |mode, class| {
                        let mut bits = bits(mode, *class, letters, directory);
                        if clause.masked {
                            bits &= !(umask & 0o777) | 0o7000;
                        }
                        match operator {
                            '+' => mode | bits,
                            '-' => mode & !bits,
                            _ => (mode & !reach(*class)) | bits,
                        }
                    })
                })
            }),
        }
    }
}

fn clause(text: &str) -> Option<Clause> {
    let is_operator = |c: char| matches!(c, '+' | '-' | '=');
    let start = text.find(is_operator)?;
    let (who, mut rest) = text.split_at(start);
    let classes: Vec<char> = if who.is_empty() || who == "a" { vec!['u', 'g', 'o'] } else { who.chars().collect() };
    if classes.iter().any(|class| !matches!(class, 'u' | 'g' | 'o')) {
        return None;
    }
    let mut steps = Vec::new();
    while let Some(operator) = rest.chars().next() {
        let tail = rest.get(1..)?;
        let end = tail.find(is_operator).unwrap_or(tail.len());
        let (letters, next) = tail.split_at(end);
        if letters.chars().any(|letter| !"rwxXstugo".contains(letter)) {
            return None;
        }
        steps.push((operator, letters.to_owned()));
        rest = next;
    }
    Some(Clause { classes, masked: who.is_empty(), steps })
}

/// What `=` clears for a class.
fn reach(class: char) -> u32 {
    match class {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

fn bits(mode: u32, class: char, letters: &str, directory: bool) -> u32 {
    let shift = match class {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    letters.chars().fold(0, |bits, letter| {
        bits | match letter {
            'r' => 4 << shift,
            'w' => 2 << shift,
            'x' => 1 << shift,
            'X' if directory || mode & ANY_EXECUTE != 0 => 1 << shift,
            's' if class == 'u' => 0o4000,
            's' if class == 'g' => 0o2000,
            't' if class == 'o' => 0o1000,
            'u' => (mode >> 6 & 7) << shift,
            'g' => (mode >> 3 & 7) << shift,
            'o' => (mode & 7) << shift,
            _ => 0,
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn over(text: &str, current: u32, directory: bool) -> u32 {
        Mode::parse(&json!(text)).unwrap().over(current, directory, 0o022)
    }

    #[test]
    fn octal_is_taken_from_texts_and_numbers() {
        assert_eq!(Mode::parse(&json!("0640")).unwrap(), Mode::Octal(0o640));
        assert_eq!(Mode::parse(&json!("0o1777")).unwrap(), Mode::Octal(0o1777));
        assert_eq!(Mode::parse(&json!(420)).unwrap(), Mode::Octal(0o644));
        for bad in [json!("0988"), json!(""), json!("u~w"), json!("z=r"), json!("77777"), json!(-1), json!("u=q")] {
            assert!(Mode::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn symbols_change_what_is_there() {
        assert_eq!(over("u=rw,g=r,o=", 0o777, false), 0o640);
        assert_eq!(over("u=rwX,g=rX,o=", 0o644, true), 0o750);
        assert_eq!(over("u=rwX,g=rX,o=", 0o644, false), 0o640);
        assert_eq!(over("a+X", 0o744, false), 0o755);
        assert_eq!(over("u+s,g=u,o-rwx", 0o755, false), 0o4770);
        assert_eq!(over("+w", 0o444, false), 0o644);
        assert_eq!(over("u=rw-x+X", 0o700, false), 0o600);
        assert_eq!(over("o+t", 0o777, true), 0o1777);
    }
}
