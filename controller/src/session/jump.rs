//! `ProxyJump` as people write it: hops in the order they are passed, each `user@host:port` or `ssh://user@host:port`.

use super::ssh_options::parse_port;

/// One hop as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// User, where one is written.
    pub user: Option<String>,
    /// Name or address; the SSH configuration may know it.
    pub host: String,
    /// Port, where one is written.
    pub port: Option<u16>,
}

impl Hop {
    /// Every hop of a list.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(|hop| Self::parse(hop.trim())).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no jump host ([user@]host[:port], or ssh:// before it)");
        let plain = text.strip_prefix("ssh://").map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest));
        // As in OpenSSH the last @ counts: user names may hold one.
        let (user, place) = match plain.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, plain),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(parse_port(port)?)),
                    None if after.is_empty() => (host, None),
                    None => return Err(wrong()),
                }
            }
            None => match place.split_once(':') {
                // More than one colon: an address of version 6 without brackets and without a port.
                Some((_, rest)) if rest.contains(':') => (place, None),
                Some((host, port)) => (host, Some(parse_port(port)?)),
                None => (place, None),
            },
        };
        let odd = |part: &str| part.is_empty() || part.starts_with('-') || part.contains(char::is_whitespace);
        if odd(host) || user.as_deref().is_some_and(odd) {
            return Err(wrong());
        }
        Ok(Self { user, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn hop(user: Option<&str>, host: &str, port: Option<u16>) -> Hop {
        Hop { user: user.map(str::to_owned), host: host.to_owned(), port }
    }

    #[test]
    fn hops_are_read_in_every_spelling() {
        assert_eq!(
            Hop::list("a, b:2222,user@c").unwrap(),
            [hop(None, "a", None), hop(None, "b", Some(2222)), hop(Some("user"), "c", None)]
        );
        assert_eq!(Hop::list("ssh://u@h:22/").unwrap(), [hop(Some("u"), "h", Some(22))]);
        assert_eq!(Hop::list("me@corp@[::1]:24").unwrap(), [hop(Some("me@corp"), "::1", Some(24))]);
        assert_eq!(Hop::list("fe80::1").unwrap(), [hop(None, "fe80::1", None)]);
    }

    #[test]
    fn what_is_no_hop_is_refused() {
        for text in ["", "a,,b", "a:0", "a:x", "@a", "u@", "[::1", "[::1]x", "-oProxyCommand=x", "a b"] {
            assert!(Hop::list(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a:@,\\[\\]/ 0-9é-]{0,40}") {
            let _ = Hop::list(&text);
        }
    }
}
