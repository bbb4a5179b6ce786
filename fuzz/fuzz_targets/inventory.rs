//! Any bytes as an inventory in either form, and as a range of host names: no panic, no endless list, and every error has a
//! place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use luthier::inventory::{expand, ini, parse_address, yaml};
use std::path::Path;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file: Arc<Path> = Arc::from(Path::new("hosts"));
    if let Err(errors) = ini::parse_str(text, &file) {
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|error| error.origin.as_ref().is_some_and(|origin| origin.line >= 1)), "{errors:?}");
    }
    if let Err(error) = yaml::parse_str(text, &file) {
        assert!(error.origin.is_some(), "{error}");
    }
    for line in text.lines() {
        let _ = expand(line);
        let _ = parse_address(line);
    }
});
