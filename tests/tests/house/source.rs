//! Source files as text: their lines, what of them is code outside tests, and their functions.

use std::path::Path;

/// A Rust source file.
pub struct Source {
    /// Path from the workspace's folder.
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// All Rust files below a folder, in the order of their names.
pub fn sources(root: &Path, folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(root, &root.join(folder), &mut found);
    found.sort_by(|a: &Source, b| a.name.cmp(&b.name));
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.push(Source { name, lines: text.lines().map(str::to_owned).collect() });
        }
    }
}

/// Whether a file holds tests only.
pub fn is_test_file(source: &Source) -> bool {
    let has = |wanted: &str| source.lines.iter().any(|line| line.trim_start().starts_with(wanted));
    // A file with tests and without a module for them is itself declared under `#[cfg(test)]`.
    let only_tests = has("#[test]") && !has("#[cfg(test)]");
    only_tests
        || source.name.starts_with("tests/")
        || source.name.ends_with("tests.rs")
        || source.name.contains("/tests/")
}

impl Source {
    /// The room the file belongs to: the first folder or file name below `src`; none for the entry files.
    pub fn room(&self) -> Option<&str> {
        let below = self.name.split_once("/src/")?.1;
        let room = below.split('/').next()?.trim_end_matches(".rs");
        if room == "lib" || (room == "main" && self.name.starts_with("controller")) { None } else { Some(room) }
    }

    /// Numbered lines of code: no comments, and nothing from the `#[cfg(test)]` module on.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if is_test_file(self) {
            self.lines.len()
        } else {
            self.lines.iter().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(self.lines.len())
        };
        let numbered = self.lines.iter().take(end).enumerate().map(|(at, line)| (at + 1, line.as_str()));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// First line and length of each function, as rustfmt lays them out: the closing brace is indented like the `fn`.
    pub fn functions(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let text = line.trim_start();
            let indent = line.len() - text.len();
            let words = text.split("fn ").next().unwrap_or_default();
            let starts = text.contains("fn ")
                && words.split_whitespace().all(|word| {
                    ["pub", "async", "const", "unsafe", "extern"].contains(&word) || word.starts_with("pub(")
                });
            if !starts || text.ends_with(';') || text.ends_with('}') {
                continue;
            }
            let closing = format!("{}}}", " ".repeat(indent));
            let rest = self.lines.iter().skip(at + 1);
            if let Some(length) = rest
                .take_while(|line| !line.trim_end().ends_with(';') || line.len() > indent + 1)
                .position(|line| *line == closing)
            {
                found.push((at + 1, length + 2));
            }
        }
        found
    }
}
