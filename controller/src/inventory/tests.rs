//! Ansible's own answers for inventories and patterns, and the rules that no such case covers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

use super::*;
use serde_json::Value as Json;
use sha2::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folders of a set of shared cases; none (with a message) where it is absent.
fn cases(set: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("LUTHIER_TESTDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = root.join("compat").join(set);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "{} is missing", folder.display());
        println!("skipped: {} is missing", folder.display());
        return Vec::new();
    };
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("case.json").exists()).collect();
    cases.sort();
    cases
}

fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn load(case: &Path) -> Result<Loaded, Vec<crate::yaml::Diagnostic>> {
    let args = json(&case.join("case.json"))["inventory_args"].clone();
    let source = |arg: &str| {
        let path = case.join("input").join(arg);
        if arg.contains(',') && !path.exists() { arg.to_owned() } else { path.to_string_lossy().into_owned() }
    };
    let sources: Vec<String> = args.as_array().unwrap().iter().map(|arg| source(arg.as_str().unwrap())).collect();
    Inventory::load(&sources, &LoadOptions::default())
}

/// Groups with sorted members, hosts with their variables, the oracle's wrappings taken off; `None` for a value that
/// JSON cannot carry.
fn canonical(listing: &Json) -> BTreeMap<String, Json> {
    let mut out = BTreeMap::new();
    for (group, body) in listing.as_object().unwrap() {
        if group == "_meta" {
            for (host, vars) in body["hostvars"].as_object().unwrap() {
                for (name, value) in vars.as_object().unwrap() {
                    if let Some(value) = plain(value) {
                        out.insert(format!("{host} {name}"), value);
                    }
                }
            }
            continue;
        }
        for (kind, names) in body.as_object().unwrap() {
            let mut names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            names.sort_unstable();
            out.insert(format!("[{group}] {kind}"), names.join(" ").into());
        }
    }
    out
}

fn plain(value: &Json) -> Option<Json> {
    match value {
        Json::Object(map) => match (map.len(), map.iter().next()) {
            (1, Some((key, inner))) if key == "__ansible_unsafe" || key == "__date__" || key == "__datetime__" => {
                plain(inner)
            }
            (1, Some((key, _))) if key == "__ansible_vault" || key == "__float__" || key == "__pairs__" => None,
            _ => map.iter().map(|(k, v)| Some((k.clone(), plain(v)?))).collect::<Option<_>>().map(Json::Object),
        },
        Json::Array(items) => items.iter().map(plain).collect::<Option<_>>().map(Json::Array),
        other => Some(other.clone()),
    }
}

/// Here Ansible walks groups of groups in the order of a Python set, which hangs on memory addresses: the hosts are
/// compared, their order is not.
const CHANCE: [&str; 2] =
    ["commcare-cloud-tests-test-envs-small-cluster-inventory-ini", "kolla-multi-allinone-multinode"];

fn compare_patterns(case: &Path, inventory: &Inventory, wrong: &mut Vec<String>) {
    let name = case.file_name().unwrap().to_string_lossy();
    let Ok(text) = std::fs::read_to_string(case.join("patterns.json")) else { return };
    for entry in serde_json::from_str::<Vec<Json>>(&text).unwrap() {
        let pattern = entry["pattern"].as_str().unwrap();
        let got = inventory.select(pattern);
        let Ok(got) = got else {
            if entry.get("error").is_none() {
                wrong.push(format!("{name} {pattern}: {}", got.unwrap_err()));
            }
            continue;
        };
        let mut hosts: Vec<&str> = got.hosts.iter().map(|host| host.as_str()).collect();
        if let Some(wanted) = entry["hosts"].as_array() {
            let mut wanted: Vec<&str> = wanted.iter().map(|host| host.as_str().unwrap()).collect();
            if CHANCE.contains(&&*name) {
                if pattern.contains('[') {
                    continue;
                }
                wanted.sort_unstable();
                hosts.sort_unstable();
            }
            if wanted != hosts {
                wrong.push(format!("{name} {pattern}:\n  expected {wanted:?}\n  found    {hosts:?}"));
            }
        } else if let Some(count) = entry["count"].as_u64() {
            let digest: String = sha2::Sha256::digest(hosts.join("\n")).iter().map(|b| format!("{b:02x}")).collect();
            if count != hosts.len() as u64 || entry["sha256"] != digest.as_str() {
                wrong.push(format!(
                    "{name} {pattern}: expected {count} hosts, found {} (or another order)",
                    hosts.len()
                ));
            }
        } else {
            wrong.push(format!("{name} {pattern}: expected an error, found {hosts:?}"));
        }
    }
}

