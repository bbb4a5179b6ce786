//! The time now, and the host's local time.

use super::Host;
use super::zone::Zone;
use std::time::{SystemTime, UNIX_EPOCH};

/// A date and time of day without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
}

impl Host {
    /// Nanoseconds since 1970-01-01 UTC.
    pub fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    /// Local date and time of a moment (seconds since 1970-01-01 UTC).
    pub fn local(&self, seconds: i64) -> Civil {
        Civil::of_seconds(seconds + self.zone().offset(seconds))
    }

    /// The moment of a local date and time.
    pub fn moment(&self, local: Civil) -> i64 {
        let zone = self.zone();
        let as_if_utc = local.seconds();
        // The offset before a jump differs from the one after it: ask again with the first guess.
        let guess = as_if_utc - zone.offset(as_if_utc);
        as_if_utc - zone.offset(guess)
    }

    fn zone(&self) -> Zone {
        let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
        if let Some(name) = &named {
            let name = name.trim_start_matches(':');
            let path = if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") };
            return match self.read(&path) {
                Ok(bytes) => Zone::of_file(&bytes),
                Err(_) => Zone::of_rule(name),
            };
        }
        self.read("/etc/localtime").map_or_else(|_| Zone::default(), |bytes| Zone::of_file(&bytes))
    }
}

impl Civil {
    /// Seconds from 1970-01-01 00:00:00 to this date and time, both in the same zone.
    pub fn seconds(self) -> i64 {
        days(self.year, self.month, self.day) * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// The date and time so many seconds after 1970-01-01 00:00:00.
    pub fn of_seconds(seconds: i64) -> Self {
        let (day_number, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(day_number);
        Self {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is last.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    cycle * 146_097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year - 719_468
}

/// The date so many days after 1970-01-01.
pub(super) fn date(day_number: i64) -> (i64, i64, i64) {
    let shifted = day_number + 719_468;
    let (cycle, day_of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_are_each_other_s_inverse() {
        let leap = Civil { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58 };
        assert_eq!(leap.seconds(), 1_709_251_198);
        for seconds in [-1, 0, 951_782_400, 1_709_251_198, 4_102_444_800] {
            assert_eq!(Civil::of_seconds(seconds).seconds(), seconds);
        }
    }
}
