//! OpenSSH client configuration files.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::HostKeyPolicy;
use super::super::jump::Hop;
use super::super::ssh_options::Proxy;
use super::*;
use std::time::Duration;

fn parse(text: &str) -> Result<SshConfig, SessionError> {
    SshConfig::parse(Path::new("/h/.ssh/config"), text, Path::new("/h"))
}

fn options(text: &str, host: &str) -> SshOptions {
    let mut options = SshOptions::default();
    parse(text).unwrap().fill(Subject { host, user: None, local_user: "me" }, &mut options).unwrap();
    options
}

#[test]
fn the_first_matching_value_wins() {
    let text = "Port 2200\nHost web* !web9\n  User ops\n  Port 22\n  IdentityFile ~/a\nHost *\n  user = other\n  IdentityFile=\"~/my key\"\n";
    let found = options(text, "web1");
    assert_eq!((found.port, found.user.as_deref()), (Some(2200), Some("ops")));
    assert_eq!(found.identity_files, ["~/a", "~/my key"]);
    assert_eq!(options(text, "web9").user.as_deref(), Some("other"));
}

#[test]
fn match_blocks() {
    let text = "Host short\n HostName long.lan\nMatch host *.lan !user root\n Port 1\nMatch originalhost other\n Port 2\nMatch all\n Port 3\n";
    assert_eq!(options(text, "short").port, Some(1));
    assert_eq!(options(text, "other").port, Some(2));
    assert_eq!(options(text, "third").port, Some(3));
}

#[test]
fn a_block_that_changes_what_it_was_judged_by_still_holds_to_its_end() {
    let found = options("Match host short\n HostName long.lan\n Port 5\nMatch host short\n User late\n", "short");
    assert_eq!((found.port, found.user), (Some(5), None));
}

#[test]
fn what_cannot_be_judged_is_passed_over_with_a_warning() {
    let config = parse("Match tagged x\n Port 1\nHost *\n Port 3\nCanonicalizeHostname yes").unwrap();
    assert_eq!(
        config.warnings(),
        [
            "/h/.ssh/config:1: `Match tagged` is not understood; the block is passed over",
            "/h/.ssh/config:5: `canonicalizehostname` is not understood and is passed over"
        ]
    );
    assert_eq!(options("Match tagged x\n Port 1\nHost *\n Port 3\n", "a").port, Some(3));
}

#[test]
fn errors_name_file_line_and_column() {
    for (text, wanted) in [
        ("Host a\n  Port x\n", "/h/.ssh/config:2:8: `x` is no port (1 to 65535)"),
        ("\n User\n", "/h/.ssh/config:2:2: User has no value"),
        ("User a \"b\n", "/h/.ssh/config:1:8: a quote is not closed"),
        ("Match user a wat x\n", "/h/.ssh/config:1:14: Match does not know `wat`"),
        ("Match host\n", "/h/.ssh/config:1:7: Match host needs a value"),
        ("Match all host x\n", "/h/.ssh/config:1:7: Match all stands alone, or behind final or canonical"),
        ("Match host x all\n", "/h/.ssh/config:1:14: Match all stands alone, or behind final or canonical"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn a_command_is_run_once_behind_what_holds_and_may_not_hang() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let text = format!("Match host web* exec \"echo %n.%h.%p.%r.%u >> {}; true\"\n Port 7\n", log.display());
    let config = parse(&text).unwrap();
    for (host, port) in [("web1", Some(7)), ("web1", Some(7)), ("db", None)] {
        let mut options = SshOptions { user: Some("ops".into()), ..SshOptions::default() };
        config.fill(Subject { host, user: None, local_user: "me" }, &mut options).unwrap();
        assert_eq!(options.port, port, "{host}");
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "web1.web1.22.ops.me\n");
    let hangs = parse("Match exec \"sleep 600\"\n Port 7\n").unwrap();
    let error = hangs.fill(Subject { host: "a", user: None, local_user: "me" }, &mut SshOptions::default());
    assert_eq!(error.unwrap_err().to_string(), "Match exec `sleep 600`: it took longer than 10 s");
}

#[test]
fn includes_are_found_relative_to_the_ssh_folder_and_keep_their_block() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".ssh/conf.d");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("10.conf"), "User inner\nHost b\nPort 7\n").unwrap();
    std::fs::write(folder.join(".hidden.conf"), "User hidden\n").unwrap();
    let main = home.path().join(".ssh/config");
    std::fs::write(&main, "Host a b\nInclude conf.d/*.conf\nConnectTimeout 3\n").unwrap();
    let config = SshConfig::load(&[(main, true)], home.path(), Path::new("/nowhere")).unwrap();
    for (host, user, port, timeout) in [
        ("a", Some("inner"), None, Some(Duration::from_secs(3))),
        ("b", Some("inner"), Some(7), Some(Duration::from_secs(3))),
        ("c", None, None, None),
    ] {
        let mut options = SshOptions::default();
        config.fill(Subject { host, user: None, local_user: "me" }, &mut options).unwrap();
        assert_eq!((options.user.as_deref(), options.port, options.connect_timeout), (user, port, timeout), "{host}");
    }
}

