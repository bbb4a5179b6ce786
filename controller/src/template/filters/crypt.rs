//! Hashes of passwords as crypt(3) knows them: MD5, SHA-256, SHA-512, bcrypt. Salts are made as Ansible 2.21 makes them:
//! what is given as salt is not the salt, but what libxcrypt's `crypt_gensalt` turns into one.
//!
//! The SHA schemes follow Ulrich Drepper's specification (<https://www.akkadia.org/drepper/SHA-crypt.txt>).

use blowfish::Blowfish;
use md5::Md5;
use rand::RngExt as _;
use sha2::{Digest, Sha256, Sha512};

const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BCRYPT_LETTERS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Rounds of the SHA schemes that a hash does not name.
const UNNAMED: u32 = 5000;
/// Bytes of a password that bcrypt looks at, with the zero at its end.
const BCRYPT_MOST: usize = 72;

/// How Ansible uses a scheme.
struct Scheme {
    ident: &'static str,
    salt_size: usize,
    /// A salt must have just that size.
    is_exact: bool,
    rounds: Option<u32>,
}

/// What a hash shall be made of, apart from the password.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::template) struct Wish<'a> {
    /// `sha512_crypt` and its kin, or the filter's shorter `sha512`.
    pub(in crate::template) algorithm: &'a str,
    /// Made by chance where it is missing or empty.
    pub(in crate::template) salt: Option<&'a str>,
    pub(in crate::template) salt_size: Option<usize>,
    pub(in crate::template) rounds: Option<u32>,
    /// What stands between the first two dollars.
    pub(in crate::template) ident: Option<&'a str>,
}

fn scheme(algorithm: &str) -> Option<Scheme> {
    let of = |ident, salt_size, rounds| Scheme { ident, salt_size, is_exact: ident == "2b", rounds };
    Some(match algorithm {
        "md5" | "md5_crypt" => of("1", 8, None),
        "blowfish" | "bcrypt" => of("2b", 22, Some(12)),
        "sha256" | "sha256_crypt" => of("5", 16, Some(535_000)),
        "sha512" | "sha512_crypt" => of("6", 16, Some(656_000)),
        _ => return None,
    })
}

/// A salt as the `password` lookup keeps it.
pub(in crate::template) fn random_salt(algorithm: &str) -> String {
    let size = scheme(algorithm).map_or(8, |scheme| scheme.salt_size);
    (0..size).map(|_| letter(LETTERS, rand::rng().random())).collect()
}

/// The ident that the `password` lookup keeps beside the salt.
pub(in crate::template) fn kept_ident(algorithm: &str) -> Option<&'static str> {
    (algorithm == "bcrypt").then_some("2b")
}

