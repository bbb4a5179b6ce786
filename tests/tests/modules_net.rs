//! `get_url` and `uri` over real sshd against a real web server, with curl and with wget, and with everything that can go
//! wrong on the way.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use luthier_tests::luthier::Outcome;
use luthier_tests::missing;
use luthier_tests::sshd::Site;
use luthier_tests::throwaway::Throwaway;
use luthier_tests::web::Web;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A server of files, a host that fetches them, and a folder on it.
struct Rig {
    web: Web,
    site: Site,
    work: PathBuf,
}

impl Rig {
    fn new() -> Option<Self> {
        if missing(&["curl"]) {
            return None;
        }
        let site = Site::builder().hosts(1).start()?;
        let work = site.folder().join("work");
        fs::create_dir_all(&work).expect("a folder");
        Some(Self { web: Web::start(), site, work })
    }

    fn path(&self, name: &str) -> String {
        self.work.join(name).display().to_string()
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.work.join(name)).ok()
    }

    fn run(&self, tasks: &[Value], arguments: &[&str]) -> Outcome {
        run(&self.site, tasks, arguments)
    }

    /// One task named `it`: its status and values.
    fn one(&self, task: Value, arguments: &[&str]) -> (String, Value) {
        one(&self.site, task, arguments)
    }
}

fn run(site: &Site, tasks: &[Value], arguments: &[&str]) -> Outcome {
    let play = json!([{"hosts": "all", "gather_facts": false, "tasks": tasks}]);
    site.luthier().run(&site.file("play.yml", &play.to_string()), arguments)
}

fn one(site: &Site, mut task: Value, arguments: &[&str]) -> (String, Value) {
    task["name"] = "it".into();
    task["ignore_errors"] = true.into();
    let outcome = run(site, &[task], arguments);
    outcome.exits(0);
    let row = outcome.result("h1", "it");
    (row["status"].as_str().unwrap_or_default().to_owned(), row["result"].clone())
}

fn back(site: &Site, run: &Outcome) {
    site.luthier().call(["rollback".to_owned(), run.run_id()]).exits(6);
}

#[track_caller]
fn says(result: &Value, words: &str) {
    assert!(result["msg"].as_str().is_some_and(|message| message.contains(words)), "should say {words:?}: {result}");
}

#[test]
fn a_download_is_told_beforehand_made_once_and_taken_back() {
    let Some(rig) = Rig::new() else { return };
    rig.web.put("a.conf", b"one\n");
    let dest = rig.path("a.conf");
    let task =
        json!({"name": "it", "get_url": {"url": rig.web.url("/file/a.conf?x=[1]"), "dest": dest, "mode": "0640"}});
    let check = rig.run(std::slice::from_ref(&task), &["--check", "--diff"]);
    check.exits(0);
    assert_eq!(check.result("h1", "it")["status"], "changed");
    assert_eq!(check.result("h1", "it")["diff"][0]["after"], "one\n");
    assert_eq!(rig.text("a.conf"), None);
    let first = rig.run(std::slice::from_ref(&task), &[]);
    let result = first.result("h1", "it")["result"].clone();
    assert_eq!(
        (&result["changed"], &result["mode"], &result["status_code"], &result["msg"], &result["checksum_dest"]),
        (&json!(true), &json!("0640"), &json!(200), &json!("OK (4 bytes)"), &Value::Null)
    );
    assert_eq!(rig.text("a.conf").as_deref(), Some("one\n"));
    // The server has nothing newer.
    let sent = rig.web.sent();
    let second = rig.run(std::slice::from_ref(&task), &[]);
    assert_eq!(second.result("h1", "it")["status"], "ok");
    assert_eq!(second.result("h1", "it")["result"]["status_code"], 304);
    assert_eq!(rig.web.sent(), sent);
    // Forced it is fetched, and found to be the same.
    let mut forced = task.clone();
    forced["get_url"]["force"] = true.into();
    assert_eq!(rig.run(std::slice::from_ref(&forced), &[]).result("h1", "it")["status"], "ok");
    assert_eq!(rig.web.sent(), sent + 1);
    rig.web.put("a.conf", b"two\n");
    forced["get_url"]["backup"] = true.into();
    let third = rig.run(std::slice::from_ref(&forced), &[]);
    let kept = third.result("h1", "it")["result"]["backup_file"].as_str().expect("a backup").to_owned();
    assert_eq!(fs::read_to_string(&kept).expect("the backup"), "one\n");
    back(&rig.site, &third);
    assert_eq!(rig.text("a.conf").as_deref(), Some("one\n"));
    assert!(!PathBuf::from(kept).exists());
    back(&rig.site, &first);
    assert_eq!(rig.text("a.conf"), None);
}

