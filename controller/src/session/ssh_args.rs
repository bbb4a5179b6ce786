//! OpenSSH's command-line options as `ansible_ssh_common_args` and its kin carry them.

use super::ssh_options::{Setting, SshOptions, parse_port};

/// Options taken from argument strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What `-o`, `-i`, `-p`, `-l` and `-J` said, in order.
    pub settings: Vec<Setting>,
    /// Configuration file named with `-F` (`none` means none at all).
    pub config_file: Option<String>,
    /// Options that are not understood here.
    pub ignored: Vec<String>,
    /// All words as given, for the `ssh` program.
    pub words: Vec<String>,
}

/// Flags without a value that change nothing here (no terminal, no forwarding, no compression; addresses are tried in turn).
const FLAGS: &str = "1246AaCfGgKkMNnqsTtVvXxYy";

/// Flags with a value that change nothing here.
const WITH_VALUE: &str = "BbcDEeILmOQRSWw";

impl Arguments {
    /// Read one more string of arguments.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let words = shlex::split(text).ok_or_else(|| format!("a quote is not closed in `{text}`"))?;
        self.words.extend(words.iter().cloned());
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(flags) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                return Err(format!("`{word}` is no option of ssh"));
            };
            self.add_flags(flags, &mut words)?;
        }
        Ok(())
    }

    /// One word of flags: several without a value, perhaps a last one with its value in the rest or the next word.
    fn add_flags(&mut self, flags: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        for (index, flag) in flags.char_indices() {
            if FLAGS.contains(flag) {
                continue;
            }
            let rest = flags.get(index + flag.len_utf8()..).unwrap_or_default();
            let value = if rest.is_empty() {
                words.next().ok_or_else(|| format!("option -{flag} needs a value"))?
            } else {
                rest.to_owned()
            };
            return self.add_option(flag, value);
        }
        Ok(())
    }

    fn add_option(&mut self, flag: char, value: String) -> Result<(), String> {
        match flag {
            'o' => self.add_setting(&value),
            'i' => self.push("identityfile", vec![value]),
            'l' => self.push("user", vec![value]),
            'J' => self.push("proxyjump", vec![value]),
            'p' => {
                parse_port(&value)?;
                self.push("port", vec![value])
            }
            'F' => {
                self.config_file.get_or_insert(value);
                Ok(())
            }
            other if WITH_VALUE.contains(other) => {
                self.ignored.push(format!("-{other} {value}"));
                Ok(())
            }
            other => Err(format!("option -{other} of ssh is not known")),
        }
    }

    fn add_setting(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let end = text.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(text.len());
        let (key, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
        if key.is_empty() || rest.is_empty() {
            return Err(format!("`-o {text}` has no value"));
        }
        let words = shlex::split(rest).ok_or_else(|| format!("a quote is not closed in `-o {text}`"))?;
        self.push(&key.to_ascii_lowercase(), words)
    }

    fn push(&mut self, key: &str, words: Vec<String>) -> Result<(), String> {
        let setting = Setting { key: key.to_owned(), words, place: "ssh arguments".to_owned() };
        // Tried on an empty host at once, so that a wrong value is an input error and not one of each host.
        SshOptions::default().apply(&setting)?;
        self.settings.push(setting);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn options(text: &str) -> SshOptions {
        let mut arguments = Arguments::default();
        arguments.add(text).unwrap();
        let mut options = SshOptions::default();
        for setting in &arguments.settings {
            options.apply(setting).unwrap();
        }
        options
    }

    #[test]
    fn options_are_understood_in_every_spelling() {
        let found = options(
            "-C -o ControlMaster=auto -oPort=2222 -o 'User ops' -i ~/k -vvTi /l -J bastion -o UserKnownHostsFile=/dev/null",
        );
        assert_eq!((found.port, found.user.as_deref()), (Some(2222), Some("ops")));
        assert_eq!(found.identity_files, ["~/k", "/l"]);
        assert_eq!(found.proxy, Some(Some("ProxyJump bastion".into())));
        assert_eq!(found.user_known_hosts, Some(vec!["/dev/null".into()]));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for text in ["web1", "-o", "-o Port", "-p x", "-o Port=99999", "-z", "-o 'a"] {
            assert!(Arguments::default().add(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_changes_nothing_here_is_noted() {
        let mut arguments = Arguments::default();
        arguments.add("-F /my/config -D 1080").unwrap();
        assert_eq!(arguments.config_file.as_deref(), Some("/my/config"));
        assert_eq!(arguments.ignored, ["-D 1080"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-oipFJ= 'a-z0-9\"\\\\é]{0,60}") {
            let _ = Arguments::default().add(&text);
        }
    }
}
