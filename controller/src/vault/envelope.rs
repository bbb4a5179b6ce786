//! The envelope: header line, then hexadecimal of (salt, HMAC, ciphertext), each hexadecimal again.

use super::{Secrets, VaultError};
use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const HEADER: &str = "$ANSIBLE_VAULT;";
/// Ansible's number; changing it would make files that Ansible cannot read.
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
const LINE: usize = 80;

/// Whether a text is vaulted.
pub fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with(HEADER)
}

/// The vault id in the header of a 1.2 text.
pub fn vault_id(text: &str) -> Option<&str> {
    text.trim_start().lines().next()?.strip_prefix(HEADER)?.split(';').nth(2).map(str::trim)
}

struct Parts {
    id: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    text: Vec<u8>,
}

fn parts(text: &str) -> Result<Parts, VaultError> {
    let mut lines = text.trim().lines().map(str::trim);
    let header = lines.next().and_then(|line| line.strip_prefix(HEADER)).ok_or(VaultError::NoHeader)?;
    let mut fields = header.split(';').map(str::trim);
    let (version, cipher) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    if !matches!(version, "1.1" | "1.2") || cipher != "AES256" {
        return Err(VaultError::Format(format!("{version};{cipher}")));
    }
    let id = fields.next().filter(|id| !id.is_empty()).map(str::to_owned);
    let packed: String = lines.collect();
    let inner = unhex(packed.as_bytes()).ok_or(VaultError::Damaged("not hexadecimal"))?;
    let mut fields = inner.split(|b| *b == b'\n');
    let mut field = || fields.next().and_then(unhex).ok_or(VaultError::Damaged("a part is missing"));
    Ok(Parts { id, salt: field()?, mac: field()?, text: field()? })
}

/// Decrypts a text with whichever of the secrets fits; the one that the header names is tried first.
///
/// # Errors
/// The text is no vaulted text, or no secret fits.
pub fn decrypt(text: &str, secrets: &Secrets) -> Result<Vec<u8>, VaultError> {
    let parts = parts(text)?;
    if secrets.is_empty() {
        return Err(VaultError::NoSecrets);
    }
    for secret in secrets.ordered(parts.id.as_deref()) {
        if let Some(plain) = open(&parts, secret.password()) {
            return Ok(plain);
        }
    }
    let tried: Vec<&str> = secrets.ordered(None).map(|secret| secret.id.as_str()).collect();
    Err(VaultError::WrongPassword(tried.join(", ")))
}

fn open(parts: &Parts, password: &[u8]) -> Option<Vec<u8>> {
    let keys = Keys::derive(password, &parts.salt);
    keys.mac(&parts.text)?.verify_slice(&parts.mac).ok()?;
    let mut plain = keys.cipher(&parts.text)?;
    let padding = usize::from(*plain.last()?);
    if !(1..=BLOCK).contains(&padding) || padding > plain.len() {
        return None;
    }
    plain.truncate(plain.len() - padding);
    Some(plain)
}

/// Encrypts bytes. With an id other than `default` the text is of format 1.2, which names it.
///
/// # Errors
/// The password is empty.
pub fn encrypt(plain: &[u8], password: &[u8], id: Option<&str>) -> Result<String, VaultError> {
    if password.is_empty() {
        return Err(VaultError::EmptyPassword(id.unwrap_or("default").to_owned()));
    }
    let salt: [u8; 32] = rand::random();
    let keys = Keys::derive(password, &salt);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut padded = plain.to_vec();
    padded.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or(1), padding));
    let damaged = || VaultError::Damaged("the key cannot be used");
    let text = keys.cipher(&padded).ok_or_else(damaged)?;
    let mac = keys.mac(&text).ok_or_else(damaged)?.finalize().into_bytes();
    let inner = [hex(&salt), hex(&mac), hex(&text)].join("\n");
    let packed = hex(inner.as_bytes());
    let mut out = match id.filter(|id| *id != "default") {
        Some(id) => format!("{HEADER}1.2;AES256;{id}\n"),
        None => format!("{HEADER}1.1;AES256\n"),
    };
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    Ok(out)
}

