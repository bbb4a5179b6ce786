//! JUnit XML: one suite a play, one test case a task and host. Written when the run has ended, so that it is always whole.

use super::{Output, Screen, escape_lines};
use crate::event::{Event, EventStatus, TaskEvent};
use indexmap::IndexMap;
use std::fmt::Write;

/// The `junit` output.
pub struct Junit {
    screen: Screen,
    run: String,
    suites: IndexMap<String, Vec<Case>>,
}

struct Case {
    host: String,
    task: String,
    millis: u64,
    verdict: Verdict,
}

enum Verdict {
    Passed(Option<String>),
    Skipped(String),
    Failed(String),
    Unreachable(String),
}

impl Junit {
    /// Writes to this screen's data; warnings to its talk.
    pub fn new(screen: &Screen) -> Self {
        Self { screen: screen.clone(), run: String::new(), suites: IndexMap::new() }
    }

    fn take(&mut self, task: &TaskEvent) {
        let message = message(task);
        let verdict = match task.status {
            EventStatus::Failed if task.ignored => Verdict::Passed(Some(format!("failed, ignored: {message}"))),
            EventStatus::Failed if task.rescued => Verdict::Passed(Some(format!("failed, rescued: {message}"))),
            EventStatus::Failed => Verdict::Failed(message),
            EventStatus::Unreachable if task.ignored => {
                Verdict::Passed(Some(format!("unreachable, ignored: {message}")))
            }
            EventStatus::Unreachable => Verdict::Unreachable(message),
            EventStatus::Skipped => Verdict::Skipped(message),
            EventStatus::Ok => Verdict::Passed(None),
            EventStatus::Changed => Verdict::Passed(Some("changed".to_owned())),
        };
        self.suites.entry(task.play.clone()).or_default().push(Case {
            host: task.host.clone(),
            task: task.task.clone(),
            millis: task.duration_ms,
            verdict,
        });
    }

    fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let all = self.suites.values().flatten();
        let _ = writeln!(out, "<testsuites name=\"luthier {}\" {}>", attribute(&self.run), counts(all));
        for (play, cases) in &self.suites {
            let _ = writeln!(out, "  <testsuite name=\"{}\" {}>", attribute(play), counts(cases.iter()));
            for case in cases {
                write_case(&mut out, case);
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

impl Output for Junit {
    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, .. } => self.run.clone_from(run),
            Event::TaskResult(task) if task.item.is_none() => self.take(task),
            Event::Warning { host, message } => {
                let host = host.as_deref().map(|host| format!("{}: ", super::escape(host))).unwrap_or_default();
                self.screen.talk(&format!("warning: {host}{}\n", super::escape(message)));
            }
            Event::RunFinished { errors, .. } => {
                let suite = |error: &String| Case {
                    host: String::new(),
                    task: "the run as a whole".to_owned(),
                    millis: 0,
                    verdict: Verdict::Failed(error.clone()),
                };
                if !errors.is_empty() {
                    self.suites.entry("luthier".to_owned()).or_default().extend(errors.iter().map(suite));
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        let document = self.document();
        self.screen.data(&document);
    }
}

fn write_case(out: &mut String, case: &Case) {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        attribute(&case.host),
        attribute(&case.task),
        seconds(case.millis)
    );
    let body = match &case.verdict {
        Verdict::Passed(None) => {
            let _ = writeln!(out, "{head}/>");
            return;
        }
        Verdict::Passed(Some(note)) => format!("<system-out>{}</system-out>", text(note)),
        Verdict::Skipped(why) => format!("<skipped message=\"{}\"/>", attribute(why)),
        Verdict::Failed(why) => {
            format!("<failure type=\"failed\" message=\"{}\">{}</failure>", attribute(first_line(why)), text(why))
        }
        Verdict::Unreachable(why) => {
            format!("<error type=\"unreachable\" message=\"{}\">{}</error>", attribute(first_line(why)), text(why))
        }
    };
    let _ = writeln!(out, "{head}>\n      {body}\n    </testcase>");
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let (mut tests, mut failures, mut errors, mut skipped, mut millis) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    for case in cases {
        tests += 1;
        millis += case.millis;
        match case.verdict {
            Verdict::Failed(_) => failures += 1,
            Verdict::Unreachable(_) => errors += 1,
            Verdict::Skipped(_) => skipped += 1,
            Verdict::Passed(_) => {}
        }
    }
    format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{}\"",
        seconds(millis)
    )
}

/// What a result says, with the output of a command behind it.
fn message(task: &TaskEvent) -> String {
    let get = |key: &str| task.result.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let mut out =
        get("msg").or_else(|| get("skip_reason")).or_else(|| get("skipped_reason")).unwrap_or_default().to_owned();
    for stream in ["stderr", "stdout"] {
        if let Some(text) = get(stream) {
            let _ = write!(out, "\n{stream}:\n{text}");
        }
    }
    out
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Text between tags. XML 1.0 cannot hold most control characters: they are made visible first.
fn text(raw: &str) -> String {
    let mut out = String::new();
    for letter in escape_lines(raw).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Text inside an attribute.
fn attribute(raw: &str) -> String {
    text(raw).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}
