//! Whether a path with wild cards leads to anything.

use super::Host;

impl Host {
    /// Whether a path exists; its parts may hold `*`, `?` and `[…]`. A broken link counts as existing only by its name.
    pub fn glob_exists(&self, pattern: &str) -> bool {
        let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
        self.leads_somewhere("", &parts)
    }

    fn leads_somewhere(&self, folder: &str, parts: &[&str]) -> bool {
        let Some((part, rest)) = parts.split_first() else {
            return self.stat(if folder.is_empty() { "/" } else { folder }).is_ok_and(|stat| stat.is_some());
        };
        if !part.contains(['*', '?', '[']) {
            return self.leads_somewhere(&format!("{folder}/{part}"), rest);
        }
        let names = self.list(if folder.is_empty() { "/" } else { folder }).unwrap_or_default();
        names.iter().any(|name| {
            let hidden = name.starts_with('.') && !part.starts_with('.');
            !hidden
                && is_match(part.as_bytes(), name.as_bytes())
                && self.leads_somewhere(&format!("{folder}/{name}"), rest)
        })
    }
}

/// Shell matching of one name.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', rest)), None) => is_match(rest, name),
        (Some((b'*', rest)), Some((_, tail))) => is_match(rest, name) || is_match(pattern, tail),
        (Some(_), None) => false,
        (Some((b'?', rest)), Some((_, tail))) => is_match(rest, tail),
        (Some((b'[', rest)), Some((letter, tail))) => match class(rest, *letter) {
            Some((true, after)) => is_match(after, tail),
            Some((false, _)) => false,
            None => *letter == b'[' && is_match(rest, tail),
        },
        (Some((wanted, rest)), Some((letter, tail))) => wanted == letter && is_match(rest, tail),
    }
}

/// Whether a letter is in the class that starts here, and what follows the class; `None` where it never ends.
fn class(pattern: &[u8], letter: u8) -> Option<(bool, &[u8])> {
    let (negated, body) = match pattern.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    // A bracket right at the start stands for itself.
    let end = body.iter().skip(1).position(|byte| *byte == b']')? + 1;
    let (mut set, after) = (body.get(..end)?, body.get(end + 1..)?);
    let mut found = false;
    while let Some((low, rest)) = set.split_first() {
        match rest {
            [b'-', high, more @ ..] => {
                found |= (low..=high).contains(&&letter);
                set = more;
            }
            _ => {
                found |= *low == letter;
                set = rest;
            }
        }
    }
    Some((found != negated, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        let matches = |pattern: &str, name: &str| is_match(pattern.as_bytes(), name.as_bytes());
        assert!(matches("a*c", "abbc") && matches("*", "") && matches("a?c", "abc"));
        assert!(matches("[a-c]x", "bx") && matches("[!a-c]x", "dx") && matches("[]]x", "]x"));
        assert!(!matches("[a-c]x", "dx") && !matches("a?c", "ac") && matches("[x", "[x"));
    }
}
