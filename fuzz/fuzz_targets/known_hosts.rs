//! Any bytes as a known_hosts file: no panic, and a key is trusted only where some line names it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use luthier::session::known_hosts::{KnownFile, KnownHosts, Verdict, fingerprint, host_name};
use std::path::Path;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let known = KnownHosts::new(vec![Arc::new(KnownFile::parse(Path::new("/k"), bytes))]);
    for name in [host_name("web1.example.com", 22), host_name("10.0.0.1", 2222)] {
        known.algorithms(&name);
        // No line can hold a key without a type.
        assert_ne!(known.verdict(&name, b""), Verdict::Trusted);
        assert!(!known.trusts_authority(&name, b""));
        if let Verdict::Changed { recorded } = known.verdict(&name, b"no key") {
            assert!(!recorded.is_empty());
            assert!(recorded.iter().all(|row| row.line > 0 && row.key.fingerprint != fingerprint(b"no key")));
        }
    }
});
