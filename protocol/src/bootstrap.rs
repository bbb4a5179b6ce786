//! How an agent comes to run on a host: one shell script that starts the cached agent, or asks for it and puts it there.
//!
//! The probe *is* the start: where the agent is cached, the script ends in `exec agent`. Otherwise it says which
//! architecture it needs, reads one line and the bytes announced there, and starts what it got under a temporary name;
//! the agent itself compares its own hash, syncs and renames itself before it does anything else. The same script serves
//! the login user over SSH, local connections, and child agents behind `sudo`.
//!
//! Whatever a login shell prints before is noise: each word carries a nonce. The script has no single quote and no line
//! break, so that it survives any login shell inside single quotes.

/// What the script has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Agents that may be cached, by the SHA-256 that is their name there; none: one is sent.
    pub hashes: Vec<ArchHash>,
    /// Random letters and digits that mark our own lines.
    pub nonce: String,
    /// Folder the operator wants the agent in; tried first.
    pub place: Option<String>,
}

/// The agent of one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchHash {
    /// As `uname -m` says it.
    pub arch: String,
    /// SHA-256, lower-case hexadecimal.
    pub hash: String,
}

/// First word of each of our lines.
pub const MARK: &str = "LUTHIER";

/// The controller's answer to [`Word::Need`] when it has no agent for that architecture.
pub const STOP: &str = "stop 0 -\n";

/// A line the script or the agent said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// No agent is cached: send one. Said again where it did not fit into the first place.
    Need {
        /// Architecture as `uname -m` says it.
        arch: String,
        /// `gzip` exists on the host.
        gzip: bool,
    },
    /// The agent runs; frames follow.
    Ready,
    /// It cannot run.
    Failed {
        /// `place` (no folder can hold it), `write` (disk full, cut upload), `hash` (corrupted upload), `size` (truncated upload).
        kind: String,
        /// For people.
        detail: String,
    },
}

impl Bootstrap {
    /// The script itself, one line, without single quotes.
    pub fn script(&self) -> String {
        let nonce = clean(&self.nonce);
        let place = self.place.as_deref().map(quoted_place).unwrap_or_default();
        let hashes: Vec<String> = self.hashes.iter().map(|row| clean(&row.hash)).collect();
        let mut text = String::new();
        let mut line = |part: &str| text.push_str(part);
        line(&format!(
            "n={nonce}; o=\"{place}\"; s=\"$LUTHIER_STATE_DIR\"; c=\"${{HOME:-/nonexistent}}/.cache/luthier\"; u=\"${{USER:-${{LOGNAME:-$(id -u)}}}}\"; "
        ));
        // Folders in the order they are tried. Where the host's environment names a state folder (a host under test, a
        // host whose /var is not ours to fill), nothing outside it and the temporary places is looked at.
        line(
            "set -- ${o:+\"$o\"}; if [ -n \"$s\" ]; then set -- \"$@\" \"$s\"; else set -- \"$@\" /var/lib/luthier \"$c\"; fi; set -- \"$@\" \"/run/luthier-$u\" \"/tmp/luthier-$u\"; ",
        );
        // Those that somebody chose are believed, the others must belong to us.
        line("own() { [ \"$1\" = \"$o\" ] || [ \"$1\" = \"$s\" ] || { [ -O \"$1\" ] && [ ! -L \"$1\" ]; }; }; ");
        line(&format!(
            "for d in \"$@\"; do for h in {}; do f=\"$d/agent/$h\"; if [ -x \"$f\" ] && own \"$d\"; then exec \"$f\" serve --nonce $n --hash $h; fi; done; done; ",
            hashes.join(" ")
        ));
        // A place is tried by running something in it. Where the agent does not fit, the rest of what was sent is read
        // away, and the next place asks for it again.
        line(
            "z=raw; command -v gzip >/dev/null 2>&1 && z=gzip; m=$(umask); umask 077; w=; for d in \"$@\"; do mkdir -p \"$d/agent\" 2>/dev/null && own \"$d\" || continue; p=\"$d/agent\"; t=\"$p/.probe.$$\"; ",
        );
        line(
            "{ printf \"#\\041/bin/sh\\nexit 0\\n\" >\"$t\" && chmod 700 \"$t\" && \"$t\"; } 2>/dev/null; x=$?; rm -f \"$t\" 2>/dev/null; [ $x = 0 ] || continue; ",
        );
        line(
            "echo; echo \"LUTHIER $n NEED $(uname -m) $z\"; read -r e l h || break; [ \"$e\" = stop ] && exit 1; t=\"$p/.$h.$$\"; trap \"rm -f \\\"$t\\\"\" 1 2 13 15; ",
        );
        line(
            "if [ \"$e\" = gzip ]; then head -c \"$l\" | (gzip -dc >\"$t\"; x=$?; cat >/dev/null; exit $x); else head -c \"$l\" | (cat >\"$t\"; x=$?; cat >/dev/null; exit $x); fi && chmod 700 \"$t\" && { umask \"$m\"; exec \"$t\" serve --nonce $n --hash $h --install \"$p/$h\"; }; rm -f \"$t\"; w=\"$w $p\"; done; ",
        );
        line(
            "[ -z \"$w\" ] || { echo; echo \"LUTHIER $n FAIL write cannot write the agent to$w (disk full, or the upload was cut)\"; exit 1; }; ",
        );
        line("echo; echo \"LUTHIER $n FAIL place no writable folder that may hold programs: tried $*\"; exit 1");
        text
    }

