//! Files of which little is wanted, where reading the rest would be slow: every word of a PCI function's configuration space
//! is a question to the hardware, and on a virtual machine one to the hypervisor; the list of PCI names is long.

use super::{Attributes, Host};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// An open file that is read in pieces.
#[derive(Debug)]
pub enum Pieces {
    /// Asked as words are wanted.
    File(File),
    /// Read before, because somebody remembers what is read.
    Bytes(Vec<u8>),
}

impl Host {
    /// A file to read in pieces; a recording remembers its first `limit` bytes.
    pub fn pieces(&self, path: &str, limit: usize) -> io::Result<Pieces> {
        if self.is_recorded() {
            return Ok(Pieces::Bytes(Attributes::new(self).head_bytes(path, limit)?.to_vec()));
        }
        File::open(self.path(path)).map(Pieces::File)
    }
}

impl Pieces {
    /// Its length in bytes, as far as it tells one.
    pub fn length(&self) -> usize {
        match self {
            Self::File(file) => file.metadata().map_or(0, |metadata| metadata.len() as usize),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Bytes from a place on, as many as fit and there are; none where reading fails.
    pub fn read<'a>(&self, at: usize, space: &'a mut [u8]) -> &'a [u8] {
        let count = match self {
            Self::File(file) => file.read_at(space, at as u64).unwrap_or(0),
            Self::Bytes(bytes) => {
                let rest = bytes.get(at..).unwrap_or_default();
                let count = rest.len().min(space.len());
                space.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                count
            }
        };
        space.get(..count).unwrap_or_default()
    }

    /// Every line, in order, of a text of any length; of the text no more is kept than the longest line.
    pub fn lines(&self, each: &mut dyn FnMut(&str)) {
        let mut buffer = vec![0; 1 << 16];
        let (mut at, mut held) = (0, 0);
        loop {
            if held == buffer.len() {
                buffer.resize(held * 2, 0);
            }
            let count = self.read(at, buffer.get_mut(held..).unwrap_or_default()).len();
            at += count;
            held += count;
            let text = buffer.get(..held).unwrap_or_default();
            // The last line may come without an end.
            let end =
                if count == 0 { held } else { text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) };
            String::from_utf8_lossy(text.get(..end).unwrap_or_default()).lines().for_each(&mut *each);
            if count == 0 {
                return;
            }
            buffer.copy_within(end..held, 0);
            held -= end;
        }
    }

    /// The 32-bit word at a place, least byte first; `None` behind the end, or where reading is not permitted.
    pub fn word(&self, at: usize) -> Option<u32> {
        let mut word = [0; 4];
        match self {
            Self::File(file) => file.read_exact_at(&mut word, at as u64).ok()?,
            Self::Bytes(bytes) => word.copy_from_slice(bytes.get(at..at.checked_add(4)?)?),
        }
        Some(u32::from_le_bytes(word))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lines_of_a_text_of_any_length() {
        let root = tempfile::tempdir().unwrap();
        let long = "x".repeat(200_000);
        std::fs::write(root.path().join("text"), format!("one\n{long}\n\n{}last", "two\n".repeat(50_000))).unwrap();
        let live = Host::under(root.path());
        for host in [live.recorded(), live] {
            let (mut count, mut lengths) = (0, 0);
            host.pieces("/text", 1 << 24).unwrap().lines(&mut |line| {
                count += 1;
                lengths += line.len();
            });
            assert_eq!((count, lengths), (50_004, 3 + 200_000 + 150_000 + 4));
        }
    }

    #[test]
    fn words_of_a_file_and_of_a_recording() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("config"), [1, 2, 3, 4, 5, 6, 7]).unwrap();
        let live = Host::under(root.path());
        for host in [live.recorded(), live] {
            let pieces = host.pieces("/config", 256).unwrap();
            assert_eq!((pieces.word(0), pieces.word(3)), (Some(0x0403_0201), Some(0x0706_0504)));
            assert_eq!((pieces.word(4), pieces.word(usize::MAX)), (None, None));
            assert_eq!(
                (pieces.length(), pieces.read(5, &mut [0; 4]), pieces.read(9, &mut [0; 4])),
                (7, &[6, 7][..], &[][..])
            );
            assert!(host.pieces("/none", 256).is_err());
            // More than one read brings.
            std::fs::write(root.path().join("list"), [7; 100_000]).unwrap();
            assert_eq!(host.pieces("/list", 1 << 24).unwrap().read(99_998, &mut [0; 4]), [7, 7]);
        }
    }
}
