//! Filters of dates.

use super::table::{Filter, flag, of, subject, text};
use crate::template::dates;
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::ops;
use crate::template::val::{Args, Val};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub(super) const FILTERS: &[(&str, Filter)] = &[("to_datetime", of(to_datetime)), ("strftime", of(strftime))];

fn to_datetime(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [format] = args.bind(["format"])?;
    let format = text(interpreter, format)?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".into());
    dates::strptime(&format, &subject(interpreter, &value)?).map(Val::Date)
}

/// The subject is the format; the argument a time in seconds.
fn strftime(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [second, utc] = args.bind(["second", "utc"])?;
    let zone = if flag(utc, false)? { TimeZone::UTC } else { TimeZone::system() };
    let moment = match second {
        None | Some(Val::Null) => Zoned::now().with_time_zone(zone),
        Some(second) => {
            let seconds = match &second {
                Val::Str(text) => super::types::parse_float(text),
                other => ops::as_float(other),
            }
            .ok_or_else(|| Fault::new("invalid value for epoch value"))?;
            Timestamp::from_microsecond((seconds * 1e6) as i64)
                .map_err(|error| Fault::new(error.to_string()))?
                .to_zoned(zone)
        }
    };
    dates::strftime(&subject(interpreter, &value)?, &moment).map(Val::from)
}
