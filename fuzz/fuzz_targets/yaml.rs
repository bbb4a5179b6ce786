//! Any bytes as a YAML file: no panic, and what is wrong has a place in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use luthier::template::yaml_text;
use luthier::yaml::{Diagnostic, decode, parse_str, split_arguments};
use std::path::Path;
use std::sync::Arc;

fn placed(error: &Diagnostic, lines: usize) {
    let origin = error.origin.as_ref().expect("a place");
    // What is missing at the end may be missed on the line behind it.
    assert!(origin.line >= 1 && origin.line <= lines + 1 && origin.column >= 1, "{error}");
}

fuzz_target!(|bytes: &[u8]| {
    let file: Arc<Path> = Arc::from(Path::new("f.yml"));
    // A file may end with an end of line, or without one.
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    let text = match decode(bytes, &file) {
        Ok(text) => text,
        Err(error) => return placed(&error, lines),
    };
    // The arguments of a free-form task are split likewise.
    let _ = split_arguments(text, None);
    match parse_str(text, &file) {
        Err(error) => placed(&error, lines),
        Ok(documents) => {
            for document in documents {
                let mut warnings = Vec::new();
                let value = document.to_value_warn(&mut warnings);
                // What is written can be read.
                let written = yaml_text(&value);
                assert!(parse_str(&written, &file).is_ok(), "{written}");
            }
        }
    }
});
