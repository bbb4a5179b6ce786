//! The agents there are: the one built into this program, and those of a folder.

use super::SessionError;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use luthier_protocol::bootstrap::ArchHash;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

include!(concat!(env!("OUT_DIR"), "/agent.rs"));

/// Name of an agent's file in a folder, before its architecture.
const FILE_PREFIX: &str = "luthier-agent-";

/// The agents there are, one an architecture.
#[derive(Debug, Clone, Default)]
pub struct Agents {
    rows: Vec<Arc<Agent>>,
}

/// One agent program.
pub struct Agent {
    /// Architecture as `uname -m` says it.
    pub arch: String,
    /// SHA-256 of the program, lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    packed: OnceLock<Cow<'static, [u8]>>,
    raw: OnceLock<Vec<u8>>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({} {} {} bytes)", self.arch, self.sha256, self.size)
    }
}

/// The embedded agent and those of a folder (files named `luthier-agent-ARCH`), which win.
pub fn agents(folder: Option<&Path>) -> Result<Agents, SessionError> {
    let mut rows: Vec<Arc<Agent>> = Vec::new();
    if let Some(folder) = folder {
        for (arch, path) in listed(folder)? {
            let bytes = std::fs::read(&path)
                .map_err(|error| SessionError::AgentFile { path: path.clone(), reason: error.to_string() })?;
            if !bytes.starts_with(b"\x7fELF") {
                return Err(SessionError::AgentFile { path, reason: "it is no Linux program (ELF)".to_owned() });
            }
            if let Some(reason) = other_machine(&arch, &bytes) {
                return Err(SessionError::AgentFile { path, reason });
            }
            rows.push(Arc::new(Agent::new(arch, bytes)));
        }
    }
    if let Some((arch, sha256, size, packed)) = EMBEDDED
        && !rows.iter().any(|row| row.arch == arch)
    {
        let agent = Agent {
            arch: arch.to_owned(),
            sha256: sha256.to_owned(),
            size,
            packed: OnceLock::from(Cow::Borrowed(packed)),
            raw: OnceLock::new(),
        };
        rows.push(Arc::new(agent));
    }
    Ok(Agents { rows })
}

/// Architectures as `uname -m` says them, and as programs are marked for them (`e_machine`).
const MACHINES: &[(&str, u16)] =
    &[("x86_64", 62), ("aarch64", 183), ("riscv64", 243), ("ppc64le", 21), ("s390x", 22), ("loongarch64", 258)];

/// Why a program is not for the architecture its file is named for.
fn other_machine(arch: &str, program: &[u8]) -> Option<String> {
    let (_, wanted) = MACHINES.iter().find(|(name, _)| *name == arch)?;
    let is_big = program.get(5) == Some(&2);
    let mark: [u8; 2] = program.get(18..20)?.try_into().ok()?;
    let found = if is_big { u16::from_be_bytes(mark) } else { u16::from_le_bytes(mark) };
    let name = MACHINES.iter().find(|(_, number)| *number == found).map_or("another machine", |(name, _)| name);
    (found != *wanted).then(|| format!("it is a program for {name}, and its name says {arch}"))
}

