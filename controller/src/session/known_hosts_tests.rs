//! The known_hosts parser and its verdicts.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn blob(algorithm: &str, body: &str) -> Vec<u8> {
    let mut out = (algorithm.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(algorithm.as_bytes());
    out.extend_from_slice(body.as_bytes());
    out
}

fn line(names: &str, algorithm: &str, body: &str) -> String {
    format!("{names} {algorithm} {} a comment\n", STANDARD.encode(blob(algorithm, body)))
}

fn hosts(texts: &[String]) -> KnownHosts {
    KnownHosts::new(
        texts
            .iter()
            .enumerate()
            .map(|(index, text)| Arc::new(KnownFile::parse(Path::new(&format!("/k{index}")), text.as_bytes())))
            .collect(),
    )
}

const ED: &str = "ssh-ed25519";

#[test]
fn a_recorded_key_is_trusted_and_another_is_changed() {
    let known = hosts(&[format!("# note\n\n{}", line("web1,10.0.0.1", ED, "one"))]);
    assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Trusted);
    assert_eq!(known.verdict("WEB1", &blob(ED, "one")), Verdict::Trusted);
    assert_eq!(known.verdict("10.0.0.1", &blob(ED, "one")), Verdict::Trusted);
    assert_eq!(known.verdict("web2", &blob(ED, "one")), Verdict::Unknown);
    let Verdict::Changed { recorded } = known.verdict("web1", &blob(ED, "two")) else { unreachable!() };
    assert_eq!((recorded[0].line, recorded[0].file.to_str()), (3, Some("/k0")));
    assert_eq!(recorded[0].key.fingerprint, fingerprint(&blob(ED, "one")));
}

#[test]
fn any_matching_key_of_any_file_wins() {
    let known = hosts(&[line("web1", ED, "old"), line("web1", ED, "new") + &line("web1", "ssh-rsa", "r")]);
    assert_eq!(known.verdict("web1", &blob(ED, "new")), Verdict::Trusted);
    assert_eq!(known.algorithms("web1"), ["ssh-ed25519", "ssh-rsa"]);
    let Verdict::Changed { recorded } = known.verdict("web1", &blob(ED, "x")) else { unreachable!() };
    assert_eq!(recorded.len(), 3);
}

#[test]
fn a_revoked_key_is_refused_even_where_it_is_recorded() {
    let known = hosts(&[line("web1", ED, "one") + "@revoked " + &line("*", ED, "one")]);
    assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Revoked { file: "/k0".into(), line: 2 });
    assert_eq!(
        known.verdict("web1", &blob(ED, "two")),
        Verdict::Changed {
            recorded: vec![Recorded {
                key: KeyPrint { algorithm: ED.into(), fingerprint: fingerprint(&blob(ED, "one")) },
                file: "/k0".into(),
                line: 1
            }]
        }
    );
}

#[test]
fn patterns_negation_and_ports() {
    let known = hosts(&[line("*.lan,!db*.lan", ED, "lan") + &line("[web1]:2222", ED, "port")]);
    assert_eq!(known.verdict("a.lan", &blob(ED, "lan")), Verdict::Trusted);
    assert_eq!(known.verdict("db1.lan", &blob(ED, "lan")), Verdict::Unknown);
    assert_eq!(known.verdict(&host_name("Web1", 2222), &blob(ED, "port")), Verdict::Trusted);
    assert_eq!(known.verdict(&host_name("web1", 22), &blob(ED, "port")), Verdict::Unknown);
}

#[test]
fn hashed_names_are_found() {
    let salt = [0_u8; 20];
    let name = format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(name_hash(&salt, "web1")));
    let known = hosts(&[line(&name, ED, "one") + &line(&hashed_name("[web2]:24"), ED, "two")]);
    assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Trusted);
    assert_eq!(known.verdict("[web2]:24", &blob(ED, "two")), Verdict::Trusted);
    assert_eq!(known.verdict("web3", &blob(ED, "one")), Verdict::Unknown);
}

#[test]
fn a_name_is_searched_for_once() {
    let known = hosts(&[line(&hashed_name("web1"), ED, "one")]);
    for _ in 0..2 {
        assert_eq!(known.algorithms("web1"), [ED]);
        assert!(!known.has_authority("Web1"));
        assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Trusted);
    }
    assert_eq!(known.files[0].found.lock().unwrap().len(), 1);
    // What is recorded later is found all the same.
    let folder = tempfile::tempdir().unwrap();
    let file = KnownFiles::default().load(&folder.path().join("known_hosts"));
    let known = KnownHosts::new(vec![Arc::clone(&file)]);
    assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Unknown);
    file.record("web1", ED, &blob(ED, "one"), true).unwrap();
    assert_eq!(known.verdict("web1", &blob(ED, "one")), Verdict::Trusted);
}

#[test]
fn authorities_are_kept_apart_from_keys() {
    let known = hosts(&["@cert-authority ".to_owned() + &line("*.lan", ED, "ca")]);
    assert!(known.trusts_authority("a.lan", &blob(ED, "ca")));
    assert!(!known.trusts_authority("a.wan", &blob(ED, "ca")));
    assert!(known.has_authority("a.lan") && !known.has_authority("a.wan"));
    assert_eq!(known.verdict("a.lan", &blob(ED, "ca")), Verdict::Unknown);
}

#[test]
fn garbage_lines_are_passed_over_with_file_and_line() {
    let text =
        format!("web1\nweb1 {ED} !!!\nweb1 ssh-rsa {}\n@who web1 a b\n1024 35 123\n", STANDARD.encode(blob(ED, "x")));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\xff\xfe\n");
    bytes.extend_from_slice(line("web1", ED, "good").as_bytes());
    let file = KnownFile::parse(Path::new("/k"), &bytes);
    assert_eq!(file.warnings()[0], "/k:1: line passed over: key type is missing");
    assert_eq!(file.warnings().len(), 6);
    assert_eq!(KnownHosts::new(vec![Arc::new(file)]).verdict("web1", &blob(ED, "good")), Verdict::Trusted);
}

#[test]
fn a_recorded_key_is_appended_and_known_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ssh/known_hosts");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "# no line end").unwrap();
    let files = KnownFiles::default();
    for hashed in [false, true] {
        let file = files.load(&path);
        let name = if hashed { "web2" } else { "web1" };
        file.record(name, ED, &blob(ED, "new"), hashed).unwrap();
        file.record(name, ED, &blob(ED, "new"), hashed).unwrap();
        assert_eq!(KnownHosts::new(vec![file]).verdict(name, &blob(ED, "new")), Verdict::Trusted);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains("web2"));
    let again = KnownHosts::new(vec![KnownFiles::default().load(&path)]);
    assert_eq!(again.verdict("web1", &blob(ED, "new")), Verdict::Trusted);
    assert_eq!(again.verdict("web2", &blob(ED, "new")), Verdict::Trusted);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let known = KnownHosts::new(vec![Arc::new(KnownFile::parse(Path::new("/k"), &bytes))]);
        known.verdict("web1", b"key");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(@[a-z-]{0,9} )?[|!*?,a-z1=\\[\\]:]{0,30} (ssh-ed25519|[a-z ]{0,9}) [A-Za-z=]{0,40}\n") {
        let known = KnownHosts::new(vec![Arc::new(KnownFile::parse(Path::new("/k"), text.as_bytes()))]);
        known.verdict("a1", b"key");
        known.algorithms("a1");
    }
}