/// The hash of a password. Errors speak for people.
pub(in crate::template) fn hash(secret: &[u8], wish: &Wish<'_>) -> Result<String, String> {
    let scheme = scheme(wish.algorithm).ok_or_else(|| {
        format!("there is no password hash `{}`: one of md5, blowfish, sha256, sha512", wish.algorithm)
    })?;
    let fits = |size: usize| if scheme.is_exact { size == scheme.salt_size } else { size <= scheme.salt_size };
    let wrong = |size: usize| {
        let most = if scheme.is_exact { "" } else { "at most " };
        format!("invalid salt size supplied ({size}), expected {most}{}", scheme.salt_size)
    };
    let size = wish.salt_size.filter(|size| *size > 0).unwrap_or(scheme.salt_size);
    if !fits(size) {
        return Err(wrong(size));
    }
    let salt = match wish.salt.filter(|salt| !salt.is_empty()) {
        Some(salt) if !salt.bytes().all(|byte| LETTERS.contains(&byte)) => {
            return Err("invalid characters in salt".to_owned());
        }
        Some(salt) if !fits(salt.len()) => return Err(wrong(salt.len())),
        Some(salt) => salt.as_bytes().to_vec(),
        None => (0..size).map(|_| rand::rng().random()).collect(),
    };
    if salt.len() < 3 {
        return Err("the salt is too short".to_owned());
    }
    let rounds = wish.rounds.filter(|rounds| *rounds > 0).or(scheme.rounds);
    match wish.ident.filter(|ident| !ident.is_empty()).unwrap_or(scheme.ident) {
        "1" if rounds.is_some() => Err("md5_crypt knows no rounds".to_owned()),
        "1" => {
            let salt = spread(&salt, 8);
            Ok(format!("$1${salt}${}", md5_text(&md5_crypt(secret, salt.as_bytes()))))
        }
        ident @ ("5" | "6") => {
            let rounds = rounds.unwrap_or(UNNAMED).clamp(1000, 999_999_999);
            let salt = spread(&salt, 16);
            let text = if ident == "5" {
                sha256_text(&sha_crypt::<Sha256>(secret, salt.as_bytes(), rounds))
            } else {
                sha512_text(&sha_crypt::<Sha512>(secret, salt.as_bytes(), rounds))
            };
            let named = if rounds == UNNAMED { String::new() } else { format!("rounds={rounds}$") };
            Ok(format!("${ident}${named}{salt}${text}"))
        }
        ident @ ("2a" | "2b" | "2y") => {
            let cost = rounds.unwrap_or(12);
            let salt = salt.get(..16).ok_or_else(|| wrong(salt.len()))?;
            if !(4..=31).contains(&cost) {
                return Err(format!("rounds of bcrypt are 4 to 31, not {cost}"));
            }
            Ok(format!("${ident}${cost:02}${}{}", bcrypt_text(salt), bcrypt(secret, salt, cost)))
        }
        other => Err(format!("there is no ident `{other}`: one of 1, 2a, 2b, 2y, 5, 6")),
    }
}

fn letter(letters: &[u8; 64], value: u32) -> char {
    letters.get((value & 63) as usize).copied().map_or('.', char::from)
}

/// A salt of letters out of bytes, as `crypt_gensalt` makes it: four letters of every three bytes that others follow.
fn spread(bytes: &[u8], most: usize) -> String {
    let groups = (bytes.len().saturating_sub(1) / 3).min(most / 4);
    let mut out = String::new();
    for group in bytes.chunks(3).take(groups) {
        let value = group.iter().rev().fold(0, |value, byte| (value << 8) | u32::from(*byte));
        push(&mut out, value, 4);
    }
    out
}

/// The lowest six bits first.
fn push(out: &mut String, value: u32, count: u32) {
    out.extend((0..count).map(|index| letter(LETTERS, value >> (6 * index))));
}

fn byte(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at).copied().map_or(0, u32::from)
}

fn push_three(out: &mut String, bytes: &[u8], [high, middle, low]: [usize; 3]) {
    push(out, (byte(bytes, high) << 16) | (byte(bytes, middle) << 8) | byte(bytes, low), 4);
}

fn sha256_text(bytes: &[u8]) -> String {
    let (mut out, mut at) = (String::new(), [0, 10, 20]);
    for _ in 0..10 {
        push_three(&mut out, bytes, at);
        let [high, middle, low] = at;
        at = [low + 1, high + 1, middle + 1];
    }
    push(&mut out, (byte(bytes, 31) << 8) | byte(bytes, 30), 3);
    out
}

fn sha512_text(bytes: &[u8]) -> String {
    let (mut out, mut at) = (String::new(), [0, 21, 42]);
    for _ in 0..21 {
        push_three(&mut out, bytes, at);
        let [high, middle, low] = at;
        at = [middle + 1, low + 1, high + 1];
    }
    push(&mut out, byte(bytes, 63), 2);
    out
}

fn md5_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for at in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push_three(&mut out, bytes, at);
    }
    push(&mut out, byte(bytes, 11), 2);
    out
}

/// A block repeated until it is so long.
fn repeated(block: &[u8], len: usize) -> Vec<u8> {
    block.iter().copied().cycle().take(len).collect()
}

