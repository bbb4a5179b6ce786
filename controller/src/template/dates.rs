//! Dates and times by Python's format letters.

use super::error::{Fault, Outcome};
use jiff::Zoned;
use jiff::civil::DateTime;

/// `strftime`.
pub(super) fn strftime(format: &str, moment: &Zoned) -> Outcome<String> {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(letter) = chars.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let Some(mut kind) = chars.next() else {
            out.push('%');
            break;
        };
        let mut flag = String::from("%");
        if matches!(kind, '-' | '_' | '^' | '#') {
            flag.push(kind);
            let Some(next) = chars.next() else { break };
            kind = next;
        }
        match kind {
            '%' => out.push('%'),
            'c' => out.push_str(&moment.strftime("%a %b %e %H:%M:%S %Y").to_string()),
            'x' => out.push_str(&moment.strftime("%m/%d/%y").to_string()),
            'X' => out.push_str(&moment.strftime("%H:%M:%S").to_string()),
            'f' => out.push_str(&format!("{:06}", moment.subsec_nanosecond() / 1000)),
            kind => {
                flag.push(kind);
                let written = jiff::fmt::strtime::format(&flag, moment);
                out.push_str(&written.map_err(|error| Fault::new(format!("cannot format '{flag}': {error}")))?);
            }
        }
    }
    Ok(out)
}

/// `datetime.strptime`.
pub(super) fn strptime(format: &str, text: &str) -> Outcome<DateTime> {
    let fail = |error: jiff::Error| Fault::new(format!("time data '{text}' does not match format '{format}': {error}"));
    let parsed = jiff::fmt::strtime::parse(format, text).map_err(fail)?;
    match parsed.to_datetime() {
        Ok(moment) => Ok(moment),
        Err(_) => parsed.to_date().map(|date| date.to_datetime(jiff::civil::Time::midnight())).map_err(fail),
    }
}
