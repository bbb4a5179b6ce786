//! What a person at a terminal sees: a real pty, read back by a small terminal of our own.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::{Luthier, built};
use luthier_tests::missing;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Runs a program on a pty of its own and prints what was ever seen and what stays. Arguments: columns, columns after a
/// second, then the command. The little terminal knows what progress bars use: moves, erasing, wrapping.
const PTY: &str = r#"
import fcntl, json, os, pty, re, select, struct, sys, termios, time
columns, later, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.2)
    os.execv(command[0], command)
size = lambda n: fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, n, 0, 0))
size(columns)
raw, began = b"", time.time()
while True:
    ready, _, _ = select.select([fd], [], [], 0.1)
    if later != columns and time.time() - began > 1:
        size(later)
        columns = later
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        raw += data
_, status = os.waitpid(pid, 0)
width = max(int(sys.argv[1]), int(sys.argv[2]))
text, lines, y, x, widest = raw.decode("utf-8", "replace"), [[]], 0, 0, 0
for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|\x1b.|.", text, re.S):
    if part.startswith("\x1b["):
        number = int(re.sub(r"\D", "", part.split(";")[0]) or 1) if part[2] != "?" else 1
        kind = part[-1]
        if kind == "A": y = max(0, y - number)
        elif kind == "B": y += number
        elif kind == "G": x = number - 1
        elif kind == "K":
            lines[y] = [] if part == "\x1b[2K" else lines[y][:x]
        elif kind == "J":
            lines[y] = lines[y][:x]
            del lines[y + 1:]
    elif part == "\r": x = 0
    elif part == "\n": y += 1
    elif part >= " ":
        if x >= width: y, x = y + 1, 0
        while len(lines) <= y: lines.append([])
        lines[y] += [" "] * (x + 1 - len(lines[y]))
        lines[y][x] = part
        x += 1
    while len(lines) <= y: lines.append([])
screen = ["".join(line).rstrip() for line in lines]
print(json.dumps({"raw": text, "screen": screen, "code": os.waitstatus_to_exitcode(status)}))
"#;

const PLAY: &str = "- name: look\n  hosts: all\n  gather_facts: false\n  tasks:\n    - {name: quick, command: /bin/true}\n    - {name: slow, shell: 'sleep {{ 4 if inventory_hostname == \"a2\" else 0.1 }}'}\n    - {name: bad, command: /bin/false, when: inventory_hostname == 'a3'}\n    - {name: last, debug: {msg: words of the last task}}\n";

struct Seen {
    raw: String,
    screen: Vec<String>,
}

fn fleet(path: &Path) {
    std::fs::write(path.join("hosts.ini"), "a1\na2\na3\n[all:vars]\nansible_connection=local\n").expect("an inventory");
    std::fs::write(path.join("play.yml"), PLAY).expect("a play");
}

/// Run the play on a terminal so wide, later so wide.
fn look(columns: u32, later: u32, environment: &[(&str, &str)]) -> Option<Seen> {
    if missing(&["python3"]) {
        return None;
    }
    let folder = TempDir::new().expect("a folder");
    fleet(folder.path());
    let mut command = Command::new("python3");
    command.args(["-c", PTY, &columns.to_string(), &later.to_string()]).arg(built());
    command.args(["run", "-i", "hosts.ini", "play.yml"]).current_dir(folder.path());
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    for name in ["HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LUTHIER_STATE_DIR"] {
        command.env(name, folder.path().join("home"));
    }
    command.envs(environment.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let raw = said["raw"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said["code"], 2, "{raw}");
    let screen = said["screen"].as_array().into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned));
    Some(Seen { raw, screen: screen.collect() })
}

/// What must stay, in this order, each on a line of its own; and nothing of the progress bar.
fn stays(seen: &Seen) {
    let wanted = [
        "PLAY [look] 3 hosts",
        "TASK [quick]",
        "TASK [slow]",
        "TASK [bad]",
        "  a3: FAILED: non-zero return code (rc=1)",
        "TASK [last]",
        ": ok: words of the last task",
        "RECAP",
        "a3 : ok=2",
    ];
    let mut lines = seen.screen.iter();
    for want in wanted {
        assert!(lines.any(|line| line.contains(want)), "no line `{want}` in\n{}", seen.screen.join("\n"));
    }
    for line in &seen.screen {
        assert!(
            !line.contains("running") && !line.contains("[=") && !line.contains("waiting for"),
            "left behind: {line}"
        );
    }
    // The totals and the run's id are the last things said; a narrow terminal wraps the totals.
    let totals = seen.screen.iter().position(|line| line.starts_with("3 hosts in ")).expect("the totals");
    let rest = seen.screen.iter().skip(totals).filter(|line| !line.is_empty()).count();
    assert!(rest <= 3, "{}", seen.screen.join("\n"));
}

