//! OpenSSH's host patterns: `*`, `?`, and lists with negation.

/// Whether a pattern with `*` and `?` matches the whole text. Time is bounded by the product of the lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut place) = (0, 0);
    // Where to take up again after the last `*`: the pattern behind it, and the text it has not swallowed yet.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&letter) = text.get(place) {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                retry = Some((at, place));
            }
            Some(&wanted) if wanted == '?' || wanted == letter => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((after, taken)) = retry else { return false };
                at = after;
                place = taken + 1;
                retry = Some((after, place));
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&letter| letter == '*')
}

/// Whether a list of patterns matches: some pattern does, and no negated one (`!pattern`).
pub(super) fn list_matches<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(refused) if matches(refused, text) => return false,
            Some(_) => {}
            None => found = found || matches(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("*", "web1", true),
            ("web?", "web1", true),
            ("web?", "web12", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn a_negated_pattern_wins_over_any_other() {
        assert!(list_matches(["*.lan", "!db*"], "web.lan"));
        assert!(!list_matches(["*.lan", "!db*"], "db1.lan"));
        assert!(!list_matches(["!db*"], "web.lan"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(40) + "b";
        assert!(!matches(&pattern, &"a".repeat(2000)));
    }
}
