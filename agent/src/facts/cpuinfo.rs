//! `/proc/cpuinfo` in the forms that processor families give it.

use super::cpuset::CpuSet;

/// A field of the first processor: `name : value`, names compared exactly.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| value(line, name))
}

fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    (key.trim_end() == name).then(|| value.trim())
}

/// The vendor as the processor names itself.
pub fn vendor(text: &str) -> Option<String> {
    let fields = ["vendor_id", "vendor", "CPU implementer"];
    fields.iter().find_map(|name| field(text, name)).filter(|vendor| !vendor.is_empty()).map(str::to_owned)
}

/// The model in the words of the family.
pub fn model(text: &str) -> Option<String> {
    let fields = ["model name", "Model Name", "cpu model", "cpu", "uarch", "Processor"];
    if let Some(model) = fields.iter().find_map(|name| field(text, name)).filter(|model| !model.is_empty()) {
        return Some(model.to_owned());
    }
    if let (Some(implementer), Some(part)) = (field(text, "CPU implementer"), field(text, "CPU part")) {
        return arm_core(implementer, part).map(str::to_owned);
    }
    // s390: `processor 1: version = 00,  identification = 279F25,  machine = 2817`
    let machine = text.lines().find_map(|line| {
        line.strip_prefix("processor ")
            .and_then(|rest| rest.split_once("machine = "))
            .map(|(_, machine)| machine.trim())
    })?;
    Some(format!("machine {machine}"))
}

/// Names of the Arm cores that servers have, by implementer and part.
fn arm_core(implementer: &str, part: &str) -> Option<&'static str> {
    let name = match (implementer, part) {
        ("0x41", "0xd03") => "Cortex-A53",
        ("0x41", "0xd05") => "Cortex-A55",
        ("0x41", "0xd07") => "Cortex-A57",
        ("0x41", "0xd08") => "Cortex-A72",
        ("0x41", "0xd0a") => "Cortex-A75",
        ("0x41", "0xd0b") => "Cortex-A76",
        ("0x41", "0xd0c") => "Neoverse-N1",
        ("0x41", "0xd40") => "Neoverse-V1",
        ("0x41", "0xd49") => "Neoverse-N2",
        ("0x41", "0xd4f") => "Neoverse-V2",
        ("0x41", "0xd84") => "Neoverse-V3",
        ("0x41", "0xd8e") => "Neoverse-N3",
        ("0x42", "0x516") | ("0x43", "0x0af") => "ThunderX2",
        ("0x43", "0x0a1") => "ThunderX",
        ("0x48", "0xd01") => "Kunpeng-920",
        ("0x50", "0x000") => "X-Gene",
        ("0xc0", "0xac3") => "Ampere-1",
        ("0xc0", "0xac4") => "Ampere-1a",
        _ => return None,
    };
    Some(name)
}

/// The features of the first processor.
pub fn flags(text: &str) -> Option<Vec<String>> {
    let fields = ["flags", "features", "Features", "isa"];
    let text = fields.iter().find_map(|name| field(text, name))?;
    let separator = |letter: char| letter.is_whitespace() || letter == ',';
    Some(text.split(separator).filter(|flag| !flag.is_empty()).map(str::to_owned).collect())
}

/// The numbers of the processors it lists.
pub fn processors(text: &str) -> CpuSet {
    text.lines()
        .filter_map(|line| {
            if let Some(number) = value(line, "processor") {
                return number.parse().ok();
            }
            // s390 writes `processor 1: version = …`, sparc `CPU6:		online`.
            let (key, rest) = line.split_once(':')?;
            if let Some(number) = key.strip_prefix("processor ") {
                return number.trim().parse().ok();
            }
            key.strip_prefix("CPU").filter(|_| rest.trim() == "online")?.parse().ok()
        })
        .collect()
}

/// Package and core of each processor where the file tells them (x86, ia64, loongarch): (cpu, package, core).
pub fn places(text: &str) -> Vec<(u32, u32, u32)> {
    let mut found = Vec::new();
    let (mut cpu, mut package, mut core) = (None, None, None);
    for line in text.lines().chain(std::iter::once("processor: end")) {
        if let Some(number) = value(line, "processor") {
            if let (Some(cpu), Some(package), Some(core)) = (cpu, package, core) {
                found.push((cpu, package, core));
            }
            (cpu, package, core) = (number.parse().ok(), None, None);
        } else if let Some(number) = value(line, "physical id").or_else(|| value(line, "package")) {
            package = number.parse().ok();
        } else if let Some(number) = value(line, "core id").or_else(|| value(line, "core")) {
            core = number.parse().ok();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        assert_eq!(model("processor\t: 0\nmodel name\t: Xeon\n").as_deref(), Some("Xeon"));
        assert_eq!(model("processor\t: 0\ncpu\t\t: POWER7\n").as_deref(), Some("POWER7"));
        assert_eq!(model("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n").as_deref(), Some("Neoverse-N1"));
        let s390 = "vendor_id       : IBM/S390\nprocessor 1: version = 00,  identification = 1,  machine = 2817\n";
        assert_eq!(model(s390).as_deref(), Some("machine 2817"));
        assert_eq!(processors(s390).to_vec(), [1]);
        assert_eq!(processors("CPU6:\t\tonline\nCPU7:\t\toffline\n").to_vec(), [6]);
        assert_eq!(processors("processor  : 0\n\nprocessor  : 3\n").to_vec(), [0, 3]);
    }

    #[test]
    fn features_and_places() {
        let text = "processor : 0\nphysical id : 1\ncore id : 2\nfeatures : branchlong, 16-byte\n\nprocessor : 1\nphysical id : 1\ncore id : 3\n";
        assert_eq!(flags(text), Some(vec!["branchlong".to_owned(), "16-byte".to_owned()]));
        assert_eq!(places(text), [(0, 1, 2), (1, 1, 3)]);
    }
}