#[test]
fn the_live_view_tells_states_and_slow_hosts_and_leaves_nothing_behind() {
    for columns in [60, 100] {
        let Some(seen) = look(columns, columns, &[]) else { return };
        assert!(seen.raw.contains("1 running") && seen.raw.contains("2 done"), "{}", seen.raw);
        assert!(seen.raw.contains("waiting for a2 ("), "{}", seen.raw);
        stays(&seen);
    }
}

#[test]
fn a_terminal_that_grows_is_no_trouble() {
    let Some(seen) = look(70, 120, &[]) else { return };
    stays(&seen);
}

#[test]
fn no_color_and_dumb_terminals_are_honoured() {
    let colours = |seen: &Seen| {
        seen.raw.split("\u{1b}[").skip(1).any(|rest| {
            let end = rest.find(|letter: char| letter.is_ascii_alphabetic());
            end.is_some_and(|end| rest.get(end..=end) == Some("m"))
        })
    };
    let Some(seen) = look(100, 100, &[]) else { return };
    assert!(colours(&seen), "a terminal should get colours: {}", seen.raw);
    let Some(seen) = look(100, 100, &[("NO_COLOR", "1")]) else { return };
    assert!(!colours(&seen), "{}", seen.raw);
    let Some(seen) = look(100, 100, &[("TERM", "dumb")]) else { return };
    assert!(!seen.raw.contains('\u{1b}'), "{}", seen.raw);
    stays(&seen);
}

#[test]
fn without_a_terminal_there_is_no_talk_and_no_escape() {
    let folder = TempDir::new().expect("a folder");
    fleet(folder.path());
    let luthier = Luthier::new(&folder.path().join("home")).inventory(&folder.path().join("hosts.ini"));
    let outcome = luthier.folder(folder.path()).call(["run", "play.yml"]);
    outcome.exits(2);
    assert_eq!(outcome.stderr, "");
    assert!(!outcome.stdout.contains('\u{1b}'), "{}", outcome.stdout);
}

#[test]
fn exec_shows_what_was_asked_for_and_folds_it() {
    let folder = TempDir::new().expect("a folder");
    fleet(folder.path());
    let luthier = Luthier::new(&folder.path().join("home")).inventory(&folder.path().join("hosts.ini"));
    let same = luthier.call(["exec", "all", "command", "echo the same"]);
    same.exits(0).says("a1").says(": changed, same output").says("      the same\n").says("3 hosts in");
    assert_eq!(same.stdout.matches("the same").count(), 1, "{}", same.stdout);
    let other = luthier.call(["exec", "all", "shell", "echo from {{ inventory_hostname }}; echo oh >&2"]);
    other.exits(0).says("from a1").says("from a2").says("from a3").says("stderr: oh");
    let replay = luthier.call(["show", "last"]);
    replay.exits(0).says("from a3");
    let failed = luthier.call(["exec", "all", "shell", "echo why >&2; exit 3"]);
    failed.exits(2).says("rc=3").says("stderr: why").says("FAILED, as a");
    assert_eq!(failed.stdout.matches("stderr: why").count(), 1, "{}", failed.stdout);
}

#[test]
fn verbosity_tells_more_at_each_step() {
    let folder = TempDir::new().expect("a folder");
    fleet(folder.path());
    let luthier = Luthier::new(&folder.path().join("home")).inventory(&folder.path().join("hosts.ini"));
    let said = |flag: &str| luthier.call(["exec", "a1", "command", "echo word", flag]);
    said("-v").exits(0).says("stdout: word").says("rc: 0");
    said("-vv").exits(0).says(" ms");
    said("-vvv").exits(0).says("a1: ready");
    assert!(!said("-vv").stderr.contains("ready"));
}
