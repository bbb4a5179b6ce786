//! A recording: events as JSON lines, compressed as one zstd stream. Flushed blocks can be read while it is written, and
//! one whose writer was killed reads up to its last flush.

use super::HistoryError;
use crate::event::Event;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// Compression level: strong enough for text, cheap enough for the time of a run.
const LEVEL: i32 = 3;

/// A longer line is no event of ours.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// Writes a recording.
pub(super) struct Writer {
    encoder: zstd::Encoder<'static, File>,
}

impl Writer {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Ok(Self { encoder: zstd::Encoder::new(file, LEVEL)? })
    }

    /// One line, with its line break.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.encoder.write_all(line)
    }

    /// Everything so far can be read from now on.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }

    /// Close it well.
    pub(super) fn finish(self) -> io::Result<()> {
        self.encoder.finish()?.sync_data()
    }
}

/// The events of a recording, one after another. Ends quietly where a killed controller's recording is torn, and passes
/// over events of later versions that it does not know.
pub struct Events {
    reader: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    torn: bool,
}

impl Events {
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let file = File::open(path).map_err(HistoryError::file("open", path))?;
        let decoder = zstd::Decoder::new(file).map_err(HistoryError::file("read", path))?;
        Ok(Self { reader: BufReader::new(decoder), torn: false })
    }

    /// Whether the end that was reached was not a well closed one.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// The next whole line, if there is one.
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let mut limited = io::Read::take(&mut self.reader, LONGEST_LINE);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.last() == Some(&b'\n') => Some(line),
            // What is torn or damaged has no further end to look for.
            Ok(_) | Err(_) => {
                self.torn = true;
                None
            }
        }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while !self.torn {
            let line = self.line()?;
            if let Ok(event) = serde_json::from_slice(&line) {
                return Some(event);
            }
        }
        None
    }
}
