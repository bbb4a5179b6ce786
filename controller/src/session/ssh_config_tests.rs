//! OpenSSH client configuration files.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

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
fn what_cannot_be_judged_is_passed_over_with_a_warning() {
    let config = parse("Match exec \"test -f /x\"\n Port 1\nMatch !final all\n Port 2\nHost *\n Port 3").unwrap();
    assert_eq!(config.warnings().len(), 2);
    assert!(
        config.warnings()[0].starts_with("/h/.ssh/config:1: `Match exec` is not understood"),
        "{:?}",
        config.warnings()
    );
    let mut options = SshOptions::default();
    config.fill(Subject { host: "a", user: None, local_user: "me" }, &mut options).unwrap();
    assert_eq!(options.port, Some(3));
}

#[test]
fn errors_name_file_and_line() {
    for (text, wanted) in [
        ("Host a\nPort x\n", "/h/.ssh/config:2: `x` is no port (1 to 65535)"),
        ("\nUser\n", "/h/.ssh/config:2: User has no value"),
        ("User \"a\n", "/h/.ssh/config:1: a quote is not closed"),
        ("Match wat x\n", "/h/.ssh/config:1: Match does not know `wat`"),
        ("Match host\n", "/h/.ssh/config:1: Match host needs a value"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), wanted);
    }
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
    assert!(error.to_string().ends_with("config:1: more than 16 files include each other"), "{error}");
}

#[test]
fn a_named_file_must_exist() {
    let files = ConfigFiles::default();
    let error = files.load(Some("/no/such/file"), Path::new("/h"), Path::new("/s")).unwrap_err();
    assert!(error.to_string().starts_with("/no/such/file:0: cannot read"), "{error}");
    assert_eq!(*files.load(Some("none"), Path::new("/h"), Path::new("/s")).unwrap(), SshConfig::default());
    assert_eq!(*files.load(None, Path::new("/h"), Path::new("/s")).unwrap(), SshConfig::default());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "((Host|Match|Port|User|Include|[a-z]{0,5})[ =\"'\\\\#!a-z0-9é*?\t]{0,20}\n?){0,6}") {
        if let Ok(config) = parse(&text) {
            let _ = config.fill(Subject { host: "a", user: None, local_user: "me" }, &mut SshOptions::default());
        }
    }
}
