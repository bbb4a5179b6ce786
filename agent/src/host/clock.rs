//! The time now, and the host's local time.

use super::zone::Zone;
use super::{Host, sys};

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
        let (seconds, nanoseconds) = sys::now();
        seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds))
    }

    /// Local date and time of a moment (seconds since 1970-01-01 UTC).
    pub fn local(&self, seconds: i64) -> Civil {
        Civil::of_seconds(seconds + self.zone().at(seconds).offset)
    }

    /// The moment of a local date and time.
    pub fn moment(&self, local: Civil) -> i64 {
        let zone = self.zone();
        let as_if_utc = local.seconds();
        // The offset before a jump differs from the one after it: ask again with the first guess.
        let guess = as_if_utc - zone.at(as_if_utc).offset;
        as_if_utc - zone.at(guess).offset
    }

    /// The zone that local times are in: of `TZ`, else of `/etc/localtime`, else UTC.
    pub fn zone(&self) -> Zone {
        let of_file = |path: &str| self.read(path).map(|bytes| Zone::parse(&bytes).unwrap_or_default());
        // A captured machine has nothing to do with this process's environment.
        let Some(name) = sys::variable("TZ").filter(|_| self.is_live()) else {
            return of_file("/etc/localtime").unwrap_or_default();
        };
        let name = name.trim_start_matches(':');
        let path = if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") };
        of_file(&path).unwrap_or_else(|_| Zone::of_rule(name))
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

    /// Day of the week, 0 is Sunday.
    pub fn weekday(self) -> i64 {
        (days(self.year, self.month, self.day) + 4).rem_euclid(7)
    }

    /// Day of the year, 0 is the first of January.
    pub fn yearday(self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1)
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
        for day in (-800_000..800_000).step_by(997) {
            assert_eq!(Civil::of_seconds(day * 86_400).seconds(), day * 86_400);
        }
        assert_eq!((leap.weekday(), leap.yearday()), (4, 59));
        assert_eq!(Civil::of_seconds(1_795_371_199).weekday(), 0);
    }
}