fn listed(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>, SessionError> {
    let wrong = |error: std::io::Error| SessionError::AgentFile { path: folder.into(), reason: error.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if let Some(arch) = entry.file_name().to_string_lossy().strip_prefix(FILE_PREFIX)
            && !arch.is_empty()
            && arch.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            found.push((arch.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

impl Agents {
    /// Agents given as they are: (architecture, program).
    pub fn from_programs(programs: Vec<(String, Vec<u8>)>) -> Self {
        Self { rows: programs.into_iter().map(|(arch, bytes)| Arc::new(Agent::new(arch, bytes))).collect() }
    }

    /// The agent of an architecture.
    pub fn get(&self, arch: &str) -> Option<&Arc<Agent>> {
        self.rows.iter().find(|row| row.arch == arch)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.rows.iter()
    }

    /// The architectures, for people.
    pub fn known(&self) -> String {
        let names: Vec<&str> = self.rows.iter().map(|row| row.arch.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// What a bootstrap script has to know.
    pub(super) fn hashes(&self) -> Vec<ArchHash> {
        self.rows.iter().map(|row| ArchHash { arch: row.arch.clone(), hash: row.sha256.clone() }).collect()
    }
}

impl Agent {
    fn new(arch: String, bytes: Vec<u8>) -> Self {
        Self {
            arch,
            sha256: hex(&Sha256::digest(&bytes)),
            size: bytes.len() as u64,
            packed: OnceLock::new(),
            raw: OnceLock::from(bytes),
        }
    }

    /// The program as gzip, compressed at most once.
    pub fn packed(&self) -> Result<&[u8], SessionError> {
        if let Some(packed) = self.packed.get() {
            return Ok(packed);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder
            .write_all(self.raw.get().map(Vec::as_slice).unwrap_or_default())
            .and_then(|()| encoder.finish())
            .map_err(|error| SessionError::AgentFile { path: self.arch.clone().into(), reason: error.to_string() })?;
        Ok(self.packed.get_or_init(|| Cow::Owned(packed)))
    }

    /// The program itself, unpacked at most once.
    pub fn raw(&self) -> Result<&[u8], SessionError> {
        if let Some(raw) = self.raw.get() {
            return Ok(raw);
        }
        let mut raw = Vec::with_capacity(self.size as usize);
        GzDecoder::new(self.packed.get().map(|packed| packed.as_ref()).unwrap_or_default())
            .read_to_end(&mut raw)
            .map_err(|error| SessionError::AgentFile { path: self.arch.clone().into(), reason: error.to_string() })?;
        Ok(self.raw.get_or_init(|| raw))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_embedded_agent_is_whole() {
        let found = agents(None).unwrap();
        for agent in found.iter() {
            assert_eq!(hex(&Sha256::digest(agent.raw().unwrap())), agent.sha256);
            assert_eq!(agent.raw().unwrap().len() as u64, agent.size);
        }
        assert_eq!(found.known(), std::env::consts::ARCH);
    }

    /// The limits of a program that is pushed to every host. They hold for the usual target and the usual linker; the
    /// agent is built the same way for debug and release.
    #[test]
    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    fn the_embedded_agent_stays_small() {
        // The promise is 2.5 MiB, and 1.1 MiB packed; what was won back below that is not to be lost unnoticed.
        const SIZE: u64 = 2_560_000;
        const PACKED: usize = 1_150_000;
        let Some((_, _, size, packed)) = EMBEDDED else { return };
        assert!(size <= SIZE, "the agent has {size} bytes, {} more than it may", size - SIZE);
        let more = packed.len().saturating_sub(PACKED);
        assert!(more == 0, "the agent has {} bytes packed, {more} more than it may", packed.len());
    }

    #[test]
    fn a_folder_adds_architectures_and_wins() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("luthier-agent-riscv64"), b"\x7fELF one").unwrap();
        std::fs::write(folder.path().join(format!("luthier-agent-{}", std::env::consts::ARCH)), b"\x7fELF two")
            .unwrap();
        std::fs::write(folder.path().join("README"), b"not an agent").unwrap();
        let found = agents(Some(folder.path())).unwrap();
        assert_eq!(found.iter().count(), 2);
        let agent = found.get("riscv64").unwrap();
        let mut unpacked = Vec::new();
        GzDecoder::new(agent.packed().unwrap()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, b"\x7fELF one");
        assert_eq!(found.get(std::env::consts::ARCH).unwrap().raw().unwrap(), b"\x7fELF two");
    }

    #[test]
    fn a_program_of_another_machine_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = agents(None).unwrap();
        let program = embedded.get(std::env::consts::ARCH).unwrap().raw().unwrap();
        std::fs::write(folder.path().join("luthier-agent-s390x"), program).unwrap();
        let error = agents(Some(folder.path())).unwrap_err().to_string();
        let wanted = format!("it is a program for {}, and its name says s390x", std::env::consts::ARCH);
        assert!(error.ends_with(&wanted), "{error}");
    }

    #[test]
    fn a_file_that_is_no_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("luthier-agent-x86_64"), b"#!/bin/sh").unwrap();
        assert!(agents(Some(folder.path())).unwrap_err().to_string().contains("it is no Linux program"));
    }
}
