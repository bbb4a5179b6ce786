//! OpenSSH's command-line options as `ansible_ssh_common_args` and its kin carry them.

use super::ssh_options::{Setting, SshOptions, parse_port};
use crate::yaml::nearest;

/// Options taken from argument strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What `-o` and the flags that stand for options said, in order.
    pub settings: Vec<Setting>,
    /// How many of these, from the front, rank before the host's own variables.
    pub leading: usize,
    /// How many of the words, from the front, do so.
    pub leading_words: usize,
    /// Configuration file named with `-F` (`none` means none at all).
    pub config_file: Option<String>,
    /// Options that OpenSSH would heed and that are not heeded here: where they stand, and what they are.
    pub ignored: Vec<String>,
    /// All words as given, for the `ssh` program.
    pub words: Vec<String>,
}

/// Flags without a value that change nothing here: no terminal, no shared connection, no compression, no background.
const FLAGS: &str = "12aCfGgKkMNnqsTtVvXxYy";

/// Flags with a value that change nothing here: escape character, log file, control socket.
const WITH_VALUE: &str = "EeOS";

/// Flags with a value that OpenSSH would heed.
const MISSED: &str = "BcDILmPQRWw";

/// Options that are heeded: [`SshOptions`] knows them.
const HEEDED: &[&str] = &[
    "addressfamily",
    "bindaddress",
    "certificatefile",
    "challengeresponseauthentication",
    "connectionattempts",
    "connecttimeout",
    "globalknownhostsfile",
    "hashknownhosts",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "port",
    "preferredauthentications",
    "proxycommand",
    "proxyjump",
    "pubkeyauthentication",
    "revokedhostkeys",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Options without a meaning for connections that are kept for a whole run and carry one command without a terminal.
const NEEDLESS: &[&str] = &[
    "addkeystoagent",
    "afstokenpassing",
    "batchmode",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "channeltimeout",
    "checkhostip",
    "cipher",
    "clearallforwardings",
    "compression",
    "compressionlevel",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dsaauthentication",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fallbacktorsh",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "globalknownhostsfile2",
    "gssapiauthentication",
    "gssapiclientidentity",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "hostbasedkeytypes",
    "ignoreunknown",
    "ipqos",
    "kbdinteractivedevices",
    "keepalive",
    "kerberosauthentication",
    "kerberostgtpassing",
    "localcommand",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "permitremoteopen",
    "protocol",
    "protocolkeepalives",
    "proxyusefdpass",
    "requesttty",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "rsaminsize",
    "sessiontype",
    "setuptimeout",
    "skeyauthentication",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tisauthentication",
    "tunnel",
    "tunneldevice",
    "updatehostkeys",
    "useblacklistedkeys",
    "usekeychain",
    "useprivilegedport",
    "userknownhostsfile2",
    "useroaming",
    "usersh",
    "versionaddendum",
    "visualhostkey",
    "warnweakcrypto",
    "xauthlocation",
];

/// Options that OpenSSH would heed and that are not heeded here.
const MISSED_OPTIONS: &[&str] = &[
    "bindinterface",
    "canonicalizehostname",
    "casignaturealgorithms",
    "ciphers",
    "dynamicforward",
    "forwardagent",
    "hostkeyalgorithms",
    "identityfile2",
    "kexalgorithms",
    "knownhostscommand",
    "localforward",
    "macs",
    "pkcs11provider",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "refuseconnection",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requiredrsasize",
    "securitykeyprovider",
    "sendenv",
    "setenv",
    "smartcarddevice",
    "verifyhostkeydns",
];

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heed {
    /// It counts here.
    Full,
    /// It means nothing here.
    Needless,
    /// `ssh` heeds it, and it does not count here.
    Missed,
    /// `ssh` has no such option; the name that is nearest.
    Unknown(Option<&'static str>),
}

/// What becomes of an option, by its name in lower case.
pub(super) fn heed(key: &str) -> Heed {
    if HEEDED.contains(&key) {
        Heed::Full
    } else if NEEDLESS.contains(&key) {
        Heed::Needless
    } else if MISSED_OPTIONS.contains(&key) {
        Heed::Missed
    } else {
        Heed::Unknown(nearest(key, [HEEDED, NEEDLESS, MISSED_OPTIONS].into_iter().flatten().copied()))
    }
}

impl Arguments {
    /// Read one more string of arguments; `place` names the variable or setting it is from.
    pub fn add(&mut self, place: &str, text: &str) -> Result<(), String> {
        let words = shlex::split(text).ok_or_else(|| format!("a quote is not closed in `{text}`"))?;
        self.words.extend(words.iter().cloned());
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(flags) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                return Err(format!("`{word}` is no option of ssh"));
            };
            self.add_flags(place, flags, &mut words)?;
        }
        Ok(())
    }

    /// The words as one string that [`Arguments::add`] reads back; `None` when there are none.
    pub fn written(&self) -> Option<String> {
        let words = self.words.iter().map(String::as_str);
        shlex::try_join(words).ok().filter(|text| !text.is_empty())
    }

    /// One word of flags: several without a value, perhaps a last one with its value in the rest or the next word.
    fn add_flags(&mut self, place: &str, flags: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        for (index, flag) in flags.char_indices() {
            match flag {
                '4' => self.push(place, "addressfamily", vec!["inet".to_owned()])?,
                '6' => self.push(place, "addressfamily", vec!["inet6".to_owned()])?,
                'A' => self.miss(place, "-A"),
                other if FLAGS.contains(other) => {}
                other => {
                    let rest = flags.get(index + other.len_utf8()..).unwrap_or_default();
                    let value = if rest.is_empty() {
                        words.next().ok_or_else(|| format!("option -{other} needs a value"))?
                    } else {
                        rest.to_owned()
                    };
                    return self.add_option(place, other, value);
                }
            }
        }
        Ok(())
    }

    fn add_option(&mut self, place: &str, flag: char, value: String) -> Result<(), String> {
        match flag {
            'o' => self.add_setting(place, &value),
            'i' => self.push(place, "identityfile", vec![value]),
            'l' => self.push(place, "user", vec![value]),
            'J' => self.push(place, "proxyjump", vec![value]),
            'b' => self.push(place, "bindaddress", vec![value]),
            'p' => {
                parse_port(&value)?;
                self.push(place, "port", vec![value])
            }
            'F' => {
                self.config_file.get_or_insert(value);
                Ok(())
            }
            other if WITH_VALUE.contains(other) => Ok(()),
            other if MISSED.contains(other) => {
                self.miss(place, &format!("-{other} {value}"));
                Ok(())
            }
            other => Err(format!("ssh has no option -{other}")),
        }
    }

    fn add_setting(&mut self, place: &str, text: &str) -> Result<(), String> {
        let text = text.trim();
        let end = text.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
        if name.is_empty() || rest.is_empty() {
            return Err(format!("`-o {text}` has no value"));
        }
        let key = name.to_ascii_lowercase();
        match heed(&key) {
            Heed::Full => {}
            Heed::Needless => return Ok(()),
            Heed::Missed => {
                self.miss(place, &format!("-o {text}"));
                return Ok(());
            }
            Heed::Unknown(_) => return Err(format!("`-o {text}`: ssh has no option {name}")),
        }
        // A command line goes to a shell as it is: its quotes are the shell's.
        let words = if key == "proxycommand" {
            vec![rest.to_owned()]
        } else {
            shlex::split(rest).ok_or_else(|| format!("a quote is not closed in `-o {text}`"))?
        };
        self.push(place, &key, words).map_err(|problem| format!("`-o {text}`: {problem}"))
    }

    fn miss(&mut self, place: &str, option: &str) {
        self.ignored.push(format!("{place}: ssh option `{option}` is not heeded here"));
    }

    fn push(&mut self, place: &str, key: &str, words: Vec<String>) -> Result<(), String> {
        let setting = Setting { key: key.to_owned(), words, place: place.to_owned() };
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
    use crate::session::jump::Hop;
    use crate::session::ssh_options::{AddressFamily, Proxy};
    use std::time::Duration;

    fn arguments(text: &str) -> Arguments {
        let mut arguments = Arguments::default();
        arguments.add("args", text).unwrap();
        arguments
    }

    fn options(text: &str) -> SshOptions {
        let mut options = SshOptions::default();
        for setting in &arguments(text).settings {
            options.apply(setting).unwrap();
        }
        options
    }

    #[test]
    fn options_are_understood_in_every_spelling() {
        let found = options(
            "-C -o ControlMaster=auto -o ControlPersist=60s -oPort=2222 -o 'User ops' -i ~/k -vvTi /l -J bastion \
             -o UserKnownHostsFile=/dev/null -4 -o ServerAliveInterval=5 -o serveralivecountmax=2 -oConnectTimeout=3 \
             -o PreferredAuthentications=publickey -b 127.0.0.2 -o ConnectionAttempts=3",
        );
        assert_eq!((found.port, found.user.as_deref()), (Some(2222), Some("ops")));
        assert_eq!(found.identity_files, ["~/k", "/l"]);
        assert_eq!(found.proxy, Some(Proxy::Jump(Hop::list("bastion").unwrap())));
        assert_eq!(found.user_known_hosts, Some(vec!["/dev/null".into()]));
        assert_eq!(found.address_family, Some(AddressFamily::V4));
        assert_eq!((found.alive_interval, found.alive_count), (Some(Some(Duration::from_secs(5))), Some(2)));
        assert_eq!(found.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!((found.bind_address.as_deref(), found.connection_attempts), (Some("127.0.0.2"), Some(3)));
        assert!(!found.logins.allow("password"));
    }

    #[test]
    fn a_proxy_command_reaches_its_shell_as_it_is_written() {
        for (text, wanted) in [
            (r#"-o ProxyCommand="ssh -W %h:%p -q bastion""#, "ssh -W %h:%p -q bastion"),
            (r#"-o 'ProxyCommand=sh -c "nc \"$0\" %p" %h'"#, r#"sh -c "nc \"$0\" %p" %h"#),
            (r#"-oProxyCommand='exec nc %h %p'"#, "exec nc %h %p"),
            (r#"-o "ProxyCommand ssh -i '/a b' -W [%h]:%p x""#, "ssh -i '/a b' -W [%h]:%p x"),
        ] {
            assert_eq!(options(text).proxy, Some(Proxy::Command(wanted.into())), "{text}");
        }
        assert_eq!(options("-o ProxyCommand=none -J x").proxy, Some(Proxy::Direct));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for text in ["web1", "-o", "-o Port", "-p x", "-o Port=99999", "-z", "-o 'a", "-o Prot=2", "-J a,,b"] {
            assert!(Arguments::default().add("args", text).is_err(), "{text}");
        }
        let problem = Arguments::default().add("args", "-o Colour=red").unwrap_err();
        assert_eq!(problem, "`-o Colour=red`: ssh has no option Colour");
    }

    #[test]
    fn what_is_not_heeded_is_noted_and_what_changes_nothing_is_not() {
        let found =
            arguments("-F /my/config -D 1080 -o Ciphers=aes128-ctr -A -o ControlPath=/x -S none -o BatchMode=yes");
        assert_eq!(found.config_file.as_deref(), Some("/my/config"));
        let option = |text: &str| format!("args: ssh option `{text}` is not heeded here");
        assert_eq!(found.ignored, [option("-D 1080"), option("-o Ciphers=aes128-ctr"), option("-A")]);
    }

    #[test]
    fn every_name_has_one_list() {
        let mut all: Vec<&str> = [HEEDED, NEEDLESS, MISSED_OPTIONS].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_words_can_be_written_down_and_read_back() {
        let first = arguments(r#"-J a,b -o ProxyCommand="ssh -W %h:%p 'x y'""#);
        let text = first.written().unwrap();
        assert_eq!(arguments(&text), first);
        assert_eq!(Arguments::default().written(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-oipFJ46A= 'a-z0-9\"\\\\é]{0,60}") {
            let _ = Arguments::default().add("args", &text);
        }
    }
}
