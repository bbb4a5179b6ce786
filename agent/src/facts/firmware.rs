//! `firmware`: what the firmware's SMBIOS tables say, else the names of `/sys/class/dmi/id`, which everybody may read. The
//! kernel's account: `Documentation/ABI/testing/sysfs-firmware-dmi-tables`.

use super::probe::Probe;
use super::smbios::{self, Entry, Structure};
use super::{FactError, FactSource};
use crate::host::order::sort_by;
use crate::host::{Civil, Host};
use luthier_protocol::Value;
use luthier_protocol::facts::EntryPoint;
use luthier_protocol::facts::Fact;

/// Folder of the tables.
pub const TABLES: &str = "/sys/firmware/dmi/tables";
const ENTRIES: &str = "/sys/firmware/dmi/entries";
const NAMES: &str = "/sys/class/dmi/id";

/// The source of `firmware`.
#[derive(Debug)]
pub struct Firmware;

impl FactSource for Firmware {
    fn key(&self) -> &'static str {
        "firmware"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let tables = Tables::read(&mut probe);
        let (structures, whole) = tables.structures();
        if !whole {
            probe.note(
                "firmware",
                &format!("{TABLES}/DMI"),
                "the table is cut short or malformed; the rest is left out",
            );
        }
        if let Some(reason) = [4, 7, 16, 17, 41].into_iter().find_map(|kind| smbios::crowded(&structures, kind)) {
            probe.note("firmware", &format!("{TABLES}/DMI"), &reason);
        }
        let there = !structures.is_empty();
        let mut firmware = decoded(&structures, there);
        firmware.entry_point =
            EntryPoint { version: tables.entry.map(|entry| format!("{}.{}", entry.major, entry.minor)) };
        names(&mut probe, &mut firmware);
        firmware.bios.age_days = firmware.bios.date.as_deref().and_then(|date| age(host, date));
        if !there {
            for key in ["processors", "memory_devices"] {
                let reason = tables.reason.as_deref().unwrap_or("it holds no structures");
                probe.note(&format!("firmware.{key}"), &format!("{TABLES}/DMI"), reason);
            }
        }
        firmware.value()
    }
}

fn decoded(structures: &[Structure<'_>], there: bool) -> luthier_protocol::facts::Firmware {
    let system = smbios::system(structures);
    let processors = smbios::processors(structures);
    let devices = smbios::devices(structures, system.vendor.as_deref(), &processors);
    luthier_protocol::facts::Firmware {
        bios: smbios::bios(structures),
        board: smbios::board(structures),
        chassis: smbios::chassis(structures),
        boards: there.then(|| smbios::boards(structures)),
        caches: there.then(|| smbios::caches(structures)),
        memory_arrays: there.then(|| smbios::arrays(structures)),
        population: there.then(|| smbios::population(&devices)),
        memory_devices: there.then_some(devices),
        onboard: there.then(|| smbios::onboard(structures)),
        ipmi: there.then(|| smbios::ipmi(structures)),
        processors: there.then_some(processors),
        system,
        entry_point: EntryPoint::default(),
    }
}

/// Fills what the tables left open with the names that everybody may read.
fn names(probe: &mut Probe<'_>, firmware: &mut luthier_protocol::facts::Firmware) {
    let mut fill = |place: &mut Option<String>, file: &str| {
        if place.is_none() {
            let text = probe.quiet(&format!("{NAMES}/{file}")).filter(|text| !text.is_empty());
            *place = text.map(str::to_owned);
        }
    };
    fill(&mut firmware.bios.vendor, "bios_vendor");
    fill(&mut firmware.bios.version, "bios_version");
    fill(&mut firmware.bios.date, "bios_date");
    fill(&mut firmware.bios.release, "bios_release");
    fill(&mut firmware.bios.controller_release, "ec_firmware_release");
    fill(&mut firmware.system.vendor, "sys_vendor");
    fill(&mut firmware.system.product, "product_name");
    fill(&mut firmware.system.version, "product_version");
    fill(&mut firmware.system.family, "product_family");
    fill(&mut firmware.system.sku, "product_sku");
    fill(&mut firmware.board.vendor, "board_vendor");
    fill(&mut firmware.board.product, "board_name");
    fill(&mut firmware.board.version, "board_version");
    fill(&mut firmware.chassis.vendor, "chassis_vendor");
    let kind: Option<u8> = probe.quiet_number(&format!("{NAMES}/chassis_type"));
    if firmware.chassis.r#type.is_none() {
        firmware.chassis.r#type = kind.and_then(smbios::chassis_name).map(str::to_owned);
    }
    let known =
        [&firmware.bios.vendor, &firmware.system.vendor, &firmware.board.vendor].iter().any(|text| text.is_some());
    if !known {
        for key in ["bios", "system", "board"] {
            probe.note(&format!("firmware.{key}"), NAMES, "no such file, and no readable SMBIOS table");
        }
    }
}

/// Days since a date `month/day/year`; years of two digits are of the last century, as the standard says.
fn age(host: &Host, date: &str) -> Option<i64> {
    let mut parts = date.split('/').map(|part| part.trim().parse::<i64>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if year < 100 { year + 1900 } else { year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let then = Civil { year, month, day, hour: 0, minute: 0, second: 0 }.seconds();
    Some((host.now_ns() / 1_000_000_000 - then) / 86_400)
}

/// Names `TYPE-INSTANCE` by their numbers.
fn in_order(mut names: Vec<String>) -> Vec<String> {
    let numbers = |name: &str| {
        let (kind, instance) = name.split_once('-')?;
        Some((kind.parse::<u32>().ok()?, instance.parse::<u32>().ok()?))
    };
    sort_by(&mut names, |left, right| numbers(left) > numbers(right));
    names
}

/// The bytes of the tables.
#[derive(Debug, Default)]
pub struct Tables {
    /// The entry point, where there is one.
    pub entry: Option<Entry>,
    bytes: Vec<u8>,
    /// Why there are no bytes.
    reason: Option<String>,
}

impl Tables {
    /// Reads the tables, else the kernel's folder of single structures; both are for root only on a running machine.
    pub fn read(probe: &mut Probe<'_>) -> Self {
        let entry = probe.bytes(&format!("{TABLES}/smbios_entry_point")).ok().and_then(|bytes| smbios::entry(&bytes));
        let reason = match probe.bytes(&format!("{TABLES}/DMI")) {
            Ok(bytes) => return Self { entry, bytes, reason: None },
            Err(reason) => Some(reason),
        };
        let mut bytes = Vec::new();
        for name in in_order(probe.host.list(ENTRIES).unwrap_or_default()) {
            bytes.extend(probe.bytes(&format!("{ENTRIES}/{name}/raw")).unwrap_or_default());
        }
        Self { entry, bytes, reason }
    }

    /// The structures, and whether the table was whole.
    pub fn structures(&self) -> (Vec<Structure<'_>>, bool) {
        let entry = self.entry.unwrap_or(Entry { major: 0, minor: 0, length: usize::MAX, count: None });
        smbios::structures(&self.bytes, entry)
    }
}