    /// The same, but what is cached is passed over: it turned out to be damaged.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { hashes: Vec::new(), ..self.clone() }
    }

    /// The script as a command line for a login shell of any kind.
    pub fn command(&self) -> String {
        format!("exec /bin/sh -c '{}'", self.script())
    }

    /// The line that announces an upload of `length` bytes; the bytes follow it at once.
    pub fn upload_line(encoding: &str, length: usize, hash: &str) -> String {
        format!("{encoding} {length} {hash}\n")
    }
}

/// A line of the script or of a starting agent, if it is one of ours.
pub fn parse_line(line: &str, nonce: &str) -> Option<Word> {
    let rest = line
        .trim_end_matches(['\r', '\n'])
        .strip_prefix(MARK)?
        .strip_prefix(' ')?
        .strip_prefix(nonce)?
        .strip_prefix(' ')?;
    if rest == "READY" {
        return Some(Word::Ready);
    }
    if let Some(rest) = rest.strip_prefix("NEED ") {
        let (arch, tool) = rest.split_once(' ')?;
        return Some(Word::Need { arch: arch.to_owned(), gzip: tool == "gzip" });
    }
    let (kind, detail) = rest.strip_prefix("FAIL ")?.split_once(' ')?;
    Some(Word::Failed { kind: kind.to_owned(), detail: detail.to_owned() })
}

/// The line a started agent prints before its first frame.
pub fn ready_line(nonce: &str) -> String {
    format!("\n{MARK} {nonce} READY\n")
}

/// The line an agent prints when it must not run.
pub fn failed_line(nonce: &str, kind: &str, detail: &str) -> String {
    format!("\n{MARK} {nonce} FAIL {kind} {detail}\n")
}

fn clean(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A folder of the operator's choice; `~/` is the host's home folder.
fn quoted_place(text: &str) -> String {
    match text.strip_prefix("~/") {
        Some(rest) => format!("${{HOME:-/nonexistent}}/{}", quote_double(rest)),
        None => quote_double(text),
    }
}

/// Text for inside double quotes of a script that itself stands in single quotes.
fn quote_double(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\\' | '$' | '`' => {
                out.push('\\');
                out.push(letter);
            }
            // A single quote would end the outer quoting; a path with one is not offered to the host.
            '\'' | '\n' | '\r' | '\0' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sample() -> Bootstrap {
        Bootstrap {
            hashes: vec![ArchHash { arch: "x86_64".into(), hash: "ab12".into() }],
            nonce: "N0nce".into(),
            place: Some("/opt/lut hier$x'".into()),
        }
    }

    #[test]
    fn the_script_survives_single_quotes() {
        let script = sample().script();
        assert!(!script.contains('\''));
        assert!(!script.contains('\n'));
        assert!(script.contains("o=\"/opt/lut hier\\$x\""));
        let home = Bootstrap { place: Some("~/a$b".into()), ..sample() }.script();
        assert!(home.contains("o=\"${HOME:-/nonexistent}/a\\$b\""));
    }

    #[test]
    fn words_are_recognised_only_with_the_nonce() {
        assert_eq!(parse_line("LUTHIER N0nce READY\n", "N0nce"), Some(Word::Ready));
        assert_eq!(parse_line("LUTHIER other READY\n", "N0nce"), None);
        assert_eq!(
            parse_line("LUTHIER N0nce NEED aarch64 raw", "N0nce"),
            Some(Word::Need { arch: "aarch64".into(), gzip: false })
        );
        assert_eq!(
            parse_line("LUTHIER N0nce FAIL hash found ab wanted cd", "N0nce"),
            Some(Word::Failed { kind: "hash".into(), detail: "found ab wanted cd".into() })
        );
    }

    #[test]
    fn the_script_is_valid_shell() {
        for script in [sample().script(), sample().anew().script()] {
            let status = std::process::Command::new("/bin/sh").args(["-n", "-c", &script]).status().unwrap();
            assert!(status.success());
        }
    }
}
