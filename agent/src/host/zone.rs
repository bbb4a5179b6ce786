//! Time zones from TZif files (RFC 9636) and their POSIX rules: a static program has no C library that knows them.

use super::clock::{date, days};

/// Offsets from UTC over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Zone {
    /// (moment, seconds east of UTC from then on), ascending.
    jumps: Vec<(i64, i64)>,
    /// Before the first jump.
    first: i64,
    /// After the last jump.
    rule: Option<Rule>,
}

/// A POSIX `TZ` rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Switch,
    ends: Switch,
}

/// When summer time begins or ends: a day of the year and local seconds after its midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Switch {
    day: Day,
    time: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Day {
    /// Month, week (5 is the last), day of the week (0 is Sunday).
    Week(i64, i64, i64),
    /// 1 to 365, 29 February is never counted.
    Julian(i64),
    /// 0 to 365.
    Plain(i64),
}

impl Zone {
    /// From a file's bytes; UTC where they are no TZif file.
    pub(super) fn of_file(bytes: &[u8]) -> Self {
        parse(bytes).unwrap_or_default()
    }

    /// From a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`); UTC where it is none.
    pub(super) fn of_rule(text: &str) -> Self {
        Self { rule: rule(text), ..Self::default() }
    }

    /// Seconds east of UTC at a moment.
    pub(super) fn offset(&self, moment: i64) -> i64 {
        let after = self.jumps.partition_point(|(at, _)| *at <= moment);
        match &self.rule {
            Some(rule) if after == self.jumps.len() => rule.offset(moment),
            _ => after.checked_sub(1).and_then(|last| self.jumps.get(last)).map_or(self.first, |(_, offset)| *offset),
        }
    }
}

impl Rule {
    fn offset(&self, moment: i64) -> i64 {
        let Some(summer) = &self.summer else { return self.standard };
        let (year, _, _) = date((moment + self.standard).div_euclid(86_400));
        let begins = summer.begins.local(year) - self.standard;
        let ends = summer.ends.local(year) - summer.offset;
        let in_summer =
            if begins < ends { (begins..ends).contains(&moment) } else { !(ends..begins).contains(&moment) };
        if in_summer { summer.offset } else { self.standard }
    }
}

impl Switch {
    /// Seconds from 1970-01-01 to the switch in that year, as local clocks count.
    fn local(&self, year: i64) -> i64 {
        let day_number = match self.day {
            Day::Plain(day) => days(year, 1, 1) + day,
            Day::Julian(day) => {
                let leap = days(year, 3, 1) - days(year, 2, 28) == 2;
                days(year, 1, 1) + day - 1 + i64::from(leap && day > 59)
            }
            Day::Week(month, week, weekday) => {
                let first = days(year, month, 1);
                // 1970-01-01 was a Thursday.
                let candidate = first + (weekday - (first + 4)).rem_euclid(7) + (week - 1) * 7;
                let next_month = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
                if candidate >= next_month { candidate - 7 } else { candidate }
            }
        };
        day_number * 86_400 + self.time
    }
}

struct Header {
    counts: [usize; 6],
}

/// Bytes of a data block: leap seconds, standard/UT marks and names follow the parts that matter.
impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let mut counts = [0; 6];
        for (index, count) in counts.iter_mut().enumerate() {
            *count = usize::try_from(number(bytes.get(20 + index * 4..24 + index * 4)?)?).ok()?;
        }
        Some(Self { counts })
    }

    fn length(&self, time_size: usize) -> Option<usize> {
        let [ut, standard, leap, times, types, names] = self.counts;
        times
            .checked_mul(time_size + 1)?
            .checked_add(types.checked_mul(6)?)?
            .checked_add(names)?
            .checked_add(leap.checked_mul(time_size + 4)?)?
            .checked_add(standard)?
            .checked_add(ut)
    }
}

fn parse(bytes: &[u8]) -> Option<Zone> {
    let old = Header::read(bytes)?;
    let body = bytes.get(44..)?;
    if bytes.get(4)? < &b'2' {
        return block(&old, body, 4);
    }
    let rest = body.get(old.length(4)?..)?;
    let header = Header::read(rest)?;
    let body = rest.get(44..)?;
    let mut zone = block(&header, body, 8)?;
    let footer = body.get(header.length(8)?..)?;
    zone.rule = rule(std::str::from_utf8(footer).ok()?.trim_matches('\n'));
    Some(zone)
}

