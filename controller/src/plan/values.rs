//! Constant values of keywords: what is neither yes nor no, or no number, is refused before there is any host.

use crate::playbook::{Keywords, Play, Task, Written, as_flag};
use crate::yaml::{Diagnostic, Value, nearest};

/// `order:` of a play.
const ORDERS: &[&str] = &["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"];

/// Values of a play's own keys.
pub(super) fn play(play: &Play, errors: &mut Vec<Diagnostic>) {
    flags([&play.gather_facts, &play.force_handlers], errors);
    keywords(&play.keywords, errors);
    if let Some(written) = &play.order
        && let Some(text) = constant(written)
        && !text.is_empty()
        && !ORDERS.contains(&text.as_str())
    {
        let error = Diagnostic::error(Some(written.origin.clone()), format!("there is no order `{text}`"));
        errors.push(match nearest(&text, ORDERS.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("one of {}", ORDERS.join(", "))),
        });
    }
    for written in &play.serial {
        if let Some(text) = constant(written)
            && !is_batch_size(&text)
        {
            let error = Diagnostic::error(Some(written.origin.clone()), format!("`{text}` is no batch size"));
            errors.push(error.help("a number of hosts, or a percentage such as \"10%\""));
        }
    }
    if let Some(written) = &play.max_fail_percentage
        && let Some(text) = constant(written)
        && percentage(&text).is_none()
    {
        let error = Diagnostic::error(Some(written.origin.clone()), format!("`{text}` is no percentage"));
        errors.push(error.help("a number from 0 to 100: with more failed hosts than that the play ends"));
    }
}

/// Values of keywords that plays, blocks and tasks share.
pub(super) fn keywords(keywords: &Keywords, errors: &mut Vec<Diagnostic>) {
    flags(
        [
            &keywords.r#become,
            &keywords.check_mode,
            &keywords.diff,
            &keywords.ignore_errors,
            &keywords.ignore_unreachable,
            &keywords.no_log,
            &keywords.delegate_facts,
            &keywords.run_once,
            &keywords.any_errors_fatal,
        ],
        errors,
    );
    number("throttle", &keywords.throttle, "hosts", errors);
    number("timeout", &keywords.timeout, "seconds", errors);
}

/// Values of a task's own keys.
pub(super) fn task(task: &Task, errors: &mut Vec<Diagnostic>) {
    keywords(&task.keywords, errors);
    number("retries", &task.retries, "attempts", errors);
    number("delay", &task.delay, "seconds", errors);
}

/// `50`, `50.5` or `50%`, as a share of a hundred.
pub fn percentage(text: &str) -> Option<f64> {
    let number: f64 = text.trim().trim_end_matches('%').trim_end().parse().ok()?;
    number.is_finite().then_some(number)
}

fn is_batch_size(text: &str) -> bool {
    match text.trim().strip_suffix('%') {
        Some(share) => share.trim().parse::<f64>().is_ok_and(|share| (0.0..=100.0).contains(&share)),
        None => text.trim().parse::<i64>().is_ok(),
    }
}

/// The text of a value that no host can change; `None` for templates and for what is no scalar.
fn constant(written: &Written) -> Option<String> {
    match &written.value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(written.value.to_json().to_string()),
        _ => None,
    }
}

fn flags<const N: usize>(rows: [&Option<Written>; N], errors: &mut Vec<Diagnostic>) {
    for written in rows.into_iter().flatten() {
        if !written.value.has_template() && as_flag(&written.value).is_none() {
            let message = format!("expected yes or no, found {}", written.value.to_json());
            errors.push(Diagnostic::error(Some(written.origin.clone()), message));
        }
    }
}

fn number(key: &str, written: &Option<Written>, unit: &str, errors: &mut Vec<Diagnostic>) {
    let Some(written) = written else { return };
    let wrong = match &written.value {
        Value::Null => false,
        value if value.has_template() => false,
        _ => constant(written).is_none_or(|text| text.trim().parse::<f64>().is_err()),
    };
    if wrong {
        let message = format!("`{key}` must be a number of {unit}, found {}", written.value.to_json());
        errors.push(Diagnostic::error(Some(written.origin.clone()), message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares() {
        for good in ["1", "0", "-1", "30%", " 100 % "] {
            assert!(is_batch_size(good), "{good}");
        }
        for bad in ["many", "101%", "-1%", "1.5", "%"] {
            assert!(!is_batch_size(bad), "{bad}");
        }
        assert_eq!(percentage("12.5%"), Some(12.5));
        assert_eq!(percentage("half"), None);
        assert_eq!(percentage("nan"), None);
    }
}