#[test]
fn check_sums_decide() {
    let Some(rig) = Rig::new() else { return };
    rig.web.put("a.img", b"abc");
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    rig.web.put("SUMS", format!("{}  b.img\n{sum}  a.img\n", "0".repeat(64)).as_bytes());
    let get = |checksum: &str| json!({"get_url": {"url": rig.web.url("/file/a.img"), "dest": rig.path("a.img"), "checksum": checksum}});
    let (status, wrong) = rig.one(get(&format!("sha256:{}", "0".repeat(64))), &[]);
    assert_eq!((status.as_str(), rig.text("a.img")), ("failed", None));
    says(&wrong, &format!("it was {sum}"));
    assert_eq!(rig.one(get(&format!("sha256:{}", rig.web.url("/file/SUMS"))), &[]).0, "changed");
    let requests = rig.web.requests();
    let (status, again) = rig.one(get(&format!("sha256:{sum}")), &[]);
    assert_eq!((status.as_str(), &again["msg"]), ("ok", &json!("file already exists")));
    assert_eq!(rig.web.requests(), requests, "with the right check sum nothing is asked for");
    // Another content: fetched although the file is newer than the server's.
    fs::write(rig.work.join("a.img"), "other").expect("a file");
    assert_eq!(rig.one(get(&format!("sha256:{sum}")), &[]).0, "changed");
    assert_eq!(rig.text("a.img").as_deref(), Some("abc"));
    says(&rig.one(get("sha256"), &[]).1, "format <algorithm>:<checksum>");
    says(&rig.one(get("sha256:xyz"), &[]).1, "checksum format is invalid");
    says(&rig.one(get("crc:00"), &[]).1, "'crc'");
    says(&rig.one(get(&format!("md5:{}", rig.web.url("/status/404"))), &[]).1, "Request failed");
}

#[test]
fn names_come_from_the_server_and_lead_nowhere_else() {
    let Some(rig) = Rig::new() else { return };
    rig.web.put("a.txt", b"a\n");
    for (path, name, text) in [
        ("/named", "given.txt", "named\n"),
        ("/file/a.txt", "a.txt", "a\n"),
        ("/to/302/file/a.txt", "a.txt", "a\n"),
        ("/gzip", "gzip", "packed\n"),
    ] {
        let (status, result) = rig.one(json!({"get_url": {"url": rig.web.url(path), "dest": rig.path("")}}), &[]);
        assert_eq!(result["dest"], rig.path(name), "{path}: {result}");
        assert!(matches!(status.as_str(), "changed" | "ok"), "{path}: {result}");
        assert_eq!(rig.text(name).as_deref(), Some(text));
    }
    let kept = json!({"get_url": {"url": rig.web.url("/gzip"), "dest": rig.path("kept.gz"), "decompress": false}});
    assert_eq!(rig.one(kept, &[]).0, "changed");
    assert_eq!(fs::read(rig.work.join("kept.gz")).expect("the file")[..2], [0x1f, 0x8b]);
    let login = json!({"url": rig.web.url("/secret"), "dest": rig.path("s"), "username": "ops", "password": "p\"w\\d"});
    assert_eq!(rig.one(json!({"get_url": login}), &[]).0, "changed");
    assert_eq!(rig.text("s").as_deref(), Some("secret\n"));
    let local = json!({"url": format!("file://{}", rig.path("s")), "dest": rig.path("t")});
    assert_eq!(rig.one(json!({"get_url": local}), &[]).0, "changed");
    assert_eq!(rig.text("t").as_deref(), Some("secret\n"));
}

