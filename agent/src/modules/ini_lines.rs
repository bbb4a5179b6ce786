//! An INI file's lines with one section's options as wanted. Pure: lines in, lines out; line breaks belong to their lines.

/// Stands for the part before the first section.
const TOP: &str = "ad01e11446efb704fcdbdb21f2c43757423d91c5";

/// What a section shall look like.
#[derive(Debug, Default)]
pub(super) struct Ini<'a> {
    /// The section; `None` is the part before the first one.
    pub section: Option<&'a str>,
    /// Options by which the section is told from others of its name: each with the values it may have.
    pub section_has: Vec<(String, Vec<String>)>,
    /// The option; `None` is the section as a whole.
    pub option: Option<&'a str>,
    /// Its values.
    pub values: Vec<String>,
    /// It shall be there.
    pub present: bool,
    /// Other lines of the option go.
    pub exclusive: bool,
    /// `option=value` without blanks.
    pub tight: bool,
    /// A line that differs only in blanks stays.
    pub ignore_spaces: bool,
    /// The option may stand without a value.
    pub no_value: bool,
    /// A line that is commented out may be taken for the option.
    pub inactive: bool,
}

/// Where a line sets an option.
struct Set<'l> {
    commented: bool,
    value: &'l str,
}

/// How the option is set in a line, even where it is commented out.
fn any<'l>(option: &str, line: &'l str) -> Option<Set<'l>> {
    let line = line.trim_start_matches([' ', '\t']);
    let commented = line.strip_prefix(['#', ';']).and_then(|rest| active(option, rest));
    commented.map(|set| Set { commented: true, ..set }).or_else(|| active(option, line))
}

/// How the option is set in a line.
fn active<'l>(option: &str, line: &'l str) -> Option<Set<'l>> {
    let blank = [' ', '\t'];
    let rest = line.trim_start_matches(blank).strip_prefix(option)?.trim_start_matches(blank);
    let rest = rest.strip_suffix('\n').unwrap_or(rest);
    match rest.strip_prefix('=') {
        Some(value) => Some(Set { commented: false, value: value.trim_start_matches(blank) }),
        None => rest.is_empty().then_some(Set { commented: false, value: "" }),
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.strip_suffix('\n').unwrap_or(line).trim_start_matches([' ', '\t']);
    line.is_empty() || line.starts_with(['#', ';'])
}

fn opens(section: &str, line: &str) -> bool {
    let name = line.strip_prefix('[').map(str::trim_start).and_then(|rest| rest.strip_prefix(section.trim()));
    name.is_some_and(|rest| rest.trim_start().starts_with(']'))
}

/// A section's lines, each with whether it is settled.
struct Section {
    lines: Vec<(String, bool)>,
    changed: bool,
    message: &'static str,
}

impl Section {
    fn replace(&mut self, index: usize, new: String, ini: &Ini<'_>, option: &str) {
        let Some((line, settled)) = self.lines.get_mut(index) else { return };
        let differs = match (any(option, line), any(option, &new)) {
            (Some(old), Some(new)) if ini.ignore_spaces && !old.commented => old.value != new.value,
            _ => *line != new,
        };
        if differs {
            *line = new;
            self.changed = true;
            self.message = "option changed";
        }
        *settled = true;
    }
}

