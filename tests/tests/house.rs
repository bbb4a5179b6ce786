//! The house's invariants, over the source text: who may import whom, one door per library, where effects may happen,
//! how large things may grow. HOUSE rules are data here (`house/rules.rs`); change a rule and its reason together.

#[path = "house/rules.rs"]
mod rules;
#[path = "house/source.rs"]
mod source;

use source::{Source, is_test_file, sources};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

#[track_caller]
fn none(what: &str, mut found: Vec<String>) {
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Rooms that a file imports by `crate::ROOM`.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in source.code() {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let inner = list.split('}').next().unwrap_or_default();
                found.extend(inner.split(',').map(|part| (number, first_word(part.trim()))));
            } else {
                found.push((number, first_word(rest)));
            }
        }
    }
    found.retain(|(_, word)| !word.is_empty());
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn rooms_import_only_what_stands_to_their_right() {
    let mut found = Vec::new();
    for (package, table) in [("controller", rules::CONTROLLER), ("agent", rules::AGENT)] {
        let known: Vec<&str> = table.iter().map(|(room, _)| *room).collect();
        for source in sources(root(), &format!("{package}/src")) {
            let Some(room) = source.room() else { continue };
            let Some((_, allowed)) = table.iter().find(|(name, _)| *name == room) else {
                found.push(format!("{}: the room {room} is not in the table", source.name));
                continue;
            };
            for (number, target) in imports(&source) {
                let fine = target == room || allowed.contains(&target.as_str()) || !known.contains(&target.as_str());
                if !fine {
                    found.push(format!("{}:{number}: {room} must not import {target}", source.name));
                }
            }
        }
    }
    none("arrows that HOUSE does not know", found);
}

#[test]
fn the_table_of_rooms_has_no_circle() {
    for table in [rules::CONTROLLER, rules::AGENT] {
        for (at, (room, allowed)) in table.iter().enumerate() {
            for target in *allowed {
                let place = table.iter().position(|(name, _)| name == target);
                assert!(place.is_some_and(|place| place > at), "{room} -> {target} points back or nowhere");
            }
        }
    }
}

#[test]
fn packages_never_see_each_other_but_through_the_protocol() {
    let mut found = Vec::new();
    for (package, strangers) in [
        ("controller", ["luthier_agent::", "luthier_libvirt::", "virt::"]),
        ("agent", ["luthier::", "luthier_libvirt::", "virt::"]),
        ("libvirt", ["luthier::", "luthier_agent::", "russh::"]),
        ("protocol", ["luthier::", "luthier_agent::", "tokio::"]),
    ] {
        for source in sources(root(), &format!("{package}/src")) {
            for (number, line) in source.code() {
                for stranger in strangers {
                    if has_path(line, stranger) {
                        found.push(format!("{}:{number}: {stranger}", source.name));
                    }
                }
            }
        }
    }
    none("packages that import each other", found);
}

/// Whether a path occurs in code as a path of its own, not as the end of a longer name.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

#[test]
fn every_library_has_one_door() {
    let mut found = Vec::new();
    for (library, doors) in rules::DOORS {
        for package in ["controller", "agent", "protocol", "libvirt"] {
            for source in sources(root(), &format!("{package}/src")) {
                if doors.iter().any(|door| source.name.starts_with(door)) {
                    continue;
                }
                for (number, line) in source.code() {
                    if has_path(line, library) {
                        found.push(format!("{}:{number}: {library} belongs to {}", source.name, doors.join(", ")));
                    }
                }
            }
        }
    }
    none("libraries used past their door", found);
}

#[test]
fn the_agent_touches_the_machine_in_one_room_only() {
    let mut found = Vec::new();
    for source in sources(root(), "agent/src") {
        if source.name.starts_with("agent/src/host/") || is_test_file(&source) {
            continue;
        }
        for (number, line) in source.code() {
            for call in rules::AGENT_EFFECTS {
                if has_path(line, call) {
                    found.push(format!("{}:{number}: {call}", source.name));
                }
            }
        }
    }
    none("files and processes are the business of agent/src/host", found);
}

#[test]
fn pure_rooms_neither_act_nor_wait() {
    let mut found = Vec::new();
    for room in rules::PURE {
        for source in sources(root(), room) {
            if is_test_file(&source) {
                continue;
            }
            for (number, line) in source.code() {
                let unknown = room.starts_with("agent/").then_some(rules::UNKNOWN_TO_MODULES);
                for call in rules::IMPURE.iter().copied().chain(unknown) {
                    if line.contains(call) {
                        found.push(format!("{}:{number}: {call}", source.name));
                    }
                }
            }
        }
    }
    none("plan, playbook, inventory, modules and facts must not act, print, wait or know check mode", found);
}

#[test]
fn only_output_and_cli_talk_to_the_terminal() {
    let mut found = Vec::new();
    for source in sources(root(), "controller/src") {
        let fine = source.name.starts_with("controller/src/output/") || source.name.starts_with("controller/src/cli/");
        if fine || is_test_file(&source) {
            continue;
        }
        for (number, line) in source.code() {
            for word in ["println!", "print!", "stdout()", "stderr()"] {
                if has_path(line, word) || has_path(line, &format!("e{word}")) {
                    found.push(format!("{}:{number}: {word}", source.name));
                }
            }
        }
    }
    none("stdout and stderr belong to output and cli", found);
}

