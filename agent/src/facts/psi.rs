//! `psi`: time lost waiting. The kernel's account: `Documentation/accounting/psi.rst`.

use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use luthier_protocol::facts::{Pressure, PressureLine, PressureLines};

/// The source of `psi`.
#[derive(Debug)]
pub struct Psi;

impl FactSource for Psi {
    fn key(&self) -> &'static str {
        "psi"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let mut lines = |name: &str| {
            let text = probe.file(&format!("psi.{name}"), &format!("/proc/pressure/{name}"))?;
            Some(PressureLines { some: line(&text, "some"), full: line(&text, "full") })
        };
        let pressure = Pressure { cpu: lines("cpu"), memory: lines("memory"), io: lines("io") };
        pressure.value()
    }
}

fn line(text: &str, name: &str) -> Option<PressureLine> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let field = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some(PressureLine {
        avg10: field("avg10")?.parse().ok()?,
        avg60: field("avg60")?.parse().ok()?,
        avg300: field("avg300")?.parse().ok()?,
        total_us: field("total")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn both_lines() {
        let text = "some avg10=0.12 avg60=1.00 avg300=2.50 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7";
        assert_eq!(line(text, "full").unwrap().total_us, 7);
        assert!((line(text, "some").unwrap().avg10 - 0.12).abs() < 1e-9);
        assert_eq!(line("some x", "some"), None);
    }
}