#[test]
fn a_file_that_includes_itself_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let main = home.path().join(".ssh/config");
    std::fs::create_dir_all(main.parent().unwrap()).unwrap();
    std::fs::write(&main, "Include config\n").unwrap();
    let error = SshConfig::load(&[(main, true)], home.path(), Path::new("/nowhere")).unwrap_err();
    assert!(error.to_string().ends_with("config:1:9: more than 16 files include each other"), "{error}");
}

#[test]
fn a_named_file_must_exist() {
    let files = ConfigFiles::default();
    let error = files.load(Some("/no/such/file"), Path::new("/h"), Path::new("/s")).unwrap_err();
    assert!(error.to_string().starts_with("/no/such/file: cannot read"), "{error}");
    for named in [Some("none"), None] {
        assert!(files.load(named, Path::new("/h"), Path::new("/s")).unwrap().steps.is_empty());
    }
}

#[test]
fn the_machines_file_comes_last_and_includes_from_its_own_folder() {
    let home = tempfile::tempdir().unwrap();
    let system = home.path().join("etc");
    std::fs::create_dir_all(system.join("conf.d")).unwrap();
    std::fs::create_dir_all(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/config"), "Port 5\n").unwrap();
    std::fs::write(system.join("ssh_config"), "Include conf.d/[!b]*.conf conf.d/c[0-9].conf\nPort 6\n").unwrap();
    std::fs::write(system.join("conf.d/a.conf"), "User machine\n").unwrap();
    std::fs::write(system.join("conf.d/b.conf"), "User wrong\nHostKeyAlias wrong\n").unwrap();
    let config = ConfigFiles::default().load(None, home.path(), &system).unwrap();
    let mut options = SshOptions::default();
    config.fill(Subject { host: "a", user: None, local_user: "me" }, &mut options).unwrap();
    assert_eq!((options.port, options.user.as_deref(), options.host_key_alias), (Some(5), Some("machine"), None));
}

/// What `ssh -G` says of a host with a configuration, by key.
fn oracle(config: &Path, host: &str) -> Option<HashMap<String, Vec<String>>> {
    let done = std::process::Command::new("ssh").arg("-F").arg(config).args(["-G", host]).output();
    let Ok(done) = done else {
        assert!(std::env::var_os("LUTHIER_REQUIRE_SHARED").is_none(), "ssh is required and missing");
        return None;
    };
    assert!(done.status.success(), "{}: {}", config.display(), String::from_utf8_lossy(&done.stderr));
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        found.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Some(found)
}

/// Configurations and hosts; `%D` is the folder they lie in, which has `inc/1.conf`, `inc/2.conf` and `inc/deep.conf`.
const TABLE: &[(&str, &[&str])] = &[
    ("Host a\n Port 1\nHost *\n Port 2\n User x\n", &["a", "b"]),
    ("Host a* !ab* ?x\n Port 1\n User \"qu oted\"\nPort = 3\n", &["a", "abc", "yx", "other"]),
    ("Host=a\n\tHostName=%h.lan\nMatch host *.LAN\n Port 9\nMatch originalhost a\n User o\n", &["a", "b.lan", "c"]),
    ("Match host a\n HostName z\n Port 5\nMatch host z\n User zed\nMatch !host z\n User other\n", &["a", "z", "q"]),
    ("Match user root localuser *\n Port 7\nMatch user nobody\n Port 8\n", &["a", "nobody@a"]),
    ("Match localuser !root,*\n Port 7\nMatch all\n Port 8\n", &["a"]),
    ("Match exec \"test %n = a\"\n Port 7\nMatch !exec \"test %h = b\"\n Port 8\n", &["a", "b", "c"]),
    ("Match host a exec true\n Port 7\nMatch host b exec false\n Port 8\n", &["a", "b"]),
    ("Match final all\n Port 4\nMatch host b\n Port 6\nMatch all\n HostName b\n", &["a"]),
    ("Host a\n HostName b\nHost b\n Port 3\nMatch final host b\n User fin\n IdentityFile ~/late\n", &["a", "b", "c"]),
    ("Match !final host a\n Port 3\nMatch canonical host a\n User x\n", &["a"]),
    ("Match canonical all\n Port 3\nMatch !all\n User x\n", &["a"]),
    ("IdentityFile ~/a\nIdentityFile \"/b c\"\nIdentityFile ~/a\nHost a\n IdentityFile %d/%r@%n\n", &["a", "b"]),
    ("CertificateFile ~/c1 # first\nCertificateFile ~/c2\nIdentitiesOnly yes\nIdentityAgent none\n", &["a"]),
    ("UserKnownHostsFile ~/k1 \"~/k 2\"\nGlobalKnownHostsFile /g1 /g2\nHostKeyAlias Al\nHashKnownHosts yes\n", &["a"]),
    ("StrictHostKeyChecking accept-new\nConnectTimeout 1m5\n", &["a"]),
    ("StrictHostKeyChecking off\nConnectTimeout none\nConnectTimeout 9\n", &["a"]),
    ("ProxyCommand  ssh -W \"%h:%p\" b # not a comment\nProxyJump c\n", &["a"]),
    ("Host a\n ProxyJump none\nHost *\n ProxyJump b\n ProxyCommand nc %h\n", &["a", "c"]),
    ("Host a\n ProxyJump none\nHost *\n ProxyJump b\n", &["a", "c"]),
    ("Host a\n ProxyCommand none\nHost *\n ProxyCommand nc %h\n ProxyJump b\n", &["a", "c"]),
    ("Host a\n Include %D/inc/[0-9].conf\n Port 9\nHost *\n User last\n", &["a", "b", "inner"]),
    ("Include %D/inc/deep.conf %D/inc/none*.conf\nPort 9\n", &["a", "inner"]),
    ("IgnoreUnknown foo\nFoo bar\n   # comment\n\n\tPORT\t=\t12\n", &["a"]),
    ("User a\\ b\nHostName 10.0.0.1#x\n", &["a"]),
];

#[test]
fn answers_are_those_of_ssh_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("inc")).unwrap();
    std::fs::write(path("inc/1.conf"), "User one\nHost inner\n Port 71\nMatch host a\n IdentityFile ~/one\n").unwrap();
    std::fs::write(path("inc/2.conf"), "HostKeyAlias two\n").unwrap();
    std::fs::write(path("inc/deep.conf"), format!("Host in*\n Include {}\n", path("inc/[12].conf").display())).unwrap();
    // ssh takes home and user from the account, whatever the environment says.
    let me = std::process::Command::new("sh").args(["-c", "id -un; eval echo ~$(id -un)"]).output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    let (local_user, home) = me.trim().split_once('\n').unwrap();
    let mut wrong = Vec::new();
    for (index, (text, hosts)) in TABLE.iter().enumerate() {
        let file = path(&format!("config{index}"));
        std::fs::write(&file, text.replace("%D", &folder.path().display().to_string())).unwrap();
        let config = SshConfig::load(&[(file.clone(), true)], Path::new(home), Path::new("/nowhere")).unwrap();
        for argument in *hosts {
            let Some(wanted) = oracle(&file, argument) else { return };
            let (user, host) = argument.split_once('@').map_or((None, *argument), |(user, host)| (Some(user), host));
            let mut options = SshOptions { user: user.map(str::to_owned), ..SshOptions::default() };
            config.fill(Subject { host, user, local_user }, &mut options).unwrap();
            let found = compare(&wanted, &options, host, (local_user, home));
            wrong.extend(found.iter().map(|row| format!("{argument} of {text:?}: {row}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything in which ssh and we differ.
fn compare(wanted: &HashMap<String, Vec<String>>, options: &SshOptions, host: &str, me: (&str, &str)) -> Vec<String> {
    let (local_user, home) = me;
    let one = |key: &str| wanted.get(key).map(|values| values.join(" ")).unwrap_or_default();
    let shown = |files: &[String]| files.join(" ").replace("~/", &format!("{home}/"));
    let flag = |flag: Option<bool>| if flag == Some(true) { "yes" } else { "no" }.to_owned();
    let mut rows = vec![
        ("hostname", dialled(options, host)),
        ("user", options.user.clone().unwrap_or_else(|| local_user.to_owned())),
        ("port", options.port.unwrap_or(22).to_string()),
        ("certificatefile", options.certificate_files.join(" ")),
        ("identitiesonly", flag(options.identities_only)),
        ("identityagent", options.identity_agent.clone().unwrap_or_default()),
        // ssh shows the alias as it will look it up; here that is done when it is looked up.
        ("hostkeyalias", options.host_key_alias.clone().unwrap_or_default().to_lowercase()),
        ("hashknownhosts", flag(options.hash_known_hosts)),
        ("connecttimeout", options.connect_timeout.map_or("none".to_owned(), |limit| limit.as_secs().to_string())),
    ];
    if options.identity_files.is_empty() {
        assert!(wanted["identityfile"].len() > 1, "ssh has its usual key files");
    } else {
        rows.push(("identityfile", options.identity_files.join(" ")));
    }
    rows.extend(options.user_known_hosts.as_ref().map(|files| ("userknownhostsfile", shown(files))));
    rows.extend(options.global_known_hosts.as_ref().map(|files| ("globalknownhostsfile", shown(files))));
    let mut wrong: Vec<String> = rows
        .into_iter()
        .filter(|(key, found)| one(key) != *found)
        .map(|(key, found)| format!("{key}: {} is {found} here", one(key)))
        .collect();
    let policy = match one("stricthostkeychecking").as_str() {
        "accept-new" => Some(HostKeyPolicy::AcceptNew),
        "false" | "off" | "no" => Some(HostKeyPolicy::Any),
        _ => None,
    };
    if policy != options.host_keys {
        wrong.push(format!("stricthostkeychecking: {} is {:?} here", one("stricthostkeychecking"), options.host_keys));
    }
    let way = match (one("proxyjump"), one("proxycommand")) {
        (jump, _) if !jump.is_empty() => format!("ProxyJump {jump}"),
        (_, command) if !command.is_empty() => format!("ProxyCommand {command}"),
        _ => String::new(),
    };
    let found = match &options.proxy {
        None | Some(Proxy::Direct) => String::new(),
        Some(Proxy::Command(line)) => format!("ProxyCommand {line}"),
        Some(Proxy::Jump(hops)) => {
            let hop = |hop: &Hop| {
                let user = hop.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let port = hop.port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{user}{}{port}", hop.host)
            };
            format!("ProxyJump {}", hops.iter().map(hop).collect::<Vec<_>>().join(","))
        }
    };
    if way != found {
        wrong.push(format!("{way} is {found} here"));
    }
    wrong
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "((Host|Match|Port|User|Include|[a-z]{0,5})[ =\"'\\\\#!a-z0-9é*?\t]{0,20}\n?){0,6}") {
        // No command that chance wrote is run.
        if !text.contains("exec") && let Ok(config) = parse(&text) {
            let _ = config.fill(Subject { host: "a", user: None, local_user: "me" }, &mut SshOptions::default());
        }
    }
}

#[test]
fn a_comment_in_another_encoding_stops_nobody() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let file = home.path().join(".ssh/config");
    std::fs::write(&file, b"# M\xfcller\nInclude other\nPort 24\n").unwrap();
    std::fs::write(home.path().join(".ssh/other"), b"# \xe9\nUser ops\n").unwrap();
    let config = SshConfig::load(&[(file, true)], home.path(), Path::new("/none")).unwrap();
    let mut options = SshOptions::default();
    config.fill(Subject { host: "web1", user: None, local_user: "me" }, &mut options).unwrap();
    assert_eq!((options.port, options.user.as_deref()), (Some(24), Some("ops")));
}

#[test]
fn what_ssh_heeds_and_is_not_heeded_here_is_told_where_it_holds() {
    let text = "Host a\n Ciphers aes128-ctr\n ForwardAgent no\n Compression yes\nHost b\n ForwardAgent yes\n";
    assert_eq!(options(text, "a").warnings, ["/h/.ssh/config:2: ssh option `ciphers` is not heeded here"]);
    assert_eq!(options(text, "b").warnings, ["/h/.ssh/config:6: ssh option `forwardagent` is not heeded here"]);
    assert!(options(text, "c").warnings.is_empty());
    // Distributions set such things for everybody.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ssh_config"), "SendEnv LANG LC_*\n").unwrap();
    let config = SshConfig::load(&[(folder.path().join("ssh_config"), true)], Path::new("/h"), folder.path()).unwrap();
    let mut found = SshOptions::default();
    config.fill(Subject { host: "a", user: None, local_user: "me" }, &mut found).unwrap();
    assert!(found.warnings.is_empty());
}

#[test]
fn a_name_that_ssh_does_not_have_is_an_error_unless_it_is_to_be_ignored() {
    let error = parse("Host a\n  IdentityFiel x\n").unwrap_err().to_string();
    assert_eq!(error, "/h/.ssh/config:2:3: ssh has no option `identityfiel` (did you mean `identityfile`?)");
    assert!(parse("IdentityFiel x\nIgnoreUnknown Identity*\n").is_err());
    let found = options("IgnoreUnknown Strange,Identity*\nIdentityFiel x\nstrange 1\nUseKeychain yes\nPort 5\n", "a");
    assert_eq!(found.port, Some(5));
}
