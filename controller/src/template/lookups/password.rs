//! `password`: a random word, kept in a file of the controller so that it is the same next time.

use super::call::{Call, Lookup};
use crate::template::error::{Fault, Outcome};
use crate::template::file::expand_home;
use crate::template::filters::below;
use crate::template::interpreter::Interpreter;
use crate::template::text;
use crate::template::val::Val;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

pub(super) const LOOKUPS: &[(&str, Lookup)] = &[("password", password)];

struct Wish {
    file: String,
    length: usize,
    letters: Vec<String>,
}

/// `file length=12 chars=ascii_letters,digits`.
fn wish(interpreter: &Interpreter<'_>, term: &str, call: &mut Call) -> Outcome<Wish> {
    let mut wish = Wish {
        file: term.to_owned(),
        length: 20,
        letters: vec!["ascii_letters".to_owned(), "digits".to_owned(), ".,:-_".to_owned()],
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
    for name in ["length", "encrypt", "seed", "ident"] {
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
            text::string(interpreter, &sets)?.split(',').map(str::to_owned).collect()
        };
    }
    for (name, value) in options {
        match name.as_str() {
            "length" => {
                let wrong = || Fault::new(format!("length must be a number, not '{value}'"));
                wish.length = value.parse::<usize>().map_err(|_| wrong())?.min(4096);
            }
            "chars" => wish.letters = value.split(',').map(str::to_owned).collect(),
            "encrypt" if value.is_empty() || value == "None" || value == "False" => {}
            other => return Err(Fault::new(format!("password option '{other}' is not supported"))),
        }
    }
    Ok(wish)
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
        let kept = if path == Path::new("/dev/null") { None } else { std::fs::read_to_string(&path).ok() };
        if let Some(kept) = kept {
            let word = kept.lines().next().unwrap_or_default();
            out.push(Val::from(word.split(" salt=").next().unwrap_or(word)));
            continue;
        }
        let letters = alphabet(&wish.letters);
        let word: String = (0..wish.length).filter_map(|_| letters.get(below(letters.len()))).collect();
        if path != Path::new("/dev/null") {
            keep(&path, &word)?;
        }
        out.push(Val::from(word));
    }
    Ok(out)
}

/// Writes the word where only its owner reads it; who comes second takes what the first wrote.
fn keep(path: &Path, word: &str) -> Outcome<()> {
    let fail = |error: std::io::Error| Fault::new(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
    writeln!(file, "{word}").map_err(fail)
}
