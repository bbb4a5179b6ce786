//! `kernel`: release, boot parameters, build options.

use super::probe::Probe;
use super::{FactError, FactSource};
use crate::host::order::map;
use crate::host::{Host, gunzip};
use luthier_protocol::Value;
use luthier_protocol::facts::Fact;
use std::collections::BTreeMap;
use std::io::Read;

/// Build options that bear on VMs and their tuning.
const OPTIONS: [&str; 16] = [
    "CONFIG_CGROUP_HUGETLB",
    "CONFIG_CPU_ISOLATION",
    "CONFIG_HUGETLBFS",
    "CONFIG_KSM",
    "CONFIG_KVM",
    "CONFIG_NO_HZ_FULL",
    "CONFIG_NUMA",
    "CONFIG_NUMA_BALANCING",
    "CONFIG_NUMA_BALANCING_DEFAULT_ENABLED",
    "CONFIG_PREEMPT_RT",
    "CONFIG_PSI",
    "CONFIG_PTP_1588_CLOCK_KVM",
    "CONFIG_TRANSPARENT_HUGEPAGE",
    "CONFIG_VFIO_PCI",
    "CONFIG_VHOST_NET",
    "CONFIG_X86_CPU_RESCTRL",
];

/// The unpacked options of a kernel are some 300 KiB; more is not believed.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;

/// The source of `kernel`.
#[derive(Debug)]
pub struct Kernel;

impl FactSource for Kernel {
    fn key(&self) -> &'static str {
        "kernel"
    }

    fn read(&self, host: &Host, errors: &mut Vec<FactError>) -> Value {
        let mut probe = Probe::new(host, errors);
        let release = probe.text("kernel.release", "/proc/sys/kernel/osrelease");
        let arch = "/proc/sys/kernel/arch";
        let architecture = probe.quiet(arch).map(str::to_owned).or_else(|| host.uname().map(|uname| uname.machine));
        if architecture.is_none() {
            probe.note("kernel.architecture", arch, "no such file");
        }
        let cmdline = probe.file("kernel.cmdline", "/proc/cmdline").map(|text| words(&text));
        if cmdline.is_none() {
            probe.note("kernel.parameters", "/proc/cmdline", "no such file");
        }
        let kernel = luthier_protocol::facts::Kernel {
            config: config(&mut probe, release.as_deref()),
            version: probe.text("kernel.version", "/proc/sys/kernel/version"),
            release,
            architecture,
            parameters: cmdline.as_deref().map(parameters),
            cmdline,
        };
        kernel.value()
    }
}

/// The boot parameters: split at white space outside double quotes, quotes removed.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Parameters by name; of a repeated one the last counts.
fn parameters(words: &[String]) -> BTreeMap<String, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (word.clone(), String::new()),
    };
    map(words.iter().map(pair))
}

fn config(probe: &mut Probe<'_>, release: Option<&str>) -> Option<BTreeMap<String, String>> {
    if let Some(release) = release
        && let Some(text) = probe.quiet_file(&format!("/boot/config-{release}"))
    {
        return Some(options(text));
    }
    let packed = "/proc/config.gz";
    match probe.host.read(packed) {
        Ok(bytes) => match unpack(&bytes) {
            Ok(found) => Some(found),
            Err(error) => {
                probe.note("kernel.config", packed, &format!("unpacking failed: {error}"));
                None
            }
        },
        Err(_) => {
            probe.note("kernel.config", packed, "no such file, nor /boot/config-RELEASE");
            None
        }
    }
}

/// The options of a packed file, unpacked piece by piece and no further than the last one sought.
fn unpack(bytes: &[u8]) -> std::io::Result<BTreeMap<String, String>> {
    let mut found = unset();
    let mut unpacked = gunzip(bytes)?.take(CONFIG_LIMIT);
    let mut buffer = vec![0; 32 * 1024];
    let mut kept = 0;
    let mut seen = 0;
    loop {
        if kept == buffer.len() {
            return Err(std::io::Error::other("a line is too long"));
        }
        let count = unpacked.read(buffer.get_mut(kept..).unwrap_or_default())?;
        let filled = kept + count;
        let ready = if count == 0 { filled } else { last_line(buffer.get(..filled).unwrap_or_default()) };
        let text = String::from_utf8_lossy(buffer.get(..ready).unwrap_or_default());
        seen += text.lines().filter(|line| option(line, &mut found)).count();
        if count == 0 || seen == OPTIONS.len() {
            return Ok(found);
        }
        buffer.copy_within(ready..filled, 0);
        kept = filled - ready;
    }
}

/// Where the last whole line ends.
fn last_line(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1)
}

/// Takes a line's value; whether the line is about an option sought, set or not.
fn option(line: &str, found: &mut BTreeMap<String, String>) -> bool {
    if let Some(name) = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set")) {
        return found.contains_key(name);
    }
    if let Some((name, value)) = line.split_once('=')
        && let Some(slot) = found.get_mut(name)
    {
        *slot = value.trim_matches('"').to_owned();
        return true;
    }
    false
}

/// Every option as if it were not set.
fn unset() -> BTreeMap<String, String> {
    map(OPTIONS.iter().map(|name| ((*name).to_owned(), "n".to_owned())))
}

fn options(text: &str) -> BTreeMap<String, String> {
    let mut found = unset();
    for line in text.lines() {
        option(line, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn boot_parameters() {
        let words = words("root=/dev/sda1 quiet dyndbg=\"file a +p\" isolcpus=1 isolcpus=2\n");
        assert_eq!(words, ["root=/dev/sda1", "quiet", "dyndbg=file a +p", "isolcpus=1", "isolcpus=2"]);
        let parameters = parameters(&words);
        assert_eq!(parameters["isolcpus"], "2");
        assert_eq!(parameters["quiet"], "");
    }

    #[test]
    fn build_options() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["proc/sys/kernel", "boot"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("proc/sys/kernel/osrelease"), "6.1.0\n").unwrap();
        std::fs::write(root.path().join("boot/config-6.1.0"), "CONFIG_KSM=y\n# CONFIG_NUMA is not set\nCONFIG_KVM=m\n")
            .unwrap();
        let mut errors = Vec::new();
        let kernel = Kernel.read(&Host::under(root.path()), &mut errors);
        assert_eq!(kernel["config"]["CONFIG_KSM"], "y");
        assert_eq!(kernel["config"]["CONFIG_NUMA"], "n");
        assert_eq!(kernel["cmdline"], Value::Null);
        assert!(errors.iter().any(|error| error.key == "kernel.cmdline" && error.reason == "no such file"));
    }

    #[test]
    fn packed_build_options() {
        let mut text: String = (0..5000).map(|number| format!("CONFIG_OPTION_{number}=y\n")).collect();
        text.push_str("CONFIG_KSM=y\n# CONFIG_NUMA is not set\nCONFIG_KVM=m");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
        let packed = packer.finish().unwrap();
        let found = unpack(&packed).unwrap();
        assert_eq!((&*found["CONFIG_KSM"], &*found["CONFIG_NUMA"], &*found["CONFIG_KVM"]), ("y", "n", "m"));
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
    }
}
