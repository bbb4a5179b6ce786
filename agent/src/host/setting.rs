//! How the kernel spells the values of its attributes, and whether two spellings mean the same.
//!
//! It shows a choice as `always [madvise] never`, puts tabs between numbers, and pads masks with zeros and commas.

/// Whether two texts mean the same value.
pub fn same(left: &str, right: &str) -> bool {
    let (left, right) = (chosen(left).split_whitespace(), chosen(right).split_whitespace());
    left.clone().count() == right.clone().count() && left.zip(right).all(|(left, right)| same_word(left, right))
}

fn same_word(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left == right;
    }
    matches!((mask(left), mask(right)), (Some(left), Some(right)) if left == right)
}

fn number(word: &str) -> Option<i128> {
    match word.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// A mask's digits without padding; every group after the first has the kernel's eight digits.
fn mask(word: &str) -> Option<String> {
    let digits = word.replace(',', "");
    let groups = word.split(',').skip(1).all(|group| group.len() == 8);
    let hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && groups).then(|| digits.to_ascii_lowercase().trim_start_matches('0').to_owned())
}

/// The words of a file that shows a choice with the chosen one in brackets.
pub fn choices(text: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() < 2 || text.contains('\n') || words.iter().filter(|word| inside(word).is_some()).count() != 1 {
        return None;
    }
    Some(words.into_iter().map(|word| inside(word).unwrap_or(word)).collect())
}

/// The chosen word of a choice; any other text as it is, without blanks around it.
pub fn chosen(text: &str) -> &str {
    let text = text.trim();
    if choices(text).is_none() { text } else { text.split_whitespace().find_map(inside).unwrap_or(text) }
}

/// What a word has in its brackets.
fn inside(word: &str) -> Option<&str> {
    word.strip_prefix('[')?.strip_suffix(']').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_equal() {
        for (left, right) in [
            ("always [madvise] never", "madvise"),
            ("4096\t87380\t6291456", "4096 87380 6291456"),
            ("0x10", "16"),
            ("00000000,000000ff", "ff"),
            (" 1 ", "01"),
            ("", "\n"),
        ] {
            assert!(same(left, right), "{left} = {right}");
        }
        for (left, right) in [
            ("always [madvise] never", "never"),
            ("1 2", "12"),
            ("1,2", "12"),
            ("1 2", "1"),
            ("0-3", "0-4"),
            ("10", "0x10"),
            ("ff", "fe"),
            ("[a]", "a"),
        ] {
            assert!(!same(left, right), "{left} != {right}");
        }
    }

    #[test]
    fn a_choice_has_one_word_in_brackets() {
        assert_eq!(choices("always [madvise] never"), Some(vec!["always", "madvise", "never"]));
        assert_eq!((choices("[a] [b]"), choices("[a]"), choices("a b")), (None, None, None));
        assert_eq!((chosen("a [b]\n"), chosen(" a b ")), ("b", "a b"));
    }
}