/// What must fail, with what it says; whichever program asks.
fn faults(site: &Site, web: &Web, dest: &str, host: &dyn Fn(&str) -> bool) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    for (url, words) in [
        (format!("http://{closed}/"), "Request failed"),
        (web.url("/status/404"), "Request failed"),
        (web.url("/status/500"), "Request failed"),
        (web.url("/cut"), "Request failed"),
        (web.url("/loop"), "redirect"),
        (web.url("/huge"), "Request failed"),
        (web.url("/silent"), "Request failed"),
        ("http://no-such-host.invalid/".to_owned(), "Request failed"),
        ("gopher://127.0.0.1/".to_owned(), "unknown url type"),
        ("http://127.0.0.1/\nx".to_owned(), "line breaks"),
    ] {
        let (status, result) = one(site, json!({"get_url": {"url": url, "dest": dest, "timeout": 5}}), &[]);
        assert_eq!(status, "failed", "{url}: {result}");
        assert_eq!(result["changed"], false, "{url}: {result}");
        says(&result, words);
        assert!(!host(dest), "{url} left {dest}");
    }
}

#[test]
fn what_does_not_arrive_whole_is_never_put_in_place() {
    let Some(rig) = Rig::new() else { return };
    faults(&rig.site, &rig.web, &rig.path("new"), &|path| PathBuf::from(path).exists());
    let (_, missing) = rig.one(json!({"get_url": {"url": rig.web.url("/named"), "dest": rig.path("no/such")}}), &[]);
    says(&missing, "does not exist");
    let (_, result) = rig.one(json!({"get_url": {"url": rig.web.url("/status/404"), "dest": rig.path("x")}}), &[]);
    assert_eq!((&result["status_code"], &result["response"]), (&json!(404), &json!("HTTP Error 404: Told")));
    assert_eq!(fs::read_dir(&rig.work).expect("the folder").count(), 0, "nothing may be left");
}

#[test]
fn wget_does_what_curl_does_and_neither_is_told() {
    if missing(&["wget", "curl"]) {
        return;
    }
    let Some(copy) = Throwaway::start() else { return };
    let Some(site) = copy.site() else { return };
    let web = Web::start();
    let there = |path: &str| copy.shell(&format!("test -e {path} && echo yes || echo no")).trim() == "yes";
    copy.shell("mkdir /srv/w /srv/full; mount -t tmpfs -o size=64k tmpfs /srv/full; rm -f /usr/bin/curl");
    web.put("big", &vec![b'x'; 300_000]);
    web.put("a.conf", b"one\n");
    for (path, dest) in [("/file/a.conf", "/srv/w/a"), ("/to/302/file/a.conf", "/srv/w/"), ("/gzip", "/srv/w/g")] {
        let (status, result) = one(&site, json!({"get_url": {"url": web.url(path), "dest": dest}}), &[]);
        assert_eq!((status.as_str(), &result["status_code"]), ("changed", &json!(200)), "{path}: {result}");
    }
    assert_eq!(copy.shell("cat /srv/w/a /srv/w/a.conf /srv/w/g"), "one\none\npacked\n");
    let again = one(&site, json!({"get_url": {"url": web.url("/file/a.conf"), "dest": "/srv/w/a"}}), &[]);
    assert_eq!((again.0.as_str(), &again.1["status_code"]), ("ok", &json!(304)), "{}", again.1);
    let login = json!({"url": web.url("/secret"), "dest": "/srv/w/s", "username": "ops", "password": "p\"w\\d"});
    assert_eq!(one(&site, json!({"get_url": login}), &[]).0, "changed");
    faults(&site, &web, "/srv/w/new", &there);
    let asked = one(&site, json!({"uri": {"url": web.url("/echo"), "headers": {"X-A": "b"}}}), &[]);
    assert_eq!((asked.0.as_str(), &asked.1["json"]["headers"]["x-a"]), ("ok", &json!("b")), "{}", asked.1);
    says(&one(&site, json!({"uri": {"url": web.url("/status/404")}}), &[]).1, "Status code was 404 and not [200]");
    says(&one(&site, json!({"uri": {"url": web.url("/echo"), "method": "POST"}}), &[]).1, "curl is needed");
    // A full disk: nothing half-written stays.
    let (status, full) = one(&site, json!({"get_url": {"url": web.url("/file/big"), "dest": "/srv/full/big"}}), &[]);
    assert_eq!(status, "failed", "{full}");
    says(&full, "no space is left");
    assert_eq!(copy.shell("ls -A /srv/full").trim(), "");
    copy.shell("rm -f /usr/bin/wget");
    let (status, none) = one(&site, json!({"get_url": {"url": web.url("/file/a.conf"), "dest": "/srv/w/n"}}), &[]);
    assert_eq!(status, "failed");
    says(&none, "neither curl nor wget was found on this host");
    says(&one(&site, json!({"uri": {"url": web.url("/echo")}}), &[]).1, "neither curl nor wget");
}

