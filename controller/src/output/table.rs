//! Plain tables: columns as wide as their widest cell, two spaces between them, no lines drawn.

/// A table with a heading row. Cells must be safe to show (see [`super::escape`]).
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(width);
    for row in rows {
        for (cell, widest) in row.iter().zip(widths.iter_mut()) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, widest) in cells.zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', widest.saturating_sub(width(cell)) + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut heading.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let text = table(["RUN", "N"], &[["a-long-id".into(), "1".into()], ["b".into(), "22".into()]]);
        assert_eq!(text, "RUN        N\na-long-id  1\nb          22\n");
    }
}
