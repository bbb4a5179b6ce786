//! Time zones from TZif files (RFC 9636) and their POSIX rules: a static program has no C library that knows them.

use super::clock::{date, days};

/// A zone's time at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Seconds east of Greenwich.
    pub offset: i64,
    /// Abbreviation (`CET`).
    pub name: String,
    /// Summer time.
    pub summer: bool,
}

/// A time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// When each change happens and the index of what holds from then on.
    changes: Vec<(i64, usize)>,
    kinds: Vec<Local>,
    rule: Option<Rule>,
}

/// What repeats every year: `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    standard: Local,
    summer: Option<(Local, Day, Day)>,
}

/// A day of the year and a second of it, in the time that then holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Day {
    date: Date,
    second: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Date {
    /// Month, week (5: last), weekday.
    Weekday(i64, i64, i64),
    /// Day 1 to 365, never the leap day.
    Julian(i64),
    /// Day 0 to 365.
    Ordinal(i64),
}

/// Takes big-endian numbers off a file.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn number(&mut self, width: usize) -> Option<i64> {
        let bytes = self.take(width)?;
        let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        let start = if negative { -1 } else { 0 };
        Some(bytes.iter().fold(start, |number: i64, byte| (number << 8) | i64::from(*byte)))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number(4)?).ok()
    }
}

impl Zone {
    /// Reads a compiled zone; `None` when it is none.
    pub fn parse(file: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(file);
        let (version, counts) = header(&mut bytes)?;
        if version < b'2' {
            return Self::table(&mut bytes, &counts, 4);
        }
        // The first block, of 32-bit times, is for old readers.
        bytes.take(counts.length(4)?)?;
        let (_, counts) = header(&mut bytes)?;
        let mut zone = Self::table(&mut bytes, &counts, 8)?;
        let rest = std::str::from_utf8(bytes.0).ok()?;
        zone.rule = rest.trim_matches('\n').lines().next().and_then(rule);
        Some(zone)
    }

    /// From a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`); UTC where it is none.
    pub fn of_rule(text: &str) -> Self {
        Self { rule: rule(text), ..Self::default() }
    }

    fn table(bytes: &mut Bytes<'_>, counts: &Counts, width: usize) -> Option<Self> {
        let mut times = Vec::new();
        for _ in 0..counts.times {
            times.push(bytes.number(width)?);
        }
        let indexes = bytes.take(counts.times)?;
        let changes = times.into_iter().zip(indexes.iter().map(|index| usize::from(*index))).collect();
        let mut raw = Vec::new();
        for _ in 0..counts.kinds {
            let offset = bytes.number(4)?;
            let fields = bytes.take(2)?;
            let [summer, name] = *fields else { return None };
            raw.push((offset, summer != 0, usize::from(name)));
        }
        let names = bytes.take(counts.letters)?;
        bytes.take(counts.tail(width)?)?;
        let kind = |(offset, summer, start): (i64, bool, usize)| {
            let name = names.get(start..)?.split(|byte| *byte == 0).next()?;
            Some(Local { offset, name: String::from_utf8_lossy(name).into_owned(), summer })
        };
        Some(Self { changes, kinds: raw.into_iter().map(kind).collect::<Option<_>>()?, rule: None })
    }

    /// What holds at a moment.
    pub fn at(&self, seconds: i64) -> Local {
        let after = self.changes.partition_point(|(time, _)| *time <= seconds);
        if after == self.changes.len()
            && let Some(rule) = &self.rule
        {
            return rule.at(seconds);
        }
        let index = match after.checked_sub(1).and_then(|index| self.changes.get(index)) {
            Some((_, kind)) => *kind,
            None => 0,
        };
        let utc = || Local { offset: 0, name: "UTC".to_owned(), summer: false };
        self.kinds.get(index).cloned().unwrap_or_else(utc)
    }

    /// Abbreviation of summer time, or of standard time in a zone without it.
    pub fn summer_name(&self) -> String {
        match &self.rule {
            Some(Rule { summer: Some((summer, _, _)), .. }) => summer.name.clone(),
            Some(rule) => rule.standard.name.clone(),
            None => self
                .kinds
                .iter()
                .rev()
                .find(|kind| kind.summer)
                .map_or_else(|| self.at(i64::MAX).name, |kind| kind.name.clone()),
        }
    }
}

/// How much a block holds.
struct Counts {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

impl Counts {
    /// Length of what follows the abbreviations.
    fn tail(&self, width: usize) -> Option<usize> {
        self.leaps.checked_mul(width + 4)?.checked_add(self.standard)?.checked_add(self.universal)
    }