/// What PBKDF2 makes of a password: two keys and the counter's beginning.
struct Keys([u8; 80]);

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Self {
        let mut bytes = [0; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, &mut bytes);
        Self(bytes)
    }

    fn mac(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.get(32..64)?).ok()?;
        mac.update(text);
        Some(mac)
    }

    /// The same both ways.
    fn cipher(&self, text: &[u8]) -> Option<Vec<u8>> {
        let (key, counter) = (self.0.get(..32)?, self.0.get(64..80)?);
        let mut cipher = ctr::Ctr128BE::<Aes256>::new_from_slices(key, counter).ok()?;
        let mut bytes = text.to_vec();
        cipher.apply_keystream(&mut bytes);
        Some(bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::vault::Secret;

    const TEXT: &str = "$ANSIBLE_VAULT;1.1;AES256\n\
        33383034383765356366383736333462376135336164363236316136343566303965306635313561\n\
        6237343035653862616634633662396335343462633231380a333736613432356263663234623435\n\
        39616636623431353462376635303831653534653338653764613034333935303433373939653834\n\
        3962366236326365310a373565393530313866616537396137613963343266633239366463623730\n\
        6232\n";

    fn secrets(passwords: &[(&str, &str)]) -> Secrets {
        passwords.iter().map(|(id, password)| Secret::new(*id, password.as_bytes().to_vec()).unwrap()).collect()
    }

    /// Made with Python's `hashlib` and `openssl enc -aes-256-ctr` for the password `correct horse`.
    const KNOWN: &str = "$ANSIBLE_VAULT;1.1;AES256\n\
        30303031303230333034303530363037303830393061306230633064306530663130313131323133\n\
        3134313531363137313831393161316231633164316531660a383931393932623933313038383536\n\
        39626134616466666536323430653532616232313064393666616533346533373166616331316236\n\
        3434323765633666370a626666633635333266653766616333643332393135373462646461643139\n\
        3538\n";

    #[test]
    fn a_text_made_elsewhere_is_read() {
        assert_eq!(decrypt(KNOWN, &secrets(&[("x", "correct horse")])).unwrap(), b"top: secret\n");
    }

    #[test]
    fn what_is_encrypted_can_be_decrypted() {
        for size in [0, 1, 15, 16, 17, 4000] {
            let plain = vec![b'x'; size];
            let text = encrypt(&plain, b"pw", Some("prod")).unwrap();
            assert!(text.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(vault_id(&text), Some("prod"));
            assert_eq!(decrypt(&text, &secrets(&[("a", "no"), ("prod", "pw")])).unwrap(), plain);
        }
        assert!(encrypt(b"x", b"pw", None).unwrap().starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    }

    #[test]
    fn a_wrong_password_or_a_changed_text_is_refused() {
        let text = encrypt(b"secret", b"pw", None).unwrap();
        assert!(matches!(decrypt(&text, &secrets(&[("a", "no")])), Err(VaultError::WrongPassword(_))));
        assert!(matches!(decrypt(&text, &Secrets::default()), Err(VaultError::NoSecrets)));
        let last = text.trim_end().chars().last().unwrap();
        let other = if last == '0' { "1\n" } else { "0\n" };
        let changed = format!("{}{other}", text.trim_end().strip_suffix(last).unwrap());
        assert!(decrypt(&changed, &secrets(&[("a", "pw")])).is_err());
    }

    #[test]
    fn texts_that_are_none_say_why() {
        let known = secrets(&[("a", "pw")]);
        assert!(matches!(decrypt("x", &known), Err(VaultError::NoHeader)));
        assert!(matches!(decrypt("$ANSIBLE_VAULT;1.0;AES\n61", &known), Err(VaultError::Format(_))));
        assert!(matches!(decrypt("$ANSIBLE_VAULT;1.1;AES256\nxy", &known), Err(VaultError::Damaged(_))));
        assert!(matches!(decrypt(TEXT, &known), Err(VaultError::WrongPassword(_))));
        assert!(is_vault(TEXT) && !is_vault("a: 1"));
    }
}