#[test]
fn requests_carry_bodies_and_answers_are_values() {
    let Some(rig) = Rig::new() else { return };
    let ask = |mut uri: Value| {
        if uri.get("url").is_none() {
            uri["url"] = rig.web.url("/echo?q=1").into();
        }
        rig.one(json!({"uri": uri}), &[])
    };
    let (status, get) = ask(json!({"return_content": true, "headers": {"X-One": 1, "X-Two": "a\"b\\"}}));
    assert_eq!((status.as_str(), &get["changed"], &get["status"]), ("ok", &json!(false), &json!(200)));
    assert_eq!((&get["json"]["method"], &get["json"]["query"]), (&json!("GET"), &json!("q=1")));
    assert_eq!((&get["json"]["headers"]["x-one"], &get["json"]["headers"]["x-two"]), (&json!("1"), &json!("a\"b\\")));
    assert_eq!(get["json"]["headers"]["user-agent"], "ansible-httpget");
    assert_eq!((&get["content_type"], &get["redirected"]), (&json!("application/json; charset=utf-8"), &json!(false)));
    assert!(get["content"].as_str().is_some_and(|text| text.contains("\"q=1\"")));
    let (_, posted) = ask(json!({"method": "POST", "body": {"a": [1, "ü"]}, "body_format": "json"}));
    let body: Value = serde_json::from_str(posted["json"]["body"].as_str().expect("a body")).expect("JSON");
    assert_eq!((body, &posted["json"]["method"]), (json!({"a": [1, "ü"]}), &json!("POST")));
    assert_eq!(posted["json"]["headers"]["content-type"], "application/json");
    let (_, form) = ask(json!({"method": "PUT", "body": {"a": "x y", "b": [1, 2]}, "body_format": "form-urlencoded"}));
    assert_eq!((&form["json"]["body"], &form["json"]["method"]), (&json!("a=x+y&b=1&b=2"), &json!("PUT")));
    let (_, parts) = ask(json!({"method": "POST", "body_format": "form-multipart", "body": {"t": "v"}}));
    assert!(parts["json"]["body"].as_str().is_some_and(|body| body.contains("name=\"t\"\r\n")), "{parts}");
    let file = rig.site.file("files/sent.bin", &"line\n\u{0}".repeat(60_000));
    let (_, sent) = ask(json!({"method": "POST", "src": file}));
    assert_eq!(sent["json"]["body"].as_str().map(str::len), Some(360_000));
    let (_, head) = ask(json!({"method": "HEAD"}));
    assert_eq!((&head["status"], head.get("json")), (&json!(200), None), "{head}");
    let (_, cookies) = ask(json!({"url": rig.web.url("/cookies")}));
    assert_eq!(cookies["cookies"], json!({"a": "1", "b": "2"}));
    assert_eq!(cookies["cookies_string"], "a=1; b=2");
    let secret = json!({"url": rig.web.url("/secret"), "user": "ops", "password": "p\"w\\d", "force_basic_auth": true});
    assert_eq!(ask(secret).0, "ok");
}

