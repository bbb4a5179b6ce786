//! Any bytes as firmware's tables, in the form of `dmidecode --dump-bin`: the entry point, from byte 32 on the structures.
//! No panic, no reading without end, and hiding serial numbers keeps every structure in its place.
#![no_main]

#[path = "../../agent/src/facts/smbios/mod.rs"]
mod smbios;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (point, table) = input.split_at(input.len().min(32));
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
        let _ = (smbios::chassis(&structures), smbios::onboard(&structures), smbios::slots(&structures), smbios::ipmi(&structures));
    }
    assert_eq!(smbios::without_serials(table.to_vec()).len(), table.len(), "hiding changes no place");
});
