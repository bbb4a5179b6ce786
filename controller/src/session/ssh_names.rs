//! Host and user names that no shell takes for anything else: they stand in command lines (`ProxyCommand`, `Match
//! exec`), and what a host said may have become a name. The rules are those of OpenSSH's `valid_hostname` and
//! `valid_ruser`.

use super::{SessionError, escaped};

/// What means something to a shell, quoted or not.
const SPECIAL: &str = "'`\";&<>|(){}";

/// A name or address to dial.
pub(super) fn check_host(name: &str) -> Result<(), SessionError> {
    let is_odd = |letter: char| {
        SPECIAL.contains(letter) || "$\\".contains(letter) || letter.is_whitespace() || letter.is_control()
    };
    if name.starts_with('-') || name.contains(is_odd) { Err(refused("host", name)) } else { Ok(()) }
}

/// A user to log in as. Names of a domain may hold `\`, those of machines end in `$`.
pub(super) fn check_user(name: &str) -> Result<(), SessionError> {
    let is_odd = |letter: char| SPECIAL.contains(letter) || letter.is_control();
    let is_option = name.split(char::is_whitespace).any(|word| word.starts_with('-'));
    if is_option || name.ends_with('\\') || name.contains(is_odd) { Err(refused("user", name)) } else { Ok(()) }
}

fn refused(kind: &str, name: &str) -> SessionError {
    SessionError::Input(format!(
        "`{}` is no {kind} name: ssh takes none that begins like an option or holds what a shell would act on",
        escaped(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_they_are_in_use_are_taken() {
        for name in ["web1", "10.0.0.1", "fe80::1%eth0", "[::1]", "a_b-c.lan", "münchen.example"] {
            assert_eq!(check_host(name), Ok(()));
        }
        for name in ["root", "me@corp", "CORP\\me", "machine$", "two words"] {
            assert_eq!(check_user(name), Ok(()));
        }
    }

    #[test]
    fn names_that_a_shell_would_act_on_are_refused() {
        for name in
            ["-oProxyCommand=x", "a b", "a\tb", "a\nb", "$(id)", "y`id`", "a;b", "a&b", "a|b", "a\\b", "{a}", "$A"]
        {
            assert!(check_host(name).is_err(), "{name:?}");
        }
        for name in ["-l", "a -l", "a\nb", "$(id)", "y`id`", "a;b", "a'b", "a\"b", "a>b", "a\\", "${IFS}"] {
            assert!(check_user(name).is_err(), "{name:?}");
        }
    }
}
