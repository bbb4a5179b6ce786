//! The times a task asks a file to have.

use super::ModuleError;
use crate::host::{Civil, Host, Stat};
use luthier_protocol::change::Times;

/// How times are written where the task does not say.
const USUAL_FORMAT: &str = "%Y%m%d%H%M.%S";

/// A wanted time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The time it has.
    Preserve,
    /// The time of the task.
    Now,
    /// Nanoseconds since 1970-01-01 UTC.
    At(i64),
}

/// Wanted access and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps {
    /// Access time.
    pub access: Moment,
    /// Modification time.
    pub modification: Moment,
}

impl Moment {
    /// From a parameter.
    pub(super) fn parse(host: &Host, text: &str, format: Option<&str>) -> Result<Self, ModuleError> {
        match text {
            "preserve" => Ok(Self::Preserve),
            "now" => Ok(Self::Now),
            _ => {
                let format = format.unwrap_or(USUAL_FORMAT);
                let civil = civil(text, format).ok_or_else(|| {
                    ModuleError::new(format!("cannot understand the time {text}: it is not of the form {format}"))
                })?;
                Ok(Self::At(host.moment(civil).saturating_mul(1_000_000_000)))
            }
        }
    }

    fn over(self, present: i64, now: i64) -> i64 {
        match self {
            Self::Preserve => present,
            Self::Now => now,
            Self::At(moment) => moment,
        }
    }
}

impl Stamps {
    /// The times a present file shall have; `None` when both stay.
    pub(super) fn over(self, host: &Host, stat: &Stat) -> Option<Times> {
        if self.access == Moment::Preserve && self.modification == Moment::Preserve {
            return None;
        }
        let now = host.now_ns();
        Some(Times {
            atime_ns: self.access.over(stat.atime_ns, now),
            mtime_ns: self.modification.over(stat.mtime_ns, now),
        })
    }

    /// The times a new file shall have; `None` when they are those of its making.
    pub(super) fn of_new(self, host: &Host) -> Option<Times> {
        let stated = |moment| matches!(moment, Moment::At(_));
        if !stated(self.access) && !stated(self.modification) {
            return None;
        }
        let now = host.now_ns();
        Some(Times { atime_ns: self.access.over(now, now), mtime_ns: self.modification.over(now, now) })
    }
}

/// A date and time after a format of `strptime(3)`: the numeric directives only.
fn civil(text: &str, format: &str) -> Option<Civil> {
    let mut civil = Civil { year: 1900, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    let mut rest = text;
    let mut format = format.chars();
    while let Some(expected) = format.next() {
        if expected != '%' {
            if expected.is_whitespace() {
                rest = rest.trim_start();
            } else {
                rest = rest.strip_prefix(expected)?;
            }
            continue;
        }
        match format.next()? {
            'Y' => civil.year = digits(&mut rest, 4)?,
            'y' => civil.year = digits(&mut rest, 2).map(|year| if year < 69 { 2000 + year } else { 1900 + year })?,
            'm' => civil.month = digits(&mut rest, 2)?,
            'd' => civil.day = digits(&mut rest, 2)?,
            'H' => civil.hour = digits(&mut rest, 2)?,
            'M' => civil.minute = digits(&mut rest, 2)?,
            'S' => civil.second = digits(&mut rest, 2)?,
            'j' => (civil.month, civil.day) = (1, digits(&mut rest, 3)?),
            'F' => {
                civil.year = digits(&mut rest, 4)?;
                rest = rest.strip_prefix('-')?;
                civil.month = digits(&mut rest, 2)?;
                rest = rest.strip_prefix('-')?;
                civil.day = digits(&mut rest, 2)?;
            }
            'T' => {
                civil.hour = digits(&mut rest, 2)?;
                rest = rest.strip_prefix(':')?;
                civil.minute = digits(&mut rest, 2)?;
                rest = rest.strip_prefix(':')?;
                civil.second = digits(&mut rest, 2)?;
            }
            '%' => rest = rest.strip_prefix('%')?,
            _ => return None,
        }
    }
    let sound = rest.is_empty()
        && (1..=12).contains(&civil.month)
        && (1..=366).contains(&civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 62;
    sound.then_some(civil)
}

fn digits(rest: &mut &str, most: usize) -> Option<i64> {
    let end = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, tail) = rest.split_at(end);
    *rest = tail;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_are_read_after_their_format() {
        let usual = civil("202402292359.58", USUAL_FORMAT).unwrap();
        assert_eq!((usual.seconds(), usual.day), (1_709_251_198, 29));
        assert_eq!(civil("2024-02-29 23:59:58", "%F %T").unwrap(), usual);
        assert_eq!(civil("2024 60", "%Y %j").unwrap().seconds(), 1_709_164_800);
        for bad in ["20241329", "202402292359.58x", "yesterday"] {
            assert!(civil(bad, USUAL_FORMAT).is_none(), "{bad}");
        }
    }
}
