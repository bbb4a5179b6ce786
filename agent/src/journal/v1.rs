//! Version 1 of the journal's format on disk.
//!
//! [`MAGIC`], the version as a 32-bit number, then records: length and CRC-32 of the payload (32 bits each, little
//! endian) and the payload, a [`Record`] as MessagePack with named fields. The first record is [`Record::Opened`]. A
//! record that is cut off or fails its check sum ends the file: it was being written when the machine stopped.

use crate::host::crc32;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use luthier_protocol::change::{Bytes, Resource, Reversal, Scope, State};
use luthier_protocol::name::{HostName, RunId, Seq};
use luthier_protocol::packed::{self, unpack};
use luthier_protocol::{packed_enum, packed_struct};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// First bytes of every journal file.
pub const MAGIC: &[u8; 16] = b"luthier journal\n";

/// Version of this format.
pub const VERSION: u32 = 1;

/// Bytes before the first record.
pub const HEADER: u64 = MAGIC.len() as u64 + 4;

/// Bytes before a record's payload.
pub const RECORD_HEADER: usize = 8;

/// Largest original kept, in bytes before compression.
pub const MAX_ORIGINAL: usize = 64 * 1024 * 1024;

/// Largest record: a full original that would not shrink, and what stands around it.
pub const MAX_RECORD: usize = MAX_ORIGINAL + 8 * 1024 * 1024;

/// One step in the life of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// The transaction begins.
    Opened(Opened),
    /// A change is about to be made.
    Intent(Box<Intent>),
    /// It was made and read back.
    Done {
        /// The intent's number.
        number: u64,
    },
    /// Its original is back.
    Undone {
        /// The intent's number.
        number: u64,
    },
    /// The host's list ended.
    Closed,
    /// Somebody asked to undo the transaction.
    RolledBack {
        /// Nothing of it is left that could be undone.
        complete: bool,
    },
}

/// Whose transaction it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The run.
    pub run: RunId,
    /// Inventory name of the host.
    pub host: HostName,
    /// User whose agent writes.
    pub user: String,
    /// Seconds since 1970-01-01 UTC.
    pub opened: u64,
    /// Process id of the agent.
    pub pid: u32,
    /// The running boot.
    pub boot: String,
}

/// A change that is about to be made, with everything needed to take it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Number within the transaction, from 1 on.
    pub number: u64,
    /// The task's number.
    pub seq: Seq,
    /// The task's name.
    pub task: String,
    /// What is changed.
    pub resource: Resource,
    /// The original without its bytes.
    pub before: State,
    /// The original's bytes, deflated.
    pub original: Option<Bytes>,
    /// What is wanted, without bytes.
    pub after: State,
    /// SHA-256 of the wanted bytes.
    pub after_sha256: Option<String>,
    /// When it takes effect.
    pub scope: Scope,
    /// Whether it can be taken back.
    pub revert: Reversal,
    /// Environment of the command that undoes it.
    pub environment: BTreeMap<String, String>,
}

packed_enum!(Record = Self::Closed;
    Opened(opened),
    Intent(intent),
    Done { number },
    Undone { number },
    Closed,
    RolledBack { complete },
);
packed_struct!(Opened { run, host, user, opened, pid, boot });
packed_struct!(Intent {
    number,
    seq,
    task,
    resource,
    before,
    original,
    after,
    after_sha256,
    scope,
    revert,
    environment
});

impl Intent {
    /// The original with its bytes.
    pub fn original(&self) -> io::Result<State> {
        let (State::File { meta, .. }, Some(packed)) = (&self.before, &self.original) else {
            return Ok(self.before.clone());
        };
        let mut bytes = Vec::new();
        DeflateDecoder::new(packed.0.as_slice()).take(MAX_ORIGINAL as u64 + 1).read_to_end(&mut bytes)?;
        Ok(State::File { content: Some(Bytes(bytes)), meta: meta.clone() })
    }
}

/// Bytes deflated, quickly rather than tightly: the write waits for it.
pub fn pack(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(Bytes(encoder.finish()?))
}

/// The file's first bytes.
pub fn header() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// A record as it lies on disk.
pub fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let payload = packed::pack(record);
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(payload.len() + RECORD_HEADER);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Length and check sum of a record from its first bytes; `None` when that is not the start of a record.
pub fn record_head(bytes: &[u8]) -> Option<(usize, u32)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let check = rest.first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > MAX_RECORD { None } else { Some((length, u32::from_le_bytes(*check))) }
}

/// A record from its payload; `None` when the check sum tells that it is damaged.
pub fn decode(payload: &[u8], check: u32) -> Option<Record> {
    if crc32(payload) != check {
        return None;
    }
    unpack(payload).ok()
}
