//! `ksm`: kernel samepage merging, every file of its folder. The kernel's account: `Documentation/admin-guide/mm/ksm.rst`.

use super::probe::{Probe, chosen};
use super::{FactError, FactSource};
use crate::host::Host;
use luthier_protocol::{Map, Value};

const FOLDER: &str = "/sys/kernel/mm/ksm";

/// The source of `ksm`.
#[derive(Debug)]
pub struct Ksm;

impl FactSource for Ksm {
    fn key(&self) -> &'static str {
        "ksm"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let Some(names) = probe.list("ksm", FOLDER) else { return Value::Null };
        let mut ksm = Map::new();
        for name in names {
            let text = probe.text(&format!("ksm.{name}"), &format!("{FOLDER}/{name}"));
            let value = match text {
                None => Value::Null,
                Some(text) => match text.parse::<i64>() {
                    Ok(number) => Value::from(number),
                    Err(_) => Value::from(chosen(&text)),
                },
            };
            ksm.insert(name, value);
        }
        Value::Object(ksm)
    }
}
