//! Lines of a tree: each line knows what hangs below it, and is indented when it is written.

use super::words;

/// A line with what hangs below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The text.
    pub text: String,
    /// Lines below the text that are arranged in columns and never broken: who makes them knows the room.
    pub columns: Vec<String>,
    /// What hangs below.
    pub below: Vec<Line>,
}

impl Line {
    /// A line with nothing below it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Writes lines with their branches. A text too long for `width` goes on below itself.
pub fn write(lines: &[Line], width: usize, out: &mut String) {
    for (index, line) in lines.iter().enumerate() {
        one(line, "", index + 1 == lines.len(), width, out);
    }
}

fn one(line: &Line, indent: &str, last: bool, width: usize, out: &mut String) {
    let (mark, deeper) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    let below = format!("{indent}{deeper}");
    let rest = if line.below.is_empty() { "  " } else { "│ " };
    let room = width.saturating_sub(below.chars().count() + 2).max(20);
    for (index, part) in wrap(&line.text, room).into_iter().enumerate() {
        let head = if index == 0 { format!("{indent}{mark}") } else { format!("{below}{rest}") };
        out.push_str(head.trim_end_matches(|_| part.is_empty()));
        out.push_str(&part);
        out.push('\n');
    }
    for row in &line.columns {
        out.push_str(format!("{below}{rest}{row}").trim_end());
        out.push('\n');
    }
    for (index, child) in line.below.iter().enumerate() {
        one(child, &below, index + 1 == line.below.len(), width, out);
    }
}

/// Shorter parts between two dots are not torn apart.
const SHORT: usize = 24;

/// What a line may be parted between: the short parts of it that dots part, each with its dot, and the words of long ones.
fn parts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split(" · ").enumerate() {
        let dot = if index > 0 { "· " } else { "" };
        let (first, rest) = match part.split_once(' ') {
            Some((first, rest)) if index == 0 || part.chars().count() > SHORT => (first, Some(rest)),
            _ => (part, None),
        };
        found.push(format!("{dot}{first}"));
        found.extend(rest.into_iter().flat_map(|rest| rest.split(' ')).map(str::to_owned));
    }
    found
}

/// The text in pieces of at most `width` characters, parted at spaces; runs of spaces within a piece stay.
fn wrap(text: &str, width: usize) -> Vec<String> {
    words::flow(parts(text), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_and_long_lines() {
        let child = Line::new("one two three four five six seven");
        let lines = [
            Line { text: "top".to_owned(), columns: vec!["1  2".to_owned()], below: vec![child.clone(), child] },
            Line::new("end"),
        ];
        let mut out = String::new();
        write(&lines, 30, &mut out);
        let expected = "├─ top\n│  │ 1  2\n│  ├─ one two three four\n│  │    five six seven\n│  └─ one two three four\n│       five six seven\n└─ end\n";
        assert_eq!(out, expected);
        let parts = wrap("0000:41:00.0 NVMe · Maker and chip of a long name · nvme0n1 · x1 gen 1", 40);
        assert_eq!(parts, ["0000:41:00.0 NVMe · Maker and chip of a", "long name · nvme0n1 · x1 gen 1"]);
        assert_eq!(wrap("0000:41:00.0 NVMe · nvme0n1 · x1 gen 1", 36), ["0000:41:00.0 NVMe · nvme0n1", "· x1 gen 1"]);
    }
}
