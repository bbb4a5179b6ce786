//! Filters of hashes and names made of them.

use super::crypt;
use super::table::{Filter, of, size, subject, text, whole};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write as _;

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("hash", of(hash)),
    ("md5", of(|interpreter, value, _| digest(interpreter, &value, "md5"))),
    ("sha1", of(|interpreter, value, _| digest(interpreter, &value, "sha1"))),
    ("checksum", of(|interpreter, value, _| digest(interpreter, &value, "sha1"))),
    ("to_uuid", of(to_uuid)),
    ("password_hash", of(password_hash)),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn digest(interpreter: &Interpreter<'_>, value: &Val, kind: &str) -> Outcome<Val> {
    let value = subject(interpreter, value)?;
    let bytes = value.as_bytes();
    Ok(Val::from(match kind {
        "md5" => hex(&Md5::digest(bytes)),
        "sha1" => hex(&Sha1::digest(bytes)),
        "sha224" => hex(&Sha224::digest(bytes)),
        "sha256" => hex(&Sha256::digest(bytes)),
        "sha384" => hex(&Sha384::digest(bytes)),
        "sha512" => hex(&Sha512::digest(bytes)),
        other => return Err(Fault::new(format!("hash type '{other}' is not known"))),
    }))
}

fn hash(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [kind] = args.bind(["hashtype"])?;
    digest(interpreter, &value, text(interpreter, kind)?.as_deref().unwrap_or("sha1"))
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32).map(u128::to_be_bytes)
}

/// A version 5 UUID, in Ansible's namespace unless another is given.
fn to_uuid(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [namespace] = args.bind(["namespace"])?;
    let namespace = text(interpreter, namespace)?.unwrap_or_else(|| "361E6D51-FAEC-444A-9079-341386DA8E2E".into());
    let namespace = parse_uuid(&namespace).ok_or_else(|| Fault::new(format!("invalid namespace '{namespace}'")))?;
    let mut sha = Sha1::new();
    sha.update(namespace);
    sha.update(subject(interpreter, &value)?.as_bytes());
    let digest = sha.finalize();
    let mut bytes = [0_u8; 16];
    for (slot, byte) in bytes.iter_mut().zip(digest.iter()) {
        *slot = *byte;
    }
    let mut number = u128::from_be_bytes(bytes);
    number = (number & !(0xf_u128 << 76)) | (5_u128 << 76);
    number = (number & !(0b11_u128 << 62)) | (0b10_u128 << 62);
    let text = format!("{number:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    Ok(Val::from([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")))
}

/// A password as `user` and `htpasswd` take it.
fn password_hash(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [kind, salt, salt_size, rounds, ident] = args.bind(["hashtype", "salt", "salt_size", "rounds", "ident"])?;
    let (kind, salt, ident) = (text(interpreter, kind)?, text(interpreter, salt)?, text(interpreter, ident)?);
    let wish = crypt::Wish {
        algorithm: kind.as_deref().unwrap_or("sha512"),
        salt: salt.as_deref(),
        salt_size: Some(size(salt_size, 0)?),
        rounds: Some(u32::try_from(whole(rounds, 0)?.max(0)).unwrap_or(u32::MAX)),
        ident: ident.as_deref(),
    };
    let secret = subject(interpreter, &value)?;
    crypt::hash(secret.as_bytes(), &wish).map(Val::from).map_err(Fault::new)
}
