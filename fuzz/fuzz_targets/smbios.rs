//! Any bytes as firmware's tables: no panic, and no reading without end.
#![no_main]

#[path = "../../agent/src/facts/smbios/mod.rs"]
mod smbios;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (point, table) = input;
    let whole = smbios::Entry { major: 3, minor: 6, length: usize::MAX, count: None };
    let entry = smbios::entry(point).unwrap_or(whole);
    for entry in [entry, whole] {
        let (structures, _) = smbios::structures(table, entry);
        assert!(structures.len() <= table.len() / 6 + 1, "a structure has at least six bytes");
        let system = smbios::system(&structures);
        let processors = smbios::processors(&structures);
        let devices = smbios::devices(&structures, system.vendor.as_deref(), &processors);
        let _ = (smbios::population(&devices), smbios::arrays(&structures), smbios::caches(&structures));
        let _ = (smbios::bios(&structures), smbios::board(&structures), smbios::boards(&structures));
        let _ = (smbios::chassis(&structures), smbios::onboard(&structures), smbios::slots(&structures));
    }
});