impl Ini<'_> {
    /// The new text and what was done, or nothing where the text is as wanted.
    pub(super) fn applied(mut self, text: &str) -> (Option<String>, &'static str) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        if lines.is_empty() {
            lines.push("\n".to_owned());
        }
        let mut changed = false;
        if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push('\n');
            changed = true;
        }
        let name = self.section.filter(|name| !name.is_empty()).unwrap_or(TOP);
        lines.insert(0, format!("[{TOP}]"));
        lines.push("[".to_owned());
        let found = self.find(&lines, name);
        let (start, end) = found.unwrap_or((0, 0));
        let after = lines.split_off(end);
        let own = lines.split_off(start).into_iter().map(|line| (line, false)).collect();
        let mut section = Section { lines: own, changed, message: "OK" };
        match (self.present, self.option.filter(|option| !option.is_empty())) {
            (true, Some(option)) => self.set(&mut section, option),
            (true, None) => {}
            (false, option) => self.remove(&mut section, option),
        }
        lines.extend(section.lines.into_iter().map(|(line, _)| line));
        lines.extend(after);
        lines.remove(0);
        lines.pop();
        if found.is_none() && self.present {
            section.message = self.append(&mut lines, name);
            section.changed = true;
        }
        (section.changed.then(|| lines.concat()), section.message)
    }

    /// First line of the section and first line behind it.
    fn find(&self, lines: &[String], name: &str) -> Option<(usize, usize)> {
        let mut start = None;
        for (index, line) in lines.iter().enumerate() {
            if let Some(at) = start.filter(|_| line.starts_with('[')) {
                if self.has_values(lines.get(at..index).unwrap_or_default()) {
                    return Some((at, index));
                }
                start = None;
            }
            if opens(name, line) {
                start = Some(index);
            }
        }
        None
    }

    fn has_values(&self, lines: &[String]) -> bool {
        self.section_has.iter().all(|(option, values)| {
            let mut sets = lines.iter().filter_map(|line| any(option, line));
            sets.any(|set| values.is_empty() || values.iter().any(|value| value == set.value))
        })
    }

    fn line(&self, option: &str, value: &str) -> String {
        if self.tight { format!("{option}={value}\n") } else { format!("{option} = {value}\n") }
    }

    /// How the option is set in the line, as far as the task looks at it.
    fn seen<'l>(&self, option: &str, line: &'l str) -> Option<Set<'l>> {
        if self.inactive { any(option, line) } else { active(option, line) }
    }

    fn set(&mut self, section: &mut Section, option: &str) {
        let mut bare = false;
        for index in 0..section.lines.len() {
            let Some((line, _)) = section.lines.get(index) else { break };
            let Some(value) = self.seen(option, line).map(|set| set.value.to_owned()) else { continue };
            if let Some(at) = self.values.iter().position(|wanted| *wanted == value) {
                let empty = value.is_empty() && self.no_value;
                bare |= empty;
                let new = if empty { format!("{option}\n") } else { self.line(option, &value) };
                section.replace(index, new, self, option);
                self.values.remove(at);
            } else if self.values.is_empty() && self.no_value {
                section.replace(index, format!("{option}\n"), self, option);
                bare = true;
                break;
            }
        }
        if self.exclusive && !self.no_value {
            self.take_over(section, option);
        }
        self.insert(section, option, bare);
    }

    /// Other lines of the option get the values that are left, or go.
    fn take_over(&mut self, section: &mut Section, option: &str) {
        for index in 0..section.lines.len() {
            let open = section.lines.get(index).is_some_and(|(line, done)| !done && self.seen(option, line).is_some());
            if open && !self.values.is_empty() {
                let value = self.values.remove(0);
                let new = self.line(option, &value);
                section.replace(index, new, self, option);
            }
        }
        let before = section.lines.len();
        let mut header = true;
        section.lines.retain(|(line, done)| std::mem::take(&mut header) || *done || self.seen(option, line).is_none());
        if section.lines.len() != before {
            section.changed = true;
            section.message = "option changed";
        }
    }

    /// What is still missing goes behind the section's last line that says something.
    fn insert(&self, section: &mut Section, option: &str, bare: bool) {
        let last = section.lines.iter().rposition(|(line, _)| !is_blank_or_comment(line));
        let Some(at) = last.map(|last| last + 1) else { return };
        let mut new: Vec<String> = self.values.iter().map(|value| self.line(option, value)).collect();
        if new.is_empty() && self.no_value && !bare {
            new.push(format!("{option}\n"));
        }
        if !new.is_empty() {
            section.changed = true;
            section.message = "option added";
            section.lines.splice(at..at, new.into_iter().map(|line| (line, true)));
        }
    }

    fn remove(&self, section: &mut Section, option: Option<&str>) {
        let before = section.lines.len();
        match option {
            Some(option) => section.lines.retain(|(line, _)| match active(option, line) {
                Some(set) => !self.exclusive && !self.values.iter().any(|value| value == set.value),
                None => true,
            }),
            None => section.lines.clear(),
        }
        if section.lines.len() != before {
            section.changed = true;
            section.message = if option.is_some() { "option changed" } else { "section removed" };
        }
    }

    /// A section of its own at the end.
    fn append(&mut self, lines: &mut Vec<String>, name: &str) -> &'static str {
        lines.push(format!("[{name}]\n"));
        for (option, values) in std::mem::take(&mut self.section_has) {
            if Some(option.as_str()) != self.option {
                lines.extend(values.iter().map(|value| self.line(&option, value)));
                if values.is_empty() && self.no_value {
                    lines.push(format!("{option}\n"));
                }
            } else if !self.exclusive {
                let missing = values.into_iter().filter(|value| !self.values.contains(value)).collect::<Vec<_>>();
                self.values.extend(missing);
            }
        }
        match self.option.filter(|option| !option.is_empty()) {
            Some(option) if !self.values.is_empty() => {
                lines.extend(self.values.iter().map(|value| self.line(option, value)));
            }
            Some(option) if self.no_value => lines.push(format!("{option}\n")),
            _ => return "only section added",
        }
        "section and option added"
    }
}