#[test]
fn redirections_codes_and_conditions() {
    let Some(rig) = Rig::new() else { return };
    let ask = |uri: Value| rig.one(json!({"uri": uri}), &[]);
    let to = |status: u16| rig.web.url(&format!("/to/{status}/echo"));
    let (_, safe) = ask(json!({"url": to(302)}));
    assert_eq!((&safe["redirected"], &safe["url"]), (&json!(true), &json!(rig.web.url("/echo"))));
    let (status, stopped) = ask(json!({"url": to(302), "method": "POST", "body": "x"}));
    assert_eq!((status.as_str(), &stopped["status"]), ("failed", &json!(302)));
    assert_eq!(stopped["location"], rig.web.url("/echo"));
    let (_, all) = ask(json!({"url": to(302), "method": "POST", "body": "x", "follow_redirects": "all"}));
    assert_eq!(all["json"]["method"], "GET");
    let (_, kept) = ask(json!({"url": to(307), "method": "POST", "body": "x", "follow_redirects": "all"}));
    assert_eq!((&kept["json"]["method"], &kept["json"]["body"]), (&json!("POST"), &json!("x")));
    let (_, none) = ask(json!({"url": to(301), "follow_redirects": "none", "status_code": [301]}));
    assert_eq!((&none["status"], &none["msg"]), (&json!(301), &json!("HTTP Error 301: Elsewhere")));
    let (status, wrong) =
        ask(json!({"url": rig.web.url("/status/503"), "status_code": [200, 204], "return_content": true}));
    assert_eq!((status.as_str(), &wrong["status"], &wrong["content"]), ("failed", &json!(503), &json!("told\n")));
    assert_eq!(wrong["msg"], "Status code was 503 and not [200, 204]: HTTP Error 503: Told");
    for path in ["/loop", "/cut", "/huge", "/silent"] {
        let (status, result) = ask(json!({"url": rig.web.url(path)}));
        assert_eq!(
            (status.as_str(), &result["status"], &result["changed"]),
            ("failed", &json!(-1), &json!(false)),
            "{result}"
        );
        says(&result, "Status code was -1 and not [200]: Request failed: ");
    }
    let requests = rig.web.requests();
    let (status, there) = ask(json!({"url": rig.web.url("/echo"), "creates": rig.path("")}));
    assert_eq!(
        (status.as_str(), there["stdout"].as_str().is_some_and(|text| text.starts_with("skipped, since"))),
        ("ok", true)
    );
    let (status, _) = rig.one(json!({"uri": {"url": rig.web.url("/echo"), "method": "POST"}}), &["--check"]);
    assert_eq!((status.as_str(), rig.web.requests()), ("skipped", requests));
    says(&ask(json!({"url": rig.web.url("/echo"), "method": "GET X"})).1, "single word in uppercase");
    says(&ask(json!({"url": rig.web.url("/echo"), "headers": {"X": "a\r\nY: b"}})).1, "line breaks");
}

#[test]
fn the_content_of_an_answer_is_a_file_that_goes_back_and_a_post_does_not() {
    let Some(rig) = Rig::new() else { return };
    rig.web.put("a", b"one\n");
    let tasks = [
        json!({"name": "kept", "uri": {"url": rig.web.url("/file/a"), "dest": rig.path("a"), "mode": "0600"}}),
        json!({"name": "told", "uri": {"url": rig.web.url("/echo?token=hush"), "method": "POST", "body": "hush"}}),
    ];
    let run = rig.run(&tasks, &[]);
    run.exits(0);
    let kept = run.result("h1", "kept")["result"].clone();
    assert_eq!((&kept["changed"], &kept["path"], &kept["mode"]), (&json!(true), &json!(rig.path("a")), &json!("0600")));
    assert_eq!(run.result("h1", "told")["status"], "ok");
    assert!(run.events().iter().all(|event| event["event"] != "output"), "an answer is no output: {}", run.text());
    let undone = rig.site.luthier().call(["rollback".to_owned(), run.run_id()]);
    undone.exits(6).says("what a request did to a web service cannot be undone");
    assert!(!undone.text().contains("hush"), "{}", undone.text());
    assert!(!undone.text().contains("irreversible: GET"), "asking needs no undoing: {}", undone.text());
    assert_eq!(rig.text("a"), None);
}

/// A web server whose certificate nobody vouches for; ends on drop.
struct Secured(std::process::Child, u16);

impl Secured {
    fn start(site: &Site) -> Self {
        let (key, certificate) = (site.folder().join("key.pem"), site.folder().join("cert.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        assert!(openssl.output().expect("openssl").status.success());
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut server = Command::new("openssl");
        server.args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}")]);
        server.arg("-key").arg(&key).arg("-cert").arg(&certificate).stdin(Stdio::null());
        let child = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server");
        luthier_tests::wait_for("the server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self(child, port)
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    if missing(&["openssl"]) {
        return;
    }
    let Some(rig) = Rig::new() else { return };
    let server = Secured::start(&rig.site);
    let url = format!("https://127.0.0.1:{}/", server.1);
    let dest = rig.path("page");
    let (status, refused) = rig.one(json!({"get_url": {"url": url, "dest": dest}}), &[]);
    assert_eq!((status.as_str(), rig.text("page")), ("failed", None));
    says(&refused, "certificate");
    says(&rig.one(json!({"uri": {"url": url}}), &[]).1, "certificate");
    assert_eq!(rig.one(json!({"uri": {"url": url, "ca_path": rig.site.folder().join("cert.pem")}}), &[]).0, "ok");
    assert_eq!(rig.one(json!({"get_url": {"url": url, "dest": dest, "validate_certs": false}}), &[]).0, "changed");
}
