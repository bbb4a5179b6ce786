//! `unarchive` and `cron` over real sshd: told beforehand, done, done again without a change, and undone; and archives
//! that lead elsewhere.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Outcome;
use luthier_tests::sshd::Site;
use luthier_tests::throwaway::Throwaway;
use luthier_tests::web::Web;
use luthier_tests::{Tree, missing};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes archives, good ones and others.
const PACK: &str = r#"
import io, os, sys, tarfile, zipfile
out = sys.argv[1]
def tar(name, members, mode="w"):
    with tarfile.open(os.path.join(out, name), mode) as archive:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.mtime, info.mode, info.uid, info.gid = 1600000000, 0o644, os.getuid(), os.getgid()
            if kind == "dir": info.type, info.mode = tarfile.DIRTYPE, 0o750
            if kind == "link": info.type, info.linkname = tarfile.SYMTYPE, data
            if kind == "hard": info.type, info.linkname = tarfile.LNKTYPE, data
            if kind == "fifo": info.type = tarfile.FIFOTYPE
            if kind == "file": info.size = len(data)
            archive.addfile(info, io.BytesIO(data.encode()) if kind == "file" else None)
good = [("top/", "dir", ""), ("top/a", "file", "a\n"), ("top/sub/b", "file", "b\n"), ("top/link", "link", "a"), ("top/hard", "hard", "top/a")]
tar("good.tar", good); tar("good.tar.gz", good, "w:gz"); tar("good.tar.bz2", good, "w:bz2"); tar("good.tar.xz", good, "w:xz")
tar("up.tar", [("../up", "file", "x")]); tar("abs.tar", [("/tmp/luthier-abs-test", "file", "x")])
tar("link.tar", [("x", "link", os.path.join(out, "outside")), ("x/y", "file", "x")])
tar("rel.tar", [("x", "link", "../outside"), ("x/y", "file", "x")])
tar("host.tar", [("door/y", "file", "x")]); tar("fifo.tar", [("f", "fifo", "")])
tar("hard.tar", [("h", "hard", "../outside/secret")])
with zipfile.ZipFile(os.path.join(out, "good.zip"), "w") as archive:
    archive.writestr("top/a", "a\n"); archive.writestr("top/sub/b", "b\n")
with zipfile.ZipFile(os.path.join(out, "up.zip"), "w") as archive:
    archive.writestr("../up", "x"); archive.writestr("/tmp/luthier-abs-test", "x")
with zipfile.ZipFile(os.path.join(out, "link.zip"), "w") as archive:
    link = zipfile.ZipInfo("x"); link.create_system = 3; link.external_attr = 0o120777 << 16
    archive.writestr(link, "../outside"); archive.writestr("x/y", "x")
open(os.path.join(out, "empty.tar"), "w").close(); open(os.path.join(out, "text.tar"), "w").write("no archive\n" * 99)
os.mkdir(os.path.join(out, "outside")); open(os.path.join(out, "outside", "secret"), "w").write("secret\n")
"#;

struct Rig {
    site: Site,
    files: PathBuf,
    dest: PathBuf,
}

impl Rig {
    fn new(programs: &[&str]) -> Option<Self> {
        if missing(programs) || missing(&["python3", "tar"]) {
            return None;
        }
        let site = Site::builder().hosts(1).start()?;
        let (files, dest) = (site.folder().join("files"), site.folder().join("files/dest"));
        fs::create_dir_all(&dest).expect("folders");
        let packed = Command::new("python3").args(["-c", PACK]).arg(&files).status().expect("python3");
        assert!(packed.success());
        Some(Self { site, files, dest })
    }

    fn play(&self, task: Value, arguments: &[&str]) -> Outcome {
        play(&self.site, task, arguments)
    }

    fn unpack(&self, mut task: Value, arguments: &[&str]) -> Outcome {
        if task.get("dest").is_none() {
            task["dest"] = self.dest.display().to_string().into();
        }
        self.play(json!({"unarchive": task}), arguments)
    }

    fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }
}

/// A play of one task named `it`.
fn play(site: &Site, mut task: Value, arguments: &[&str]) -> Outcome {
    task["name"] = "it".into();
    let play = json!([{"hosts": "all", "gather_facts": false, "tasks": [task]}]);
    site.luthier().run(&site.file("play.yml", &play.to_string()), arguments)
}

#[track_caller]
fn status(outcome: &Outcome, wanted: &str) -> Value {
    let row = outcome.result("h1", "it");
    assert_eq!(row["status"], wanted, "{}", outcome.text());
    row["result"].clone()
}

fn back(site: &Site, run: &Outcome) {
    site.luthier().call(["rollback".to_owned(), run.run_id()]).exits(6);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn archives_of_every_kind_are_unpacked_once_and_taken_back() {
    let Some(rig) = Rig::new(&["unzip", "bzip2", "xz"]) else { return };
    fs::create_dir_all(rig.dest.join("top/sub")).expect("a folder");
    fs::write(rig.dest.join("top/sub/b"), "mine\n").expect("a file");
    let before = Tree::read(&rig.dest);
    for (name, handler) in [
        ("good.tar", "TarArchive"),
        ("good.tar.gz", "TgzArchive"),
        ("good.tar.bz2", "TarBzipArchive"),
        ("good.tar.xz", "TarXzArchive"),
        ("good.zip", "ZipArchive"),
    ] {
        let task = json!({"src": name, "list_files": true});
        let check = rig.unpack(task.clone(), &["--check", "--diff"]);
        status(&check, "changed");
        assert!(check.result("h1", "it")["diff"].to_string().contains("mine"), "{}", check.text());
        assert_eq!(Tree::read(&rig.dest), before);
        let first = rig.unpack(task.clone(), &[]);
        let result = status(&first, "changed");
        assert_eq!(result["handler"], handler);
        assert!(result["files"].as_array().is_some_and(|files| files.contains(&json!("top/sub/b"))), "{result}");
        assert_eq!((read(&rig.dest.join("top/a")), read(&rig.dest.join("top/sub/b"))), ("a\n".into(), "b\n".into()));
        status(&rig.unpack(task, &[]), "ok");
        back(&rig.site, &first);
        assert_eq!(Tree::read(&rig.dest), before, "{name}");
    }
}

#[test]
fn options_choose_what_is_unpacked_and_how() {
    let Some(rig) = Rig::new(&["curl"]) else { return };
    let there = rig.file("good.tar.gz");
    let one = |task: Value| rig.unpack(task, &[]);
    let stripped = json!({"src": there, "remote_src": true, "extra_opts": ["--strip-components=1"], "exclude": ["top/sub"], "mode": "0600"});
    status(&one(stripped.clone()), "changed");
    assert_eq!(read(&rig.dest.join("a")), "a\n");
    assert!(!rig.dest.join("sub").exists());
    status(&one(stripped), "ok");
    status(&one(json!({"src": there, "copy": false, "include": ["top/sub/b"]})), "changed");
    assert_eq!(fs::read_dir(rig.dest.join("top")).expect("the folder").count(), 1);
    fs::write(rig.dest.join("top/sub/b"), "newer\n").expect("a file");
    status(&one(json!({"src": "good.tar", "keep_newer": true, "include": ["top/sub/b"]})), "ok");
    status(&one(json!({"src": "good.tar", "creates": rig.dest.join("top")})), "skipped");
    let web = Web::start();
    web.put("good.tar", &fs::read(rig.files.join("good.tar")).expect("the archive"));
    status(&one(json!({"src": web.url("/file/good.tar"), "remote_src": true})), "changed");
    assert_eq!(read(&rig.dest.join("top/sub/b")), "b\n");
    for (task, words) in [
        (json!({"src": web.url("/status/404"), "remote_src": true}), "Request failed"),
        (json!({"src": web.url("/cut"), "remote_src": true}), "Request failed"),
        (json!({"src": "/no/such/archive", "remote_src": true}), "does not exist"),
        (json!({"src": "good.tar", "dest": "/no/such/folder"}), "must be an existing dir"),
        (json!({"src": "empty.tar"}), "the file is 0 bytes"),
        (json!({"src": "text.tar"}), "Failed to find handler"),
        (json!({"src": "fifo.tar"}), "named pipe"),
        (json!({"src": "good.tar", "extra_opts": ["-C", "/"]}), "lead out of the destination"),
    ] {
        let outcome = one(task);
        status(&outcome, "failed");
        assert!(outcome.complaint("h1").contains(words), "{words}: {}", outcome.complaint("h1"));
    }
    // Known before any host is asked.
    one(json!({"src": web.url("/file/good.tar")})).exits(5).says("needs `remote_src: true`");
}

#[test]
fn nothing_is_unpacked_outside_the_destination() {
    let Some(rig) = Rig::new(&["unzip"]) else { return };
    let outside = Tree::read(&rig.files.join("outside"));
    std::os::unix::fs::symlink(rig.files.join("outside"), rig.dest.join("door")).expect("a link");
    for name in ["up.tar", "abs.tar", "link.tar", "rel.tar", "hard.tar", "host.tar", "up.zip", "link.zip"] {
        let outcome = rig.unpack(json!({"src": name}), &[]);
        // Refused, or kept inside: never anything else.
        assert!(matches!(outcome.code, Some(0 | 2)), "{name}: {}", outcome.text());
        assert_eq!(Tree::read(&rig.files.join("outside")), outside, "{name}");
        assert!(!rig.files.join("up").exists() && !Path::new("/tmp/luthier-abs-test").exists(), "{name}");
        assert!(!read(&rig.dest.join("h")).contains("secret"), "{name}");
    }
    let door = rig.unpack(json!({"src": "host.tar"}), &[]);
    assert!(door.complaint("h1").contains("would be unpacked outside"), "{}", door.text());
    // Other tests may be at work there meanwhile: what they have goes away as well.
    luthier_tests::wait_for("the private folders to go", || {
        let names = fs::read_dir("/var/tmp").into_iter().flatten().flatten().map(|entry| entry.file_name());
        !names.into_iter().any(|name| name.to_string_lossy().starts_with(".luthier-scratch-"))
    });
}

#[test]
fn jobs_come_change_and_go_back() {
    let Some(copy) = Throwaway::start() else { return };
    if missing(&["crontab"]) {
        return;
    }
    let Some(site) = copy.site() else { return };
    let cron = |task: Value, arguments: &[&str]| play(&site, json!({"cron": task}), arguments);
    let table = || copy.shell("crontab -l 2>/dev/null || true");
    let trim = json!({"name": "trim", "special_time": "weekly", "job": "fstrim /srv/ü \"a\" 'b' %"});
    status(&cron(trim.clone(), &["--check"]), "changed");
    assert_eq!(table(), "");
    let first = cron(trim.clone(), &[]);
    let result = status(&first, "changed");
    assert_eq!((&result["jobs"], &result["envs"]), (&json!(["trim"]), &json!([])));
    assert_eq!(table(), "#Ansible: trim\n@weekly fstrim /srv/ü \"a\" 'b' %\n");
    status(&cron(trim.clone(), &[]), "ok");
    copy.shell("(crontab -l; echo '# mine'; echo '1 2 * * * mine') | crontab -");
    let kept = table();
    let second = cron(json!({"name": "check", "minute": "*/5", "hour": 3, "job": "check", "disabled": true}), &[]);
    status(&second, "changed");
    assert_eq!(table(), format!("{kept}#Ansible: check\n#*/5 3 * * * check\n"));
    let third = cron(json!({"name": "MAILTO", "env": true, "value": "ops@example.net", "backup": true}), &[]);
    let backup = status(&third, "changed")["backup_file"].as_str().expect("a backup").to_owned();
    assert!(copy.shell(&format!("cat {backup}")).contains("#*/5 3"));
    assert!(table().starts_with("MAILTO=\"ops@example.net\"\n"));
    let undone = site.luthier().call(["rollback".to_owned(), third.run_id()]);
    undone.exits(6);
    assert!(!undone.text().contains("fstrim"), "a crontab's content is nobody's business: {}", undone.text());
    back(&site, &second);
    assert_eq!(table(), kept);
    // Somebody else has been here since: left alone.
    site.luthier().call(["rollback".to_owned(), first.run_id()]).exits(7);
    assert_eq!(table(), kept);
    status(&cron(json!({"name": "trim", "state": "absent"}), &[]), "changed");
    status(&cron(json!({"name": "trim", "state": "absent"}), &[]), "ok");
    assert_eq!(table(), "# mine\n1 2 * * * mine\n");
    copy.shell("useradd -m crony; crontab -r");
    let other = cron(json!({"name": "x", "job": "true", "user": "crony"}), &[]);
    status(&other, "changed");
    assert_eq!(copy.shell("crontab -u crony -l"), "#Ansible: x\n* * * * * true\n");
    back(&site, &other);
    assert_eq!(copy.shell("crontab -u crony -l 2>&1 || true").trim(), "no crontab for crony");
    let refused = cron(json!({"name": "bad", "job": "x", "minute": "99"}), &[]);
    assert!(refused.complaint("h1").contains("crontab refused"), "{}", refused.text());
    assert_eq!(table(), "");
}

#[test]
fn files_of_cron_are_files_and_wrong_words_are_refused() {
    let Some(copy) = Throwaway::start() else { return };
    if missing(&["crontab"]) {
        return;
    }
    let Some(site) = copy.site() else { return };
    let cron = |task: Value, arguments: &[&str]| play(&site, json!({"cron": task}), arguments);
    let file = json!({"name": "scrub", "cron_file": "scrub", "user": "root", "hour": "4", "job": "scrub"});
    let first = cron(file.clone(), &["--diff"]);
    status(&first, "changed");
    assert_eq!(
        copy.shell("stat -c '%a %U' /etc/cron.d/scrub; cat /etc/cron.d/scrub"),
        "644 root\n#Ansible: scrub\n* 4 * * * root scrub\n"
    );
    status(&cron(file, &[]), "ok");
    let gone = cron(json!({"name": "scrub", "cron_file": "scrub", "state": "absent"}), &[]);
    assert_eq!(status(&gone, "changed")["state"], "absent");
    assert_eq!(copy.shell("ls /etc/cron.d/scrub 2>/dev/null || echo none").trim(), "none");
    back(&site, &gone);
    back(&site, &first);
    assert_eq!(copy.shell("ls /etc/cron.d/scrub 2>/dev/null || echo none").trim(), "none");
    for (task, words) in [
        (json!({"name": "x", "job": "y", "special_time": "daily", "hour": "1"}), "cannot combine special_time"),
        (json!({"name": "x", "job": "y", "cron_file": "z"}), "you must specify user"),
        (json!({"name": "x"}), "must specify 'job'"),
        (json!({"name": "x", "job": "y", "insertafter": "PATH"}), "valid only with env=yes"),
        (json!({"name": "X", "job": "y", "env": true, "insertafter": "NONE"}), "'NONE' not found"),
        (json!({"name": "X Y", "job": "y", "env": true}), "Invalid name for environment variable"),
        (json!({"name": "x", "job": "y", "cron_file": "/etc/crontab", "user": "root"}), "Will not manage /etc/crontab"),
        (json!({"name": "x\ny", "job": "y"}), "line breaks"),
    ] {
        let outcome = cron(task, &[]);
        status(&outcome, "failed");
        assert!(outcome.complaint("h1").contains(words), "{words}: {}", outcome.complaint("h1"));
    }
}