    /// Length of the whole block.
    fn length(&self, width: usize) -> Option<usize> {
        let table = self.times.checked_mul(width + 1)?.checked_add(self.kinds.checked_mul(6)?)?;
        table.checked_add(self.letters)?.checked_add(self.tail(width)?)
    }
}

fn header(bytes: &mut Bytes<'_>) -> Option<(u8, Counts)> {
    if bytes.take(4)? != b"TZif" {
        return None;
    }
    let version = *bytes.take(16)?.first()?;
    let counts = Counts {
        universal: bytes.count()?,
        standard: bytes.count()?,
        leaps: bytes.count()?,
        times: bytes.count()?,
        kinds: bytes.count()?,
        letters: bytes.count()?,
    };
    Some((version, counts))
}

impl Rule {
    fn at(&self, seconds: i64) -> Local {
        let Some((summer, start, end)) = &self.summer else { return self.standard.clone() };
        let (year, _, _) = date(seconds.saturating_add(self.standard.offset).div_euclid(86_400));
        let begins = start.seconds(year) - self.standard.offset;
        let ends = end.seconds(year) - summer.offset;
        let inside = if begins < ends {
            (begins..ends).contains(&seconds)
        } else {
            // South of the equator summer spans the new year.
            !(ends..begins).contains(&seconds)
        };
        if inside { summer.clone() } else { self.standard.clone() }
    }
}

impl Day {
    fn seconds(&self, year: i64) -> i64 {
        let first = days(year, 1, 1);
        let leap = days(year + 1, 1, 1) - first == 366;
        let day = match self.date {
            Date::Ordinal(day) => first + day,
            Date::Julian(day) => first + day - 1 + i64::from(leap && day > 59),
            Date::Weekday(month, week, weekday) => {
                let start = days(year, month, 1);
                let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
                let mut day = start + (weekday - (start + 4)).rem_euclid(7) + (week - 1) * 7;
                while day >= next {
                    day -= 7;
                }
                day
            }
        };
        day * 86_400 + self.second
    }
}

fn rule(text: &str) -> Option<Rule> {
    let mut parts = text.split(',');
    let (name, rest) = abbreviation(parts.next()?)?;
    let (offset, rest) = clock(rest)?;
    let standard = Local { offset: -offset, name, summer: false };
    if rest.is_empty() {
        return Some(Rule { standard, summer: None });
    }
    let (name, rest) = abbreviation(rest)?;
    let offset = if rest.is_empty() { standard.offset + 3600 } else { -clock(rest)?.0 };
    // Without dates the rule of the United States holds, as in glibc.
    let (start, end) = (day(parts.next().unwrap_or("M3.2.0"))?, day(parts.next().unwrap_or("M11.1.0"))?);
    Some(Rule { standard, summer: Some((Local { offset, name, summer: true }, start, end)) })
}

fn abbreviation(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, rest) = rest.split_once('>')?;
        return Some((name.to_owned(), rest));
    }
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name.len() >= 3).then(|| (name.to_owned(), rest))
}

/// `-1`, `3:30`, `+2:00:00` in seconds, and what follows.
fn clock(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && !"+-:".contains(letter)).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in digits.split(':') {
        seconds += part.parse::<u16>().ok().map(i64::from)? * unit;
        unit /= 60;
    }
    Some((sign * seconds, rest))
}

fn day(text: &str) -> Option<Day> {
    let (date, second) = match text.split_once('/') {
        Some((date, time)) => (date, clock(time)?.0),
        None => (text, 7200),
    };
    let within = |number: &str, low: i64, high: i64| number.parse().ok().filter(|number| (low..=high).contains(number));
    let date = if let Some(rest) = date.strip_prefix('M') {
        let mut numbers = rest.split('.');
        Date::Weekday(within(numbers.next()?, 1, 12)?, within(numbers.next()?, 1, 5)?, within(numbers.next()?, 0, 6)?)
    } else if let Some(rest) = date.strip_prefix('J') {
        Date::Julian(within(rest, 1, 365)?)
    } else {
        Date::Ordinal(within(date, 0, 365)?)
    };
    Some(Day { date, second })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn rules_of_both_hemispheres() {
        let berlin = rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026: summer time from 29 March 01:00 UTC until 25 October 01:00 UTC.
        let spring = days(2026, 3, 29) * 86_400 + 3600;
        let autumn = days(2026, 10, 25) * 86_400 + 3600;
        assert_eq!((berlin.at(spring - 1).name.as_str(), berlin.at(spring).name.as_str()), ("CET", "CEST"));
        assert_eq!((berlin.at(autumn - 1).offset, berlin.at(autumn).offset), (7200, 3600));
        let sydney = rule("AEST-10AEDT,M10.1.0,M4.1.0/3").unwrap();
        assert!(sydney.at(days(2026, 1, 15) * 86_400).summer && !sydney.at(days(2026, 7, 15) * 86_400).summer);
        assert_eq!(rule("<-03>3").unwrap().standard, Local { offset: -10_800, name: "-03".to_owned(), summer: false });
        assert_eq!(rule("<+0545>-5:45").unwrap().standard.offset, 20_700);
        assert_eq!(rule("nonsense"), None);
    }

    #[test]
    fn a_small_file() {
        let block = |width: usize| {
            let mut bytes = b"TZif2".to_vec();
            bytes.extend([0; 15]);
            for count in [0_u32, 0, 0, 1, 2, 8] {
                bytes.extend(count.to_be_bytes());
            }
            let time = 1000_i64.to_be_bytes();
            bytes.extend(time.iter().skip(8 - width));
            bytes.push(1);
            bytes.extend([0, 0, 0, 0, 0, 0]);
            bytes.extend([0xff, 0xff, 0xf1, 0xf0, 1, 4]);
            bytes.extend(b"LMT\0XST\0");
            bytes
        };
        let mut file = block(4);
        file.extend(block(8));
        file.extend(b"\n\n");
        let zone = Zone::parse(&file).unwrap();
        assert_eq!(zone.at(999).name, "LMT");
        assert_eq!(zone.at(1000), Local { offset: -3600, name: "XST".to_owned(), summer: true });
        for length in 0..file.len() - 2 {
            assert!(Zone::parse(&file[..length]).is_none(), "{length}");
        }
        file.truncate(file.len() - 2);
        file.extend(b"\nABC-1\n");
        let zone = Zone::parse(&file).unwrap();
        assert_eq!((zone.at(999).name.as_str(), zone.at(1000).offset), ("LMT", 3600));
    }
}
