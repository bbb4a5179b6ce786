//! The recap: a line a host as Ansible shows it, equal ones of large fleets folded, totals and time.

use crate::event::{EventStatus, Recap};
use crate::output::{Paint, escape};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::time::Duration;

/// With more hosts than this, those that ended well with equal counts share a line.
pub(super) const EACH: usize = 20;

/// The recap as lines; of more than `each` hosts those that ended well are folded, and left to the totals where it is 0.
pub(super) fn lines(
    recap: &BTreeMap<String, Recap>,
    each: usize,
    elapsed: Option<Duration>,
    paint: Paint,
) -> Vec<String> {
    let mut rows: IndexMap<(Recap, Option<String>), u32> = IndexMap::new();
    for (host, counts) in recap {
        let fold = recap.len() > each && counts.failed == 0 && counts.unreachable == 0;
        let name = if fold { None } else { Some(escape(host).into_owned()) };
        *rows.entry((*counts, name)).or_default() += 1;
    }
    let mut named: Vec<(String, Recap)> =
        rows.into_iter().map(|((counts, name), number)| (name.unwrap_or_else(|| hosts(number)), counts)).collect();
    if each == 0 {
        // All that ended well are in the totals.
        named.retain(|(_, counts)| counts.failed > 0 || counts.unreachable > 0);
    }
    // Whatever needs attention stands last, next to the totals.
    named.sort_by_key(|(_, counts)| counts.failed > 0 || counts.unreachable > 0);
    let width = named.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out: Vec<String> = named
        .iter()
        .map(|(name, counts)| {
            let pad = " ".repeat(width.saturating_sub(name.chars().count()));
            format!("{}{pad} : {}", paint.status(status(counts), name), counts_text(counts, paint))
        })
        .collect();
    if recap.len() > 1 || elapsed.is_some() {
        let time = elapsed.map(|time| format!(" in {}", duration(time))).unwrap_or_default();
        let number = u32::try_from(recap.len()).unwrap_or(u32::MAX);
        out.push(format!("{}{time} : {}", hosts(number), counts_text(&total(recap), paint)));
    }
    out
}

fn hosts(number: u32) -> String {
    if number == 1 { "1 host".to_owned() } else { format!("{number} hosts") }
}

fn status(counts: &Recap) -> EventStatus {
    match counts {
        Recap { failed: 0, unreachable: 0, changed: 0, .. } => EventStatus::Ok,
        Recap { failed: 0, unreachable: 0, .. } => EventStatus::Changed,
        _ => EventStatus::Failed,
    }
}

fn counts_text(counts: &Recap, paint: Paint) -> String {
    let rows = [
        ("ok", counts.ok, Some(EventStatus::Ok)),
        ("changed", counts.changed, Some(EventStatus::Changed)),
        ("unreachable", counts.unreachable, Some(EventStatus::Unreachable)),
        ("failed", counts.failed, Some(EventStatus::Failed)),
        ("skipped", counts.skipped, Some(EventStatus::Skipped)),
        ("rescued", counts.rescued, None),
        ("ignored", counts.ignored, None),
    ];
    let cells: Vec<String> = rows
        .iter()
        .map(|(name, number, status)| {
            // Padded before it is coloured: escape sequences have no width.
            let cell = format!("{:<width$}", format!("{name}={number}"), width = name.len() + 4);
            match status {
                Some(status) if *number > 0 => paint.status(*status, &cell),
                _ => cell,
            }
        })
        .collect();
    cells.join(" ").trim_end().to_owned()
}

fn total(recap: &BTreeMap<String, Recap>) -> Recap {
    recap.values().fold(Recap::default(), |sum, row| Recap {
        ok: sum.ok.saturating_add(row.ok),
        changed: sum.changed.saturating_add(row.changed),
        unreachable: sum.unreachable.saturating_add(row.unreachable),
        failed: sum.failed.saturating_add(row.failed),
        skipped: sum.skipped.saturating_add(row.skipped),
        rescued: sum.rescued.saturating_add(row.rescued),
        ignored: sum.ignored.saturating_add(row.ignored),
    })
}

/// `0.4 s`, `12 s`, `3 min 5 s`, `1 h 2 min`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_of_a_large_fleet_share_a_line() {
        let mut recap: BTreeMap<String, Recap> =
            (0..30).map(|n| (format!("kvm{n:02}"), Recap { ok: 3, changed: 1, ..Recap::default() })).collect();
        recap.insert("kvm07".into(), Recap { failed: 1, ..Recap::default() });
        let text = lines(&recap, EACH, Some(Duration::from_secs(125)), Paint(false));
        assert_eq!(
            text,
            [
                "29 hosts : ok=3   changed=1   unreachable=0   failed=0   skipped=0   rescued=0   ignored=0",
                "kvm07    : ok=0   changed=0   unreachable=0   failed=1   skipped=0   rescued=0   ignored=0",
                "30 hosts in 2 min 5 s : ok=87  changed=29  unreachable=0   failed=1   skipped=0   rescued=0   ignored=0",
            ]
        );
    }

    #[test]
    fn times_read_well() {
        assert_eq!(duration(Duration::from_millis(450)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(3720)), "1 h 2 min");
    }
}