fn block(header: &Header, body: &[u8], time_size: usize) -> Option<Zone> {
    let [_, _, _, times, types, _] = header.counts;
    let moments = body.get(..times.checked_mul(time_size)?)?;
    let kinds = body.get(moments.len()..moments.len() + times)?;
    let table = body.get(moments.len() + times..)?.get(..types.checked_mul(6)?)?;
    let offset = |kind: usize| number(table.get(kind * 6..kind * 6 + 4)?);
    let mut jumps = Vec::with_capacity(times);
    for (moment, kind) in moments.chunks_exact(time_size).zip(kinds) {
        jumps.push((number(moment)?, offset(usize::from(*kind))?));
    }
    Some(Zone { jumps, first: offset(0)?, rule: None })
}

/// A signed big-endian number of 4 or 8 bytes.
fn number(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

fn rule(text: &str) -> Option<Rule> {
    let mut fields = text.split(',');
    let rest = after_name(fields.next()?)?;
    let (west, rest) = clock(rest)?;
    let standard = -west;
    if rest.is_empty() {
        return Some(Rule { standard, summer: None });
    }
    let rest = after_name(rest)?;
    let offset = if rest.is_empty() { standard + 3600 } else { -clock(rest)?.0 };
    let begins = switch(fields.next().unwrap_or("M3.2.0"))?;
    let ends = switch(fields.next().unwrap_or("M11.1.0"))?;
    Some(Rule { standard, summer: Some(Summer { offset, begins, ends }) })
}

fn after_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    if end < 3 { None } else { text.get(end..) }
}

/// `[+-]hours[:minutes[:seconds]]` and what follows it.
fn clock(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | ':')).unwrap_or(text.len());
    let (clock, rest) = text.split_at(end);
    let (sign, digits) = match clock.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, clock.trim_start_matches('+')),
    };
    let mut seconds = 0;
    for (part, unit) in digits.split(':').zip([3600, 60, 1]) {
        seconds += part.parse::<i64>().ok()? * unit;
    }
    Some((sign * seconds, rest))
}

fn switch(text: &str) -> Option<Switch> {
    let (day, time) = text.split_once('/').unwrap_or((text, "2"));
    let day = match day.strip_prefix('M') {
        Some(week) => {
            let mut numbers = week.split('.').map(str::parse::<i64>);
            Day::Week(numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?)
        }
        None => match day.strip_prefix('J') {
            Some(day) => Day::Julian(day.parse().ok()?),
            None => Day::Plain(day.parse().ok()?),
        },
    };
    Some(Switch { day, time: clock(time)?.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_both_hemispheres_switch_at_the_right_second() {
        let berlin = Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3");
        // 2026-03-29 01:00:00 UTC and 2026-10-25 01:00:00 UTC.
        assert_eq!((berlin.offset(1_774_745_999), berlin.offset(1_774_746_000)), (3600, 7200));
        assert_eq!((berlin.offset(1_792_889_999), berlin.offset(1_792_890_000)), (7200, 3600));
        let sydney = Zone::of_rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
        assert_eq!((sydney.offset(1_767_225_600), sydney.offset(1_782_864_000)), (39_600, 36_000));
        assert_eq!(Zone::of_rule("<-03>3").offset(0), -10_800);
    }

    #[test]
    fn a_file_s_jumps_come_before_its_rule() {
        let mut bytes = b"TZif2".to_vec();
        bytes.extend([0; 15]);
        bytes.extend([0; 24]);
        bytes.extend(b"TZif2");
        bytes.extend([0; 15]);
        for count in [0_u32, 0, 0, 1, 2, 4] {
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend(1000_i64.to_be_bytes());
        bytes.push(1);
        for offset in [100_i32, 200] {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([0, 0]);
        }
        bytes.extend(b"ABC\0\nABC-1\n");
        let zone = Zone::of_file(&bytes);
        assert_eq!((zone.offset(999), zone.offset(1000)), (100, 3600));
        assert_eq!(Zone::of_file(b"nonsense").offset(5), 0);
    }
}