fn sha_crypt<D: Digest>(secret: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let other = D::new().chain_update(secret).chain_update(salt).chain_update(secret).finalize().to_vec();
    let first = D::new().chain_update(secret).chain_update(salt);
    let mut first = first.chain_update(repeated(&other, secret.len()));
    let mut bits = secret.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { other.as_slice() } else { secret });
        bits >>= 1;
    }
    let mut last = first.finalize().to_vec();
    let of_many = |part: &[u8], times: usize| {
        let mut digest = D::new();
        (0..times).for_each(|_| digest.update(part));
        repeated(&digest.finalize(), part.len())
    };
    let secrets = of_many(secret, secret.len());
    let salts = of_many(salt, 16 + byte(&last, 0) as usize);
    for round in 0..rounds {
        let is_odd = round % 2 == 1;
        let mut digest = D::new();
        digest.update(if is_odd { &secrets } else { &last });
        if round % 3 != 0 {
            digest.update(&salts);
        }
        if round % 7 != 0 {
            digest.update(&secrets);
        }
        digest.update(if is_odd { &last } else { &secrets });
        last = digest.finalize().to_vec();
    }
    last
}

fn md5_crypt(secret: &[u8], salt: &[u8]) -> Vec<u8> {
    let other = Md5::new().chain_update(secret).chain_update(salt).chain_update(secret).finalize().to_vec();
    let first = Md5::new().chain_update(secret).chain_update(b"$1$").chain_update(salt);
    let mut first = first.chain_update(repeated(&other, secret.len()));
    let mut bits = secret.len();
    while bits > 0 {
        let start = secret.get(..1).unwrap_or_default();
        first.update(if bits & 1 == 1 { [0_u8].as_slice() } else { start });
        bits >>= 1;
    }
    let mut last = first.finalize().to_vec();
    for round in 0..1000 {
        let is_odd = round % 2 == 1;
        let mut digest = Md5::new();
        digest.update(if is_odd { secret } else { last.as_slice() });
        if round % 3 != 0 {
            digest.update(salt);
        }
        if round % 7 != 0 {
            digest.update(secret);
        }
        digest.update(if is_odd { last.as_slice() } else { secret });
        last = digest.finalize().to_vec();
    }
    last
}

fn bcrypt(secret: &[u8], salt: &[u8], cost: u32) -> String {
    let mut key = secret.to_vec();
    key.push(0);
    key.truncate(BCRYPT_MOST);
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u64 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut out = Vec::new();
    for block in b"OrpheanBeholderScryDoubt".chunks(8) {
        let word = |from: usize| (from..from + 4).fold(0, |word, at| (word << 8) | byte(block, at));
        let mut pair = [word(0), word(4)];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        out.extend(pair.iter().flat_map(|word| word.to_be_bytes()));
    }
    // The last of 24 bytes is left out.
    out.pop();
    bcrypt_text(&out)
}

