//! A comparison for people: who is out of line, in sentences of at most 100 columns, and as rows.

use super::norm::{Comparison, Difference, Group, Verdict};
use crate::draw::words;
use std::collections::BTreeMap;

/// Widest line.
const WIDTH: usize = 100;

/// Hosts named in a sentence; the other forms name all.
const NAMED: usize = 12;

/// Values listed where no value is the norm.
const VALUES: usize = 12;

impl Comparison {
    /// Sentences, one paragraph a model.
    pub fn text(&self, all_names: bool) -> String {
        let named = if all_names { usize::MAX } else { NAMED };
        let mut out = String::new();
        for group in &self.groups {
            if !out.is_empty() {
                out.push('\n');
            }
            paragraph(group, named, &mut out);
        }
        if !self.alone.is_empty() {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str("Alone of their model, compared with nobody:\n");
            for alone in &self.alone {
                wrapped(&format!("{}: {}", alone.host, alone.model), 2, &mut out);
            }
        }
        out
    }

    /// Rows of host, trait, what it has and what the others have, for `grep` and `sort`.
    pub fn rows(&self) -> Vec<[String; 5]> {
        let mut rows = Vec::new();
        for group in &self.groups {
            for difference in &group.differences {
                let verdict = &difference.verdict;
                let norm = verdict.norm.as_ref().map_or("-", |(value, _)| value).to_owned();
                let mut row = |host: &String, value: &str| {
                    rows.push([host.clone(), name(difference), value.to_owned(), norm.clone(), group.model.clone()]);
                };
                for deviant in &verdict.deviants {
                    deviant.hosts.iter().for_each(|host| row(host, &deviant.value));
                }
                verdict.unknown.iter().for_each(|host| row(host, "-"));
            }
        }
        rows.sort();
        rows
    }
}

fn paragraph(group: &Group, named: usize, out: &mut String) {
    let differ = match group.differences.len() {
        0 => "all alike".to_owned(),
        1 => "1 differs".to_owned(),
        number => format!("{number} differ"),
    };
    let head = format!("{}: {}", group.model, words::count(group.hosts.len(), "host"));
    wrapped(&format!("{head} · {} compared, {differ}", words::count(group.compared, "trait")), 0, out);
    let mut area = None;
    for difference in &group.differences {
        let sentences = sentences(difference, named);
        if sentences.is_empty() {
            continue;
        }
        if area != Some(difference.family.area) {
            area = Some(difference.family.area);
            out.push_str(&format!("  {}\n", difference.family.area.word()));
        }
        for (sentence, indent) in sentences {
            wrapped(&sentence, indent, out);
        }
    }
    unknown(group, named, out);
}

/// `lanes (slot PCIe 3)`.
fn name(difference: &Difference) -> String {
    match difference.items.as_slice() {
        [] => difference.family.name.to_owned(),
        items => format!("{} ({})", difference.family.name, items.join(", ")),
    }
}

/// What there is to say of a trait, each sentence with its indentation.
fn sentences(difference: &Difference, named: usize) -> Vec<(String, usize)> {
    let (name, Verdict { hosts: all, norm, deviants, unknown }) = (name(difference), &difference.verdict);
    match norm {
        Some((value, count)) => {
            let sentence = |hosts: &[String], own: &str| {
                let others =
                    if count + hosts.len() == *all { "the rest have".to_owned() } else { format!("{count} have") };
                let text = format!(
                    "{name}: {} of {all} hosts: {own} where {others} {value}: {}",
                    hosts.len(),
                    list(hosts, named)
                );
                (text, 4)
            };
            deviants.iter().map(|deviant| sentence(&deviant.hosts, &deviant.value)).collect()
        }
        // One value and many unknown: no difference that could be seen.
        None if deviants.len() == 1 && !unknown.is_empty() => Vec::new(),
        None => {
            let mut lines =
                vec![(format!("{name}: {} different values on {all} hosts, none the rule", deviants.len()), 4)];
            for deviant in deviants.iter().take(VALUES) {
                lines.push((format!("{}: {}", deviant.value, list(&deviant.hosts, named)), 6));
            }
            if deviants.len() > VALUES {
                lines.push((format!("… and {} more", deviants.len() - VALUES), 6));
            }
            lines
        }
    }
}

/// What could not be read, by who could not read it: without the right to, many traits are missing at once.
fn unknown(group: &Group, named: usize, out: &mut String) {
    let mut missing: BTreeMap<&[String], Vec<String>> = BTreeMap::new();
    for difference in group.differences.iter().filter(|difference| !difference.verdict.unknown.is_empty()) {
        missing.entry(&difference.verdict.unknown).or_default().push(name(difference));
    }
    if !missing.is_empty() {
        out.push_str("  not known\n");
    }
    for (hosts, traits) in missing {
        let count = format!("{} of {} hosts", hosts.len(), group.hosts.len());
        wrapped(&format!("{count}: {}: {}", list(hosts, named), traits.join(", ")), 4, out);
    }
}

fn list(hosts: &[String], named: usize) -> String {
    let shown: Vec<&str> = hosts.iter().take(named).map(String::as_str).collect();
    let more =
        if hosts.len() > shown.len() { format!(", … ({} more)", hosts.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// A text that goes on below itself, deeper by four.
fn wrapped(text: &str, indent: usize, out: &mut String) {
    let mut line = " ".repeat(indent);
    let mut fresh = true;
    for word in text.split(' ') {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(indent + 4);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    out.push_str(&line);
    out.push('\n');
}
