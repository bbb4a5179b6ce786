//! Reading many small kernel files: one buffer, one `open`, one `read` and one `close` a file.
//!
//! [`Host::read`] asks for a file's length first and reads until the end; for the thousands of attributes below `/sys`
//! that is twice the work. A kernel attribute comes whole in the first read when it is shorter than a page.

use super::Host;
use std::fs::File;
use std::io::{self, Read};

/// Shorter reads of kernel attributes are complete; at this length more may follow.
const PAGE: usize = 4096;

/// Nothing the kernel tells as text is longer; what is longer is cut.
const LIMIT: usize = 16 * 1024 * 1024;

/// A buffer to read kernel files into.
#[derive(Debug)]
pub struct Attributes<'a> {
    host: &'a Host,
    buffer: Vec<u8>,
    cut: bool,
}

impl<'a> Attributes<'a> {
    /// A reader for a host.
    pub fn new(host: &'a Host) -> Self {
        Self { host, buffer: vec![0; 2 * PAGE], cut: false }
    }

    /// A kernel attribute (`/sys`, `/proc/sys`) as text without white space around it.
    pub fn text(&mut self, path: &str) -> io::Result<&str> {
        self.fill(path, LIMIT, PAGE)?.map_err(|_| io::Error::other("it is not text"))
    }

    /// A whole file of `/proc` or `/etc`, which may come in several pieces, as text without white space around it.
    pub fn file(&mut self, path: &str) -> io::Result<&str> {
        self.fill(path, LIMIT, 1)?.map_err(|_| io::Error::other("it is not text"))
    }

    /// Whether the file that was read last may go on behind the 16 MiB that are kept of it.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The beginning of a file, `length` bytes where it is that long.
    pub fn head(&mut self, path: &str, length: usize) -> io::Result<&str> {
        self.fill(path, length, 1)?.map_err(|_| io::Error::other("it is not text"))
    }

    /// A whole file of any bytes.
    pub fn bytes(&mut self, path: &str) -> io::Result<&[u8]> {
        let used = self.load(path, LIMIT, 1)?;
        Ok(self.buffer.get(..used).unwrap_or_default())
    }

    /// The beginning of a file of any bytes.
    pub fn head_bytes(&mut self, path: &str, length: usize) -> io::Result<&[u8]> {
        let used = self.load(path, length, 1)?;
        Ok(self.buffer.get(..used).unwrap_or_default())
    }

    fn fill(&mut self, path: &str, limit: usize, whole: usize) -> io::Result<Result<&str, std::str::Utf8Error>> {
        let used = self.load(path, limit, whole)?;
        let mut bytes = self.buffer.get(..used).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(bytes)
            && error.error_len().is_none()
        {
            // The limit cut a letter in two.
            bytes = bytes.get(..error.valid_up_to()).unwrap_or_default();
        }
        Ok(std::str::from_utf8(bytes).map(str::trim))
    }

    /// Reads until the end of the file, a piece shorter than `whole`, or `limit`; how many bytes the buffer holds then.
    fn load(&mut self, path: &str, limit: usize, whole: usize) -> io::Result<usize> {
        let outcome = self.read_up_to(path, limit, whole);
        self.cut = matches!(outcome, Ok(LIMIT..));
        let bytes = outcome.as_ref().map(|used| self.buffer.get(..*used).unwrap_or_default());
        self.host.saw_file(path, bytes);
        outcome
    }

    fn read_up_to(&mut self, path: &str, limit: usize, whole: usize) -> io::Result<usize> {
        let mut file = File::open(self.host.path(path))?;
        let mut used = 0;
        loop {
            if used == self.buffer.len() {
                // A large file tells its length, and one byte more shows that it ends there; the kernel's own do not.
                let told = file.metadata().map_or(0, |metadata| metadata.len() as usize);
                self.buffer.resize((told.min(LIMIT) + 1).max(used * 2), 0);
            }
            let end = self.buffer.len().min(limit);
            let space = self.buffer.get_mut(used..end).unwrap_or_default();
            match file.read(space) {
                Ok(0) => break,
                Ok(count) => {
                    used += count;
                    if count < whole || used >= limit {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn short_long_and_missing_files() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("short"), " 7\n").unwrap();
        std::fs::write(root.path().join("long"), "x".repeat(100_000)).unwrap();
        let host = Host::under(root.path());
        let mut attributes = Attributes::new(&host);
        assert_eq!(attributes.file("/long").unwrap().len(), 100_000);
        assert_eq!(attributes.text("/short").unwrap(), "7");
        assert_eq!(attributes.head("/long", 5000).unwrap().len(), 5000);
        assert!(!attributes.is_cut());
        std::fs::File::create(root.path().join("huge")).unwrap().set_len(LIMIT as u64 + 5).unwrap();
        assert_eq!((attributes.bytes("/huge").unwrap().len(), attributes.is_cut()), (LIMIT, true));
        std::fs::write(root.path().join("letters"), "éé").unwrap();
        assert_eq!(attributes.head("/letters", 3).unwrap(), "é");
        assert_eq!(attributes.text("/none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
