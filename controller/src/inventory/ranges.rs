//! Host names as inventories write them: ports, IPv6 addresses in brackets, ranges.

use std::net::Ipv6Addr;

/// More names than any inventory has; a range that makes more is a mistake.
const MAX_NAMES: usize = 1_000_000;

/// Splits a host pattern into name and port. `None` when it looks like neither an address nor a host name, with ranges
/// (`[1:3]`) allowed anywhere.
pub fn parse_address(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match split_port(text) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    (is_host_name(host) || is_ipv6(host)).then_some((host, port))
}

/// `[anything]:22` or `name:22`, where the name may hold bracketed parts but no other colon.
fn split_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let port = port.parse().ok()?;
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && !inner.is_empty()
    {
        // `[a]-[b]` is a name with two ranges, not one bracketed address.
        if !inner.contains(['[', ']']) && (is_ipv6(inner) || is_host_name(inner)) {
            return Some((inner, port));
        }
    }
    let mut depth = 0_usize;
    for c in host.chars() {
        match c {
            '[' => depth += 1,
            ']' if depth == 0 => return None,
            ']' => depth -= 1,
            ':' if depth == 0 => return None,
            _ => {}
        }
    }
    (depth == 0).then_some((host, port))
}

/// Labels of letters, digits, `-`, `_` and ranges between dots; none begins with `-` or ends with `-` or `_`.
fn is_host_name(text: &str) -> bool {
    let mut rest = text;
    loop {
        let mut last = None;
        while let Some(c) = rest.chars().next() {
            if c == '[' {
                let Some(end) = rest.find(']') else { return false };
                if !rest.get(1..end).is_some_and(is_range) {
                    return false;
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            } else if c.is_alphanumeric() || c == '_' || (c == '-' && last.is_some()) {
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            } else {
                break;
            }
            last = Some(c);
        }
        if last.is_none_or(|c| c == '-' || c == '_') {
            return false;
        }
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return rest.is_empty(),
        }
    }
}

/// The inside of `[a:f]`, `[01:20]`, `[1:9:2]`.
fn is_range(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let letter = |part: &str| part.len() == 1 && part.bytes().all(|b| b.is_ascii_alphabetic());
    let mut parts = text.split(':');
    let (Some(first), Some(last)) = (parts.next(), parts.next()) else { return false };
    let step = parts.next();
    parts.next().is_none()
        && (digits(first) && digits(last) || letter(first) && letter(last))
        && step.is_none_or(digits)
}

fn is_ipv6(text: &str) -> bool {
    if !text.contains(':') {
        return false;
    }
    if !text.contains('[') {
        return text.parse::<Ipv6Addr>().is_ok();
    }
    // A range stands for one group of digits.
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((range, more)) = after.split_once(']') else { return false };
        let hex = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
        if !(2..=3).contains(&range.split(':').count()) || !range.split(':').all(hex) {
            return false;
        }
        plain.push_str(before);
        plain.push('0');
        rest = more;
    }
    plain.push_str(rest);
    plain.parse::<Ipv6Addr>().is_ok()
}

/// Whether the name is an address, whose first label is then no short name.
pub(super) fn is_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
}

/// A host pattern's names and port: `kvm[01:03]:22` is three hosts with port 22.
///
/// # Errors
/// A range that cannot be expanded; why.
pub fn expand(pattern: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (name, port) = parse_address(pattern).unwrap_or((pattern, None));
    let mut names = Vec::new();
    expand_ranges(name, &mut names)?;
    Ok((names, port))
}

fn expand_ranges(name: &str, out: &mut Vec<String>) -> Result<(), String> {
    let Some((head, rest)) = name.split_once('[') else {
        if out.len() >= MAX_NAMES {
            return Err(format!("the range makes more than {MAX_NAMES} hosts"));
        }
        out.push(name.to_owned());
        return Ok(());
    };
    let (range, tail) = rest.split_once(']').ok_or_else(|| format!("the range in `{name}` is not closed"))?;
    // All ranges to the right are the same for every number of this one.
    let mut tails = Vec::new();
    expand_ranges(tail, &mut tails)?;
    for part in sequence(range)? {
        if out.len() + tails.len() > MAX_NAMES {
            return Err(format!("the range makes more than {MAX_NAMES} hosts"));
        }
        out.extend(tails.iter().map(|tail| format!("{head}{part}{tail}")));
    }
    Ok(())
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn sequence(range: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match bounds.as_slice() {
        [first, last] => (*first, *last, "1"),
        [first, last, step] => (*first, *last, *step),
        _ => return Err(format!("the range [{range}] is not of the form [first:last] or [first:last:step]")),
    };
    let first = if first.is_empty() { "0" } else { first };
    if last.is_empty() {
        return Err(format!("the range [{range}] has no last value"));
    }
    let step: usize = match step.parse() {
        Ok(step) if step > 0 => step,
        _ => return Err(format!("the step of the range [{range}] is no positive number")),
    };
    let letter = |text: &str| (text.len() == 1).then(|| LETTERS.find(text)).flatten();
    if let (Some(from), Some(to)) = (letter(first), letter(last)) {
        if from > to {
            return Err(format!("the range [{range}] ends before it begins"));
        }
        let letters = LETTERS.get(from..=to).unwrap_or_default();
        return Ok(letters.chars().step_by(step).map(String::from).collect());
    }
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` in the range [{range}] is no number"));
    let (from, to) = (number(first)?, number(last)?);
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && width != last.len() {
        return Err(format!("first and last of the range [{range}] are not equally long"));
    }
    if to.saturating_sub(from) / step as u64 >= MAX_NAMES as u64 {
        return Err(format!("the range makes more than {MAX_NAMES} hosts"));
    }
    Ok((from..=to).step_by(step).map(|n| format!("{n:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn names(pattern: &str) -> String {
        expand(pattern).unwrap().0.join(" ")
    }

    #[test]
    fn ranges_expand() {
        assert_eq!(names("a[08:10]"), "a08 a09 a10");
        assert_eq!(names("a[1:5:2].x"), "a1.x a3.x a5.x");
        assert_eq!(names("r[1:2]n[a:b]"), "r1na r1nb r2na r2nb");
        assert_eq!(names("h[3:1]"), "");
        assert_eq!(names("plain"), "plain");
    }

    #[test]
    fn bad_ranges_say_why() {
        for (pattern, why) in [
            ("a[1:", "not closed"),
            ("a[1]", "form"),
            ("a[01:100]", "equally long"),
            ("a[c:a]", "before"),
            ("a[1:9999999]", "more than"),
            ("a[0:999][0:999][0:9]", "more than"),
            ("a[1:3:0]", "step"),
        ] {
            assert!(expand(pattern).unwrap_err().contains(why), "{pattern}");
        }
    }

    #[test]
    fn ports_and_addresses() {
        assert_eq!(parse_address("h1:2222"), Some(("h1", Some(2222))));
        assert_eq!(parse_address("[2001:db8::1]:22"), Some(("2001:db8::1", Some(22))));
        assert_eq!(parse_address("2001:db8::2"), Some(("2001:db8::2", None)));
        assert_eq!(parse_address("2001:db8::[1:f]"), Some(("2001:db8::[1:f]", None)));
        assert_eq!(parse_address("r[1:2].x:5000"), Some(("r[1:2].x", Some(5000))));
        assert_eq!(parse_address("a:b"), None);
        assert_eq!(parse_address("-a"), None);
        assert_eq!(parse_address("a_"), None);
        assert_eq!(expand("*.x:y").unwrap(), (vec!["*.x:y".to_owned()], None));
    }
}
