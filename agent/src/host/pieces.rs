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
