//! `password`: a random word, kept in a file of the controller so that it is the same next time.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::file::expand_home;
use crate::template::filters::{Mersenne, below, crypt};
use crate::template::interpreter::Interpreter;
use crate::template::text;
use crate::template::val::Val;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[("password", password)];

struct Wish {
    file: String,
    length: usize,
    letters: Vec<String>,
    encrypt: Option<String>,
    ident: Option<String>,
    seed: Option<Val>,
}

/// `file length=12 chars=ascii_letters,digits`.
fn wish(interpreter: &Interpreter<'_>, term: &str, call: &mut Call) -> Outcome<Wish> {
    let mut wish = Wish {
        file: term.to_owned(),
        length: 20,
        letters: vec!["ascii_letters".to_owned(), "digits".to_owned(), ".,:-_".to_owned()],
        encrypt: None,
        ident: None,
        seed: call.options.take("seed").filter(|seed| !matches!(seed, Val::Null)),
    };
    let mut options: Vec<(String, String)> = Vec::new();
    if let Some((file, rest)) = term.split_once(char::is_whitespace) {
        wish.file = file.to_owned();
        for word in rest.split_whitespace() {
            let (name, value) =
                word.split_once('=').ok_or_else(|| Fault::new(format!("unrecognised part '{word}' of a password")))?;
            options.push((name.to_owned(), value.to_owned()));
        }
    }
    for name in ["length", "encrypt", "ident"] {
        if let Some(value) = call.text(interpreter, name)? {
            options.push((name.to_owned(), value.to_string()));
        }
    }
    if let Some(sets) = call.options.take("chars") {
        wish.letters = if sets.is_list() {
            interpreter
                .items(&sets)?
                .iter()
                .map(|set| Ok(text::string(interpreter, set)?.to_string()))
                .collect::<Outcome<_>>()?
        } else {
            sets_of(&text::string(interpreter, &sets)?)
        };
    }
    for (name, value) in options {
        match name.as_str() {
            "length" => {
                let wrong = || Fault::new(format!("length must be a number, not '{value}'"));
                wish.length = value.parse::<usize>().map_err(|_| wrong())?.min(4096);
            }
            "chars" => wish.letters = sets_of(&value),
            "encrypt" | "ident" if value.is_empty() || value == "None" || value == "False" => {}
            "encrypt" => wish.encrypt = Some(value),
            "ident" => wish.ident = Some(value),
            "seed" => wish.seed = Some(Val::from(value)),
            other => return Err(Fault::new(format!("password option '{other}' is not supported"))),
        }
    }
    Ok(wish)
}

/// Names of sets and letters with commas between; two commas are one letter.
fn sets_of(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.contains(",,") {
        out.push(",".to_owned());
    }
    out.extend(text.replace(",,", ",").split(',').filter(|set| !set.is_empty()).map(str::to_owned));
    out
}

