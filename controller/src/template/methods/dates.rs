//! Methods and attributes of dates.

use super::arguments::text_arg;
use crate::template::error::{Fault, Outcome};
use crate::template::text;
use crate::template::val::{Args, Val};

pub(super) const NAMES: &[&str] = &["strftime", "isoformat", "timestamp", "date", "time", "weekday", "isoweekday"];
pub(super) const FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "microsecond"];

/// Calls a method of a date.
pub(super) fn call(date: &jiff::civil::DateTime, name: &str, args: Args) -> Outcome<Val> {
    Ok(match name {
        "strftime" => {
            let [format] = args.bind(["format"])?;
            let format = text_arg(format, name)?.unwrap_or_default();
            Val::from(crate::template::dates::strftime(
                &format,
                &date.in_tz("UTC").map_err(|e| Fault::new(e.to_string()))?,
            )?)
        }
        "timestamp" => Val::Float(
            date.in_tz("UTC").map_err(|error| Fault::new(error.to_string()))?.timestamp().as_microsecond() as f64 / 1e6,
        ),
        "isoformat" => Val::from(text::date(date).replacen(' ', "T", 1)),
        "date" => Val::from(date.date().to_string()),
        "time" => Val::from(date.time().to_string()),
        "weekday" => Val::Int(i128::from(date.weekday().to_monday_zero_offset())),
        _ => Val::Int(i128::from(date.weekday().to_monday_one_offset())),
    })
}