#[test]
fn lists_and_selects_as_ansible_does() {
    let mut wrong = Vec::new();
    for case in cases("inventories") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = match load(&case) {
            Ok(loaded) => loaded,
            Err(errors) => {
                wrong.push(format!("{name}: {}", errors[0]));
                continue;
            }
        };
        let wanted = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let wanted = wanted.replace("<INPUT>", &case.join("input").to_string_lossy());
        let wanted = canonical(&serde_json::from_str(&wanted).unwrap());
        let found = canonical(&loaded.inventory.list_json());
        for key in wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key))) {
            if wanted.get(key) != found.get(key) {
                wrong.push(format!("{name} {key}:\n  expected {:?}\n  found    {:?}", wanted.get(key), found.get(key)));
            }
        }
        compare_patterns(&case, &loaded.inventory, &mut wrong);
    }
    let shown: Vec<&String> = wrong.iter().take(30).collect();
    assert!(wrong.is_empty(), "{} differences\n{shown:#?}", wrong.len());
}

#[test]
fn refuses_what_ansible_cannot_read() {
    let mut wrong = Vec::new();
    for case in cases("inventories-bad") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let expected = json(&case.join("expected.json"));
        let answers = |answer: &Json| answer["list"].as_object().is_some_and(|list| list.len() > 2);
        if expected.as_object().unwrap().values().any(answers) {
            continue;
        }
        match load(&case) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(errors) => {
                let input = case.join("input").to_string_lossy().into_owned();
                if !errors.iter().any(|error| error.to_string().contains(&input)) {
                    wrong.push(format!("{name}: names no file: {}", errors[0]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn write(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &tempfile::TempDir, sources: &[&str]) -> Result<Loaded, Vec<crate::yaml::Diagnostic>> {
    let sources: Vec<String> =
        sources.iter().map(|source| folder.path().join(source).to_string_lossy().into_owned()).collect();
    Inventory::load(&sources, &LoadOptions::default())
}

fn var(inventory: &Inventory, host: &str, name: &str) -> String {
    inventory.host_vars(host).get(name).map_or("-".to_owned(), |value| value.to_json().to_string())
}

#[test]
fn variables_lie_over_each_other_as_in_ansible() {
    let folder = write(&[
        ("inv/hosts", "[a]\nh1.x v=host\n[b:children]\na\n[a:vars]\nw=a\n[all:vars]\nw=all\nx=all\n"),
        ("inv/group_vars/all.yml", "w: all-file\nx: all-file\ny: all-file\nv: all-file\n"),
        ("inv/group_vars/b.yml", "y: b-file\nz: b-file\n"),
        ("inv/host_vars/h1.x/main.yml", "z: host-file\n"),
        ("inv/host_vars/other.yml", "[not, read]\n"),
        ("play/group_vars/a.yml", "y: play-a\n"),
        ("play/host_vars/localhost.yml", "here: 1\n"),
    ]);
    let mut inventory = read(&folder, &["inv/hosts"]).unwrap().inventory;
    assert_eq!(var(&inventory, "h1.x", "w"), "\"all-file\"");
    assert_eq!(var(&inventory, "h1.x", "v"), "\"host\"");
    assert_eq!(var(&inventory, "h1.x", "y"), "\"b-file\"");
    assert_eq!(var(&inventory, "h1.x", "z"), "\"host-file\"");
    inventory.set_playbook_dir(&folder.path().join("play")).unwrap();
    assert_eq!(var(&inventory, "h1.x", "y"), "\"play-a\"");
    assert_eq!(var(&inventory, "h1.x", "group_names"), "[\"a\",\"b\"]");
    assert_eq!(var(&inventory, "h1.x", "inventory_hostname_short"), "\"h1\"");
    assert!(var(&inventory, "h1.x", "inventory_file").ends_with("inv/hosts\""));
    assert_eq!(var(&inventory, "localhost", "ansible_connection"), "\"local\"");
    assert_eq!(var(&inventory, "localhost", "here"), "1");
    assert_eq!(var(&inventory, "localhost", "x"), "\"all-file\"");
    assert_eq!(inventory.select("localhost").unwrap().hosts[0].as_str(), "localhost");
}

#[test]
fn a_run_may_add_hosts_and_groups() {
    let folder = write(&[("hosts", "h1\n"), ("group_vars/new.yml", "n: 1\n"), ("host_vars/h2.yml", "m: 2\n")]);
    let mut inventory = read(&folder, &["hosts"]).unwrap().inventory;
    let vars = || [("k".into(), "v".into())].into_iter().collect();
    assert!(inventory.add_host("h2:2222", &["new".to_owned()], vars()).unwrap());
    assert!(!inventory.add_host("h2:2222", &["new".to_owned()], vars()).unwrap());
    for (name, value) in [("n", "1"), ("m", "2"), ("k", "\"v\""), ("ansible_port", "2222")] {
        assert_eq!(var(&inventory, "h2", name), value, "{name}");
    }
    assert!(inventory.add_group_member("by_os", "h1", &["new".to_owned()]).unwrap());
    assert!(!inventory.add_group_member("by_os", "h1", &["new".to_owned()]).unwrap());
    assert_eq!(var(&inventory, "h1", "n"), "1");
    assert_eq!(inventory.groups()["new"].len(), 2);
    assert!(inventory.groups()["ungrouped"].is_empty());
    let circle = inventory.add_group_member("new", "h1", &["by_os".to_owned()]).unwrap_err();
    assert!(circle[0].message.contains("circle"));
}

#[test]
fn limits_keep_the_order_and_read_files() {
    let folder = write(&[("hosts", "[a]\nh[1:5]\n"), ("some", "h4\n\nh2\n")]);
    let inventory = read(&folder, &["hosts"]).unwrap().inventory;
    let left = |limit: &str| {
        let selection = inventory.limit(inventory.hosts(), limit).unwrap();
        selection.hosts.iter().map(|host| host.0.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(inventory.limit(inventory.hosts(), "all:!h22").unwrap().unknown, ["h22"]);
    assert_eq!((inventory.nearest("h22"), inventory.nearest("completely")), (Some("h2"), None));
    assert_eq!(left("h3,h1"), "h1 h3");
    assert_eq!(left(&format!("@{}", folder.path().join("some").display())), "h2 h4");
    assert_eq!(left("all:!h2"), "h1 h3 h4 h5");
    assert_eq!(left("nope"), "");
    assert_eq!(inventory.select("nope:h1").unwrap().unknown, ["nope"]);
    assert!(inventory.limit(inventory.hosts(), "@/nonexistent").is_err());
}

#[test]
fn mistakes_are_all_said_with_their_places() {
    let folder = write(&[
        ("hosts", "[a]\nh1 x=1 oops\nh[1:x]\n[a:wars]\n"),
        ("more.yml", "all:\n  hosts: [h2]\n"),
        ("group_vars/all.yml", "- 1\n"),
    ]);
    let errors = read(&folder, &["hosts", "more.yml", "gone"]).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for part in
        ["hosts:2:8: expected `name=value`", "hosts:3:1: ", "hosts:4:1: ", "more.yml:2:10: ", "gone", "all.yml:1:1: "]
    {
        assert!(said.iter().any(|error| error.contains(part)), "{part} is not in {said:#?}");
    }
}

#[test]
fn scripts_are_stopped_when_they_take_too_long() {
    use std::os::unix::fs::PermissionsExt;
    let folder = write(&[("inv.sh", "#!/bin/sh\nexec sleep 60\n")]);
    let path = folder.path().join("inv.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = LoadOptions { script_deadline: std::time::Duration::from_millis(50), ..LoadOptions::default() };
    let errors = Inventory::load(&[path.to_string_lossy().into_owned()], &options).unwrap_err();
    assert!(errors[0].message.contains("too long"), "{}", errors[0]);
}

#[test]
fn vaulted_files_need_their_password() {
    let text = crate::vault::encrypt(b"secret: 7\n", b"pw", None).unwrap();
    let folder = write(&[("hosts", "h1\n"), ("group_vars/all.yml", &text)]);
    let errors = read(&folder, &["hosts"]).unwrap_err();
    assert!(errors[0].to_string().contains("all.yml:1:1: cannot decrypt"), "{}", errors[0]);
    let secrets = [crate::vault::Secret::new("default", b"pw".to_vec()).unwrap()].into_iter().collect();
    let sources = [folder.path().join("hosts").to_string_lossy().into_owned()];
    let loaded = Inventory::load(&sources, &LoadOptions { secrets, ..LoadOptions::default() }).unwrap();
    assert_eq!(var(&loaded.inventory, "h1", "secret"), "7");
}

#[test]
fn the_graph_is_ansibles() {
    let folder = write(&[("hosts", "lone\n[a]\nh1\n[a:vars]\nx=[1,'b']\n[b:children]\na\n[b:vars]\nt=True\n")]);
    let inventory = read(&folder, &["hosts"]).unwrap().inventory;
    let plain = "@all:\n  |--@ungrouped:\n  |  |--lone\n  |--@b:\n  |  |--@a:\n  |  |  |--h1\n";
    assert_eq!(inventory.graph(false), plain);
    assert!(inventory.graph(true).contains("  |  |  |  |--{x = [1, 'b']}\n"));
    assert!(inventory.graph(true).ends_with("  |  |--{t = True}\n"));
    assert_eq!(inventory.host_json("h1").unwrap().to_string(), r#"{"t":true,"x":[1,"b"]}"#);
    assert_eq!(inventory.host_json("h9"), None);
}

#[test]
fn large_inventories_stay_linear() {
    // 10,000 hosts in 200 groups; a quadratic step would make this test hang, not fail.
    let groups: String =
        (0..200).map(|g| format!("[g{g}]\nh{g}-[01:50].example.net rack={g} ansible_user=root\n")).collect();
    let parents: String = (0..200).map(|g| format!("[p{}:children]\ng{g}\n", g % 10)).collect();
    let folder = write(&[("hosts.ini", &(groups + &parents))]);
    let inventory = read(&folder, &["hosts.ini"]).unwrap().inventory;
    assert_eq!(inventory.hosts().len(), 10_000);
    assert_eq!(inventory.select("p3").unwrap().hosts.len(), 1_000);
    assert_eq!(inventory.list_json()["_meta"]["hostvars"].as_object().unwrap().len(), 10_000);
}

#[test]
fn the_example_inventory_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inventory.example");
    let loaded = Inventory::load(&[path.to_string_lossy().into_owned()], &LoadOptions::default()).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let inventory = loaded.inventory;
    assert_eq!(inventory.select("kvm:&rack1").unwrap().hosts.len(), 4);
    assert_eq!(var(&inventory, "kvm01.example.net", "ansible_become"), "true");
    assert_eq!(var(&inventory, "kvm01.example.net", "ansible_user"), "\"tuner\"");
    assert_eq!(var(&inventory, "db01.example.net", "hugepages_1g"), "192");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\[\\]:a-c0-9=\"'# \\n{},\\\\.(*!&~-]{0,80}") {
        let file: std::sync::Arc<Path> = Path::new("t").into();
        let _ = ini::parse_str(&text, &file);
        let _ = yaml::parse_str(&text, &file);
        let _ = expand(&text);
        let _ = pattern::evaluate(&tree::Tree::default(), &pattern::split(&text));
    }
}