/// Base64 with bcrypt's letters, the highest six bits first.
fn bcrypt_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let value = (0..3).fold(0, |value, at| (value << 8) | byte(group, at));
        out.extend((0..=group.len()).map(|index| letter(BCRYPT_LETTERS, value >> (18 - 6 * index))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ansible-core 2.21 with libxcrypt says.
    #[test]
    fn hashes_are_ansibles() {
        let of = |algorithm, salt, rounds| Wish { algorithm, salt: Some(salt), rounds, ..Wish::default() };
        for (secret, wish, expected) in [
            (
                "secret",
                of("sha512", "abcdefgh", Some(5000)),
                "$6$V7qMYJaN$JzAJxKwRdfKFOdfeK7NwE4JEa/Q/Yjr9BtRQdkGRQ3e80AEumuPUpoxfu0ZUHUm1m2AAELN7ipNWPH8fMIbaa/",
            ),
            (
                "secret",
                of("sha512_crypt", "abcdefghijklmnop", Some(1)),
                "$6$rounds=1000$V7qMYJaNbVKOeh4P$LVHCmciZGQDJWKT0Sln7CuAsFJENNdAumoZzAsSsZ/g/Ino8rp5tm7YJULARnTGtNMMRtiPB3NCzVd2g.hqhF.",
            ),
            (
                "secret",
                of("sha512", "abc", Some(1000)),
                "$6$rounds=1000$$ItXvd09GbF48UthMn1jgF27i.UiFK6lQrMQFgQ..At.nPPv1mKG8frk6rDmddXVUHVAV.2.X7lBqxtKoTwrXx0",
            ),
            (
                "pä$s w",
                of("sha512", "abcdefgh", Some(1000)),
                "$6$rounds=1000$V7qMYJaN$HDtyTwSRCITSGfIRaQzXzZOb3ClnKhYLCeAzAWt5jdEU4GXAh3HEA8D6U/4OWgbqtVdORZ9XOU0.srOECkGJB/",
            ),
            (
                &"x".repeat(100),
                of("sha512", "abcdefghijkl", Some(1000)),
                "$6$rounds=1000$V7qMYJaNbVKO$ttIUQ3lh4h.3a5V8ZTulEHoQmvjN.OMGJAzuR2DRW0MfiPQbD2hM9zZrTDaZSKzLZG4LtLu48xKXogvrz.EsJ1",
            ),
            (
                "secret",
                of("sha256", "abcdefgh", Some(1000)),
                "$5$rounds=1000$V7qMYJaN$itDlSPeiakgcw6VRYpDE20RMBNU0GFzYJ8XuKkPINx2",
            ),
            ("secret", of("md5", "abcdefgh", None), "$1$V7qMYJaN$PGfljd6i89PJT5EgLKeA71"),
            (&"x".repeat(100), of("md5", "abcdefgh", None), "$1$V7qMYJaN$LNdeEgCeZSk.XUsoCtHRV/"),
            (
                "secret",
                of("bcrypt", "1234567890123456789012", Some(4)),
                "$2b$04$KRGxLBS0Lxe3KBCwKxOzLeJ3T8gGXNBZh6dcJ/1XMOApQ/2xNezZe",
            ),
            (
                &"x".repeat(100),
                of("blowfish", "1234567890123456789012", Some(4)),
                "$2b$04$KRGxLBS0Lxe3KBCwKxOzLetoNvCq8qy1DZ27aG2BfX.57dxhonmVa",
            ),
        ] {
            assert_eq!(hash(secret.as_bytes(), &wish).as_deref(), Ok(expected));
        }
    }

    /// The vectors published with the specification.
    #[test]
    fn sha_crypt_keeps_to_its_specification() {
        assert_eq!(
            sha256_text(&sha_crypt::<Sha256>(b"Hello world!", b"saltstring", 5000)),
            "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
        );
        assert_eq!(
            sha512_text(&sha_crypt::<Sha512>(b"Hello world!", b"saltstringsaltst", 10_000)),
            "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
        );
    }

    #[test]
    fn salts_that_do_not_fit_are_refused() {
        let said = |algorithm, salt| hash(b"x", &Wish { algorithm, salt: Some(salt), ..Wish::default() }).err();
        assert!(said("sha512", "ab").is_some_and(|text| text.contains("too short")));
        assert!(said("sha512", "a-b").is_some_and(|text| text.contains("invalid characters")));
        assert!(said("sha512", "abcdefghijklmnopq").is_some_and(|text| text.contains("at most 16")));
        assert!(said("blowfish", "abcd").is_some_and(|text| text.contains("expected 22")));
        assert!(said("sha1", "abcd").is_some_and(|text| text.contains("no password hash")));
    }

    #[test]
    fn a_salt_by_chance_has_its_size() {
        let text = hash(b"x", &Wish { algorithm: "sha512", rounds: Some(1000), ..Wish::default() }).unwrap_or_default();
        assert_eq!(text.split('$').map(str::len).collect::<Vec<_>>(), [0, 1, 11, 16, 86]);
        assert_eq!(random_salt("bcrypt").len(), 22);
    }
}
