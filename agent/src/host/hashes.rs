//! Digests of bytes and files.

use super::Host;
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};

/// A digest's algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// By its lower-case name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }
}

impl Host {
    /// Digest of a file's content, lower-case hexadecimal. The file is read in pieces.
    pub fn digest(&self, path: &str, algorithm: Algorithm) -> io::Result<String> {
        let file = File::open(self.path(path))?;
        match algorithm {
            Algorithm::Md5 => stream::<Md5>(file),
            Algorithm::Sha1 => stream::<Sha1>(file),
            Algorithm::Sha224 => stream::<Sha224>(file),
            Algorithm::Sha256 => stream::<Sha256>(file),
            Algorithm::Sha384 => stream::<Sha384>(file),
            Algorithm::Sha512 => stream::<Sha512>(file),
        }
    }
}

/// Keyed digest (RFC 2104) with SHA-1. The key is at most 64 bytes long.
pub fn hmac_sha1(key: &[u8], text: &[u8]) -> [u8; 20] {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        Sha1::new().chain_update(block)
    };
    let inner = padded(0x36).chain_update(text).finalize();
    padded(0x5c).chain_update(inner).finalize().into()
}

/// Digest of bytes, lower-case hexadecimal.
pub fn digest(bytes: &[u8], algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Md5 => hexadecimal(&Md5::digest(bytes)),
        Algorithm::Sha1 => hexadecimal(&Sha1::digest(bytes)),
        Algorithm::Sha224 => hexadecimal(&Sha224::digest(bytes)),
        Algorithm::Sha256 => hexadecimal(&Sha256::digest(bytes)),
        Algorithm::Sha384 => hexadecimal(&Sha384::digest(bytes)),
        Algorithm::Sha512 => hexadecimal(&Sha512::digest(bytes)),
    }
}

fn stream<D: Digest>(mut file: File) -> io::Result<String> {
    let mut digest = D::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hexadecimal(&digest.finalize()));
        }
        digest.update(piece.get(..read).unwrap_or_default());
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_and_its_bytes_have_the_published_digests() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("abc"), "abc").unwrap();
        let host = Host::under(folder.path());
        assert_eq!(host.digest("/abc", Algorithm::Sha1).unwrap(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digest(b"abc", Algorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        let keyed = hmac_sha1(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hexadecimal(&keyed), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(host.digest("/abc", Algorithm::Sha256).unwrap(), digest(b"abc", Algorithm::Sha256));
    }
}
