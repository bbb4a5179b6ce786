//! Shell patterns within one file name (`*`, `?`, `[abc]`, `[a-c]`, `[!a]`), and whether a path of them leads to anything.

use super::Host;

impl Host {
    /// Whether a path exists; its parts may be patterns. A broken link counts as existing only by its name.
    pub fn glob_exists(&self, pattern: &str) -> bool {
        let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
        self.leads_somewhere("", &parts)
    }

    fn leads_somewhere(&self, folder: &str, parts: &[&str]) -> bool {
        let here = if folder.is_empty() { "/" } else { folder };
        let Some((part, rest)) = parts.split_first() else {
            return self.stat(here).is_ok_and(|stat| stat.is_some());
        };
        if !is_pattern(part) {
            return self.leads_somewhere(&format!("{folder}/{part}"), rest);
        }
        let names = self.list(here).unwrap_or_default();
        names.iter().any(|name| matches(part, name) && self.leads_somewhere(&format!("{folder}/{name}"), rest))
    }
}

/// Whether the text has anything to match.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a name matches. As in a shell, a leading dot is matched only by a dot.
pub fn matches(pattern: &str, name: &str) -> bool {
    (!name.starts_with('.') || pattern.starts_with('.')) && matches_any(pattern, name)
}

/// As [`matches`], but a leading dot is a character like any other, as for Python's `fnmatch`.
pub fn matches_any(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    whole(&pattern, &name)
}

/// After a mismatch only the last star has to take one character more: earlier ones need not be tried again.
fn whole(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(pattern.get(at + 1..).unwrap_or_default(), name.get(from).copied().unwrap_or_default()),
            Some(c) if name.get(from) == Some(c) => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                at += length;
                from += 1;
            }
            (None, Some((star_at, taken))) => {
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                from = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Length of the class including its brackets if the character is in it. A bracket without an end is itself.
fn class(rest: &[char], c: char) -> Option<usize> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let Some(end) = rest.iter().skip(start + 1).position(|c| *c == ']').map(|end| end + start + 1) else {
        return (c == '[').then_some(1);
    };
    let members = rest.get(start..end).unwrap_or_default();
    let mut found = false;
    let mut index = 0;
    while let Some(first) = members.get(index) {
        match (members.get(index + 1), members.get(index + 2)) {
            (Some('-'), Some(last)) => {
                found |= (*first..=*last).contains(&c);
                index += 3;
            }
            _ => {
                found |= *first == c;
                index += 1;
            }
        }
    }
    (found != negated).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("sd?", "sda", true),
            ("sd?", "sd", false),
            ("cpu[0-9]*", "cpu12", true),
            ("cpu[0-9]*", "cpufreq", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("[!a]x", "bx", true),
            ("[]]", "]", true),
            ("[", "[", true),
            ("*", ".hidden", false),
            ("*", "", true),
            ("a?c", "ac", false),
            ("[!a-c]x", "dx", true),
            ("[]]x", "]x", true),
            ("[x", "[x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