fn alphabet(sets: &[String]) -> Vec<char> {
    let mut out: Vec<char> = Vec::new();
    for set in sets {
        match set.as_str() {
            "ascii_letters" => out.extend(('a'..='z').chain('A'..='Z')),
            "ascii_lowercase" => out.extend('a'..='z'),
            "ascii_uppercase" => out.extend('A'..='Z'),
            "digits" => out.extend('0'..='9'),
            "hexdigits" => out.extend(('0'..='9').chain('a'..='f').chain('A'..='F')),
            "octdigits" => out.extend('0'..='7'),
            "punctuation" => out.extend("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars()),
            other => out.extend(other.chars()),
        }
    }
    out.retain(|letter| !matches!(letter, '"' | '\''));
    if out.is_empty() {
        out.push(',');
    }
    out
}

fn password(interpreter: &Interpreter<'_>, mut call: Call) -> Outcome<Vec<Val>> {
    if interpreter.engine.options.no_local {
        return Err(Fault::new("files of the controller are not open to this template"));
    }
    let mut out = Vec::new();
    for term in call.texts(interpreter)? {
        let wish = wish(interpreter, &term, &mut call)?;
        let path = expand_home(&wish.file);
        let path = match &interpreter.place.base {
            Some(base) => base.join(path),
            None => path,
        };
        let word = kept(&wish, &path)?;
        out.push(Val::from(match &wish.encrypt {
            Some(algorithm) => {
                let of = crypt::Wish {
                    algorithm: long_name(algorithm)?,
                    salt: word.salt.as_deref(),
                    ident: word.ident.as_deref(),
                    ..crypt::Wish::default()
                };
                crypt::hash(word.plain.as_bytes(), &of).map_err(Fault::new)?
            }
            None => word.plain,
        }));
    }
    Ok(out)
}

/// The lookup knows the schemes by their long names only.
fn long_name(algorithm: &str) -> Outcome<&str> {
    if matches!(algorithm, "bcrypt" | "md5_crypt" | "sha256_crypt" | "sha512_crypt") {
        return Ok(algorithm);
    }
    Err(Fault::new(format!(
        "crypt does not support '{algorithm}': one of bcrypt, md5_crypt, sha256_crypt, sha512_crypt"
    )))
}

/// A word, and what its hash is made with.
struct Word {
    plain: String,
    salt: Option<String>,
    ident: Option<String>,
}

impl Word {
    /// `word salt=… ident=…`.
    fn read(text: &str) -> Self {
        let owned = |text: &str| Some(text.to_owned());
        match text.rsplit_once(" salt=") {
            None => Self { plain: text.to_owned(), salt: None, ident: None },
            Some((plain, rest)) => match rest.rsplit_once(" ident=") {
                Some((salt, ident)) => Self { plain: plain.to_owned(), salt: owned(salt), ident: owned(ident) },
                None => Self { plain: plain.to_owned(), salt: owned(rest), ident: None },
            },
        }
    }

    fn written(&self) -> String {
        let part = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {name}={value}")).unwrap_or_default()
        };
        format!("{}{}{}", self.plain, part("salt", &self.salt), part("ident", &self.ident))
    }
}

/// Hosts work at once: who comes second takes what the first wrote.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The word of a file; made, and completed by what its hash needs, where it is not there.
fn kept(wish: &Wish, path: &Path) -> Outcome<Word> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let is_kept = path != Path::new("/dev/null");
    let found = is_kept.then(|| std::fs::read_to_string(path).ok()).flatten();
    let before = found.as_deref().map(str::trim_end);
    let mut word = match before {
        Some(text) => Word::read(text),
        None => Word { plain: chosen(wish)?, salt: None, ident: None },
    };
    if let Some(algorithm) = &wish.encrypt {
        word.salt.get_or_insert_with(|| crypt::random_salt(algorithm));
    }
    match (&word.ident, &wish.ident) {
        (Some(stored), Some(wanted)) if stored != wanted => {
            let message = format!("the ident '{wanted}' is not the stored one '{stored}'");
            return Err(Fault::new(message));
        }
        (None, Some(wanted)) => word.ident = Some(wanted.clone()),
        (None, None) => {
            word.ident = wish.encrypt.as_deref().and_then(crypt::kept_ident).map(str::to_owned);
        }
        _ => {}
    }
    let (salt, text) = (word.salt.is_some(), word.written());
    if is_kept && (before.is_none() || (salt && before != Some(text.as_str()))) {
        keep(path, if salt { &text } else { &word.plain })?;
    }
    Ok(word)
}

/// Letters by chance; with a seed, as Python chooses.
fn chosen(wish: &Wish) -> Outcome<String> {
    let letters = alphabet(&wish.letters);
    let mut seeded = match &wish.seed {
        None => None,
        Some(Val::Int(seed)) => Some(Mersenne::of_int(*seed)),
        Some(Val::Str(seed)) => Some(Mersenne::of_text(seed)),
        Some(other) => {
            return Err(Fault::new(format!("seed must be text or a whole number, not {}", other.type_name())));
        }
    };
    let mut index = || match &mut seeded {
        Some(source) => usize::try_from(source.below(letters.len() as u128)).unwrap_or(0),
        None => below(letters.len()),
    };
    Ok((0..wish.length).filter_map(|_| letters.get(index())).collect())
}

/// Writes the word where only its owner reads it.
fn keep(path: &Path, word: &str) -> Outcome<()> {
    let fail = |error: std::io::Error| Fault::new(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(fail)?;
    writeln!(file, "{word}").map_err(fail)
}
