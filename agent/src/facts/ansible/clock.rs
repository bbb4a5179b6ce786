//! `date_time`: the time of day in UTC and in the host's zone.

use crate::host::{Civil, Host, Zone, sys};
use luthier_protocol::{Map, Value};
use serde_json::json;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `date_time`.
pub fn now(host: &Host, facts: &mut Map) {
    let (seconds, nanoseconds) = sys::now();
    facts.insert("date_time".to_owned(), date_time(seconds, nanoseconds / 1000, &host.zone()));
}

fn date_time(seconds: i64, micros: u32, zone: &Zone) -> Value {
    let local = zone.at(seconds);
    let here = Civil::of_seconds(seconds.saturating_add(local.offset));
    let utc = Civil::of_seconds(seconds);
    let iso =
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
    let date = format!("{:04}-{:02}-{:02}", here.year, here.month, here.day);
    let time = format!("{:02}:{:02}:{:02}", here.hour, here.minute, here.second);
    let compact = format!("{}T{}", date.replace('-', ""), time.replace(':', ""));
    // Weeks begin on Monday; days before the first Monday are week 0.
    let week = (here.yearday() + 7 - (here.weekday() + 6) % 7) / 7;
    let sign = if local.offset < 0 { '-' } else { '+' };
    let minutes = local.offset.abs() / 60;
    let weekday = usize::try_from(here.weekday()).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default();
    json!({
        "year": format!("{:04}", here.year),
        "month": format!("{:02}", here.month),
        "weekday": weekday,
        "weekday_number": here.weekday().to_string(),
        "weeknumber": format!("{week:02}"),
        "day": format!("{:02}", here.day),
        "hour": format!("{:02}", here.hour),
        "minute": format!("{:02}", here.minute),
        "second": format!("{:02}", here.second),
        "epoch": seconds.to_string(),
        "epoch_int": seconds.to_string(),
        "date": date,
        "time": time,
        "iso8601_micro": format!("{iso}.{micros:06}Z"),
        "iso8601": format!("{iso}Z"),
        "iso8601_basic": format!("{compact}{micros:06}"),
        "iso8601_basic_short": compact,
        "tz": local.name,
        "tz_dst": zone.summer_name(),
        "tz_offset": format!("{sign}{:02}{:02}", minutes / 60, minutes % 60),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn in_utc() {
        let fact = date_time(1_795_371_199, 645_566, &Zone::default());
        assert_eq!(fact["iso8601_micro"], "2026-11-22T18:13:19.645566Z");
        assert_eq!(fact["iso8601_basic"], "20261122T181319645566");
        assert_eq!((&fact["weekday"], &fact["weeknumber"]), (&json!("Sunday"), &json!("46")));
        assert_eq!((&fact["tz"], &fact["tz_dst"], &fact["tz_offset"]), (&json!("UTC"), &json!("UTC"), &json!("+0000")));
    }
}
