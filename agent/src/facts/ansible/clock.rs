//! `date_time`: the time of day in UTC and in the host's zone.

use super::zone::Zone;
use crate::host::Host;
use luthier_protocol::{Map, Value};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment in the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day of the month, 1 to 31.
    pub day: i64,
    /// Hour.
    pub hour: i64,
    /// Minute.
    pub minute: i64,
    /// Second.
    pub second: i64,
    /// Day of the week, 0 is Sunday.
    pub weekday: i64,
    /// Day of the year, 0 is the first of January.
    pub yearday: i64,
}

/// Days from 1970-01-01 to a date.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl Civil {
    /// The calendar's view of seconds since 1970-01-01.
    pub fn of(seconds: i64) -> Self {
        let day_number = seconds.div_euclid(86_400);
        let second = seconds.rem_euclid(86_400);
        let shifted = day_number + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second % 3600 / 60,
            second: second % 60,
            weekday: (day_number + 4).rem_euclid(7),
            yearday: day_number - days(year, 1, 1),
        }
    }
}

/// `date_time`.
pub fn now(host: &Host, facts: &mut Map) {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX);
    let zone = host.read("/etc/localtime").ok().and_then(|bytes| Zone::parse(&bytes)).unwrap_or_default();
    facts.insert("date_time".to_owned(), date_time(seconds, elapsed.subsec_micros(), &zone));
}

fn date_time(seconds: i64, micros: u32, zone: &Zone) -> Value {
    let local = zone.at(seconds);
    let here = Civil::of(seconds.saturating_add(local.offset));
    let utc = Civil::of(seconds);
    let iso =
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
    let date = format!("{:04}-{:02}-{:02}", here.year, here.month, here.day);
    let time = format!("{:02}:{:02}:{:02}", here.hour, here.minute, here.second);
    let compact = format!("{}T{}", date.replace('-', ""), time.replace(':', ""));
    // Weeks begin on Monday; days before the first Monday are week 0.
    let week = (here.yearday + 7 - (here.weekday + 6) % 7) / 7;
    let sign = if local.offset < 0 { '-' } else { '+' };
    let minutes = local.offset.abs() / 60;
    let weekday = usize::try_from(here.weekday).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default();
    json!({
        "year": format!("{:04}", here.year),
        "month": format!("{:02}", here.month),
        "weekday": weekday,
        "weekday_number": here.weekday.to_string(),
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
    fn calendar() {
        let moment = Civil::of(1_795_371_199);
        assert_eq!((moment.year, moment.month, moment.day, moment.weekday), (2026, 11, 22, 0));
        assert_eq!((moment.hour, moment.minute, moment.second), (18, 13, 19));
        let leap = Civil::of(951_782_400);
        assert_eq!((leap.year, leap.month, leap.day, leap.yearday), (2000, 2, 29, 59));
        assert_eq!(days(1970, 1, 1), 0);
        for day in (-800_000..800_000).step_by(997) {
            let civil = Civil::of(day * 86_400);
            assert_eq!(days(civil.year, civil.month, civil.day), day);
        }
    }

    #[test]
    fn in_utc() {
        let fact = date_time(1_795_371_199, 645_566, &Zone::default());
        assert_eq!(fact["iso8601_micro"], "2026-11-22T18:13:19.645566Z");
        assert_eq!(fact["iso8601_basic"], "20261122T181319645566");
        assert_eq!((&fact["weekday"], &fact["weeknumber"]), (&json!("Sunday"), &json!("46")));
        assert_eq!((&fact["tz"], &fact["tz_dst"], &fact["tz_offset"]), (&json!("UTC"), &json!("UTC"), &json!("+0000")));
    }
}