#[test]
fn names_say_what_a_thing_is() {
    let mut found = Vec::new();
    for package in rules::PACKAGES {
        for source in sources(root(), package) {
            let path = Path::new(&source.name);
            for part in path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()) {
                if rules::EMPTY_FILE_NAMES.contains(&part.trim_end_matches(".rs")) {
                    found.push(format!("{}: says nothing", source.name));
                }
            }
            for (number, line) in source.code() {
                for keyword in ["struct ", "enum ", "trait ", "type "] {
                    let Some(at) = line.find(keyword) else { continue };
                    if !line[..at].trim().trim_start_matches("pub(crate)").trim_start_matches("pub").trim().is_empty() {
                        continue;
                    }
                    let name = first_word(&line[at + keyword.len()..]);
                    let bad = rules::EMPTY_TYPE_NAMES.iter().any(|word| name == *word)
                        || ["Manager", "Helper", "Helpers", "Utils"].iter().any(|word| name.ends_with(word));
                    if bad {
                        found.push(format!("{}:{number}: {name}", source.name));
                    }
                }
            }
        }
    }
    none("names that say nothing", found);
}

#[test]
fn an_index_holds_no_logic() {
    let mut found = Vec::new();
    for package in ["controller/src", "agent/src"] {
        for source in sources(root(), package) {
            if !source.name.ends_with("/mod.rs") || rules::INDEX_WITH_TYPES.contains(&source.name.as_str()) {
                continue;
            }
            for (number, line) in source.code() {
                let indent = line.len() - line.trim_start().len();
                let text = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
                if indent == 0 && (text.starts_with("fn ") || text.starts_with("async fn ") || text.starts_with("impl"))
                {
                    found.push(format!("{}:{number}: {}", source.name, line.trim()));
                }
            }
        }
    }
    none("mod.rs is an index: documentation, mod lines, re-exports, registry rows", found);
}

#[test]
fn files_and_functions_stay_small() {
    let mut found = Vec::new();
    for package in rules::PACKAGES {
        for source in sources(root(), package) {
            let limit =
                rules::LONG_FILES.iter().find(|(name, ..)| *name == source.name).map_or(500, |(_, limit, _)| *limit);
            if source.lines.len() > limit {
                found.push(format!("{}: {} lines, at most {limit}", source.name, source.lines.len()));
            }
            for (number, length) in source.functions() {
                if length > rules::FUNCTION_LIMIT && !is_test_file(&source) {
                    found.push(format!("{}:{number}: a function of {length} lines", source.name));
                }
            }
        }
    }
    none("too long to be read at once", found);
}

#[test]
fn what_must_never_stand_in_the_source() {
    let mut found = Vec::new();
    for package in rules::PACKAGES {
        for source in sources(root(), package) {
            if source.name.starts_with("tests/tests/house") {
                continue;
            }
            for (number, line) in source.lines.iter().enumerate().map(|(at, line)| (at + 1, line)) {
                for (word, why) in rules::NEVER {
                    if line.contains(word) {
                        found.push(format!("{}:{number}: {word}: {why}", source.name));
                    }
                }
                let code = line.split("//").next().unwrap_or_default();
                let unsafe_here =
                    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| has_path(code, word));
                if unsafe_here && !rules::UNSAFE.contains(&source.name.as_str()) {
                    found.push(format!("{}:{number}: unsafe belongs to {}", source.name, rules::UNSAFE.join(" and ")));
                }
            }
        }
    }
    none("forbidden", found);
}

/// Tests beside the code they test: what they are stands in their name.
fn is_beside_its_room(name: &str) -> bool {
    name.ends_with("tests.rs") && !name.starts_with("tests/")
}

#[test]
fn every_file_says_what_it_is() {
    let mut found = Vec::new();
    for package in rules::PACKAGES {
        for source in sources(root(), package) {
            let first = source.lines.first().map(String::as_str).unwrap_or_default();
            if is_beside_its_room(&source.name) {
                continue;
            }
            if !first.starts_with("//! ") || first.contains("placeholder") {
                found.push(source.name);
            }
        }
    }
    none("files whose first line does not say what they are", found);
}

#[test]
fn modules_and_fact_sources_are_registered() {
    let mut found = Vec::new();
    for folder in ["agent/src/modules", "agent/src/facts", "controller/src/cli"] {
        let index = std::fs::read_to_string(root().join(folder).join("mod.rs")).unwrap_or_default();
        for source in sources(root(), folder) {
            let Some(name) = Path::new(&source.name).file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
                continue;
            };
            let direct = Path::new(&source.name).parent() == Some(Path::new(folder));
            if direct && name != "mod" && !index.contains(&format!("mod {name};")) {
                found.push(format!("{}: no `mod {name};` in its index", source.name));
            }
        }
    }
    none("files that no index names", found);
}

#[test]
fn the_documents_are_there() {
    let wanted = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        "scripts/test",
        "scripts/quickstart",
        ".ci/run",
        "inventory.example",
    ];
    let missing = wanted.iter().filter(|name| !root().join(name).exists()).map(|name| (*name).to_owned()).collect();
    none("missing", missing);
    for entry in std::fs::read_dir(root().join("docs/decisions")).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        assert!(text.contains("Rejected"), "{} does not say what was rejected", entry.path().display());
    }
}
