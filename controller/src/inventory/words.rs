//! A host line cut into words as Python's `shlex` does: quotes and backslashes vanish, an unquoted `#` ends the line.

/// The words of a line, each with the column (from 0, in characters) where it begins.
///
/// # Errors
/// A quote is not closed, or a backslash is the last letter; the column and why.
pub(super) fn split(line: &str) -> Result<Vec<(String, usize)>, (usize, &'static str)> {
    let mut words = Vec::new();
    let mut word: Option<(String, usize)> = None;
    let mut chars = line.chars().enumerate();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            '\\' => {
                let (_, next) = chars.next().ok_or((at, "a backslash stands at the end of the line"))?;
                word.get_or_insert_with(|| (String::new(), at)).0.push(next);
            }
            '"' | '\'' => {
                let text = &mut word.get_or_insert_with(|| (String::new(), at)).0;
                loop {
                    let (_, inner) = chars.next().ok_or((at, "the quote is not closed"))?;
                    if inner == c {
                        break;
                    }
                    if inner == '\\' && c == '"' {
                        let (_, next) = chars.next().ok_or((at, "the quote is not closed"))?;
                        if next != '\\' && next != '"' {
                            text.push('\\');
                        }
                        text.push(next);
                    } else {
                        text.push(inner);
                    }
                }
            }
            _ => word.get_or_insert_with(|| (String::new(), at)).0.push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_pythons() {
        let words = |line| split(line).map(|words| words.into_iter().map(|(word, _)| word).collect::<Vec<_>>());
        assert_eq!(
            words(r#"h a="x y" b='z"' c=d\ e"#),
            Ok(vec!["h".into(), "a=x y".into(), "b=z\"".into(), "c=d e".into()])
        );
        assert_eq!(words("a=b#c x=1"), Ok(vec!["a=b".into()]));
        assert_eq!(words(r#"a="\n\"\\" b='\n'"#), Ok(vec![r#"a=\n"\"#.into(), r"b=\n".into()]));
        assert_eq!(words(r#"a="b"#), Err((2, "the quote is not closed")));
        assert_eq!(split("h  b=1"), Ok(vec![("h".into(), 0), ("b=1".into(), 3)]));
    }
}
