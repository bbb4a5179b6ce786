//! Drawings of this machine with real VMs on it, over real SSH.
#![expect(clippy::expect_used, reason = "tests")]

use luthier_tests::libvirtd::Libvirtd;
use luthier_tests::sshd::Site;

/// A domain without a disk: its firmware waits, and its virtual CPUs are there.
fn domain(name: &str, cputune: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>2</vcpu><iothreads>1</iothreads>{cputune}\
         <os><type arch='x86_64' machine='q35'>hvm</type></os>\
         <devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/></devices></domain>"
    )
}

/// The lines of a drawing that are about this VM: its row below the CPUs and what is said of it.
fn about<'a>(drawing: &'a str, name: &str) -> Vec<&'a str> {
    drawing.lines().filter(|line| line.contains(name)).collect()
}

#[test]
fn pins_of_real_vms_are_drawn() {
    let Some(daemon) = Libvirtd::start() else { return };
    let Some(site) = Site::builder().hosts(1).start() else { return };
    if std::thread::available_parallelism().map_or(1, std::num::NonZero::get) < 2 {
        luthier_tests::skip("pins need two CPUs");
        return;
    }
    let (pinned, floating) = (format!("pin{}", std::process::id()), format!("flo{}", std::process::id()));
    let cputune = "<cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='1' cpuset='0'/><emulatorpin cpuset='0'/>\
                   <iothreadpin iothread='1' cpuset='1'/></cputune>";
    let _one = daemon.guest(&domain(&pinned, cputune));
    let _other = daemon.guest(&domain(&floating, ""));
    let text = site.luthier().call(["topo", "--vms"]).exits(0).stdout.clone();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let said = text.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        format!("{pinned} · 2 vCPUs pinned · "),
        format!("{floating} · 2 vCPUs float over all CPUs · "),
        "emulator on CPUs 0 · I/O thread 1 on CPU 1".to_owned(),
    ] {
        assert!(said.contains(&words), "{words}\n{text}");
    }
    // Virtual CPU 1 sits on CPU 0, and 0 on 1: on the threads of one core, or on a core each.
    let rows = about(&text, &pinned);
    let row = rows.first().expect("its row");
    assert!(
        row.contains("1+0")
            || row.split_whitespace().rev().take_while(|word| !word.contains("pin")).any(|word| word == "1"),
        "{text}"
    );
    assert_eq!(about(&text, &floating).len(), 1, "it has no row below the CPUs\n{text}");
    let warned = daemon.virsh(&["vcpupin", &pinned, "0", "0", "--live"]);
    let text = site.luthier().call(["topo", "--vms"]).exits(0).stdout.clone();
    let warning = format!("!! {pinned}: more than one of its vCPUs is pinned to CPU 0");
    assert!(text.contains(&warning), "{warned}{text}");
    let picture = site.luthier().call(["topo", "--vms", "--format", "svg"]).exits(0).stdout.clone();
    assert!(picture.contains(&pinned) && picture.contains("class=\"clash\""), "{picture}");
    // Nobody asked for VMs.
    let plain = site.luthier().call(["topo"]).exits(0).stdout.clone();
    assert!(!plain.contains(&pinned), "{plain}");
}
