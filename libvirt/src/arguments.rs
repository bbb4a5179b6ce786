//! The command line, which only the controller and people who look for a fault write.

use std::path::Path;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Which libvirt and hypervisor answer.
    Version {
        /// libvirt's connection URI.
        uri: String,
    },
}

/// Why the command line makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    /// No or another command.
    #[error("unknown command {0:?}; usage: luthier-libvirt version [--socket PATH | --uri URI]")]
    Command(String),
    /// An option nobody knows.
    #[error("unknown option {0:?}; usage: luthier-libvirt version [--socket PATH | --uri URI]")]
    Option(String),
    /// An option without its value.
    #[error("{0} needs a value")]
    Value(String),
    /// A socket that an URI cannot carry.
    #[error("socket path {0:?} must be absolute and free of '?', '&', '#' and '%'")]
    Socket(String),
}

/// Read the words after the program's name.
pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, ArgumentError> {
    match words.next().unwrap_or_default() {
        word if word == "version" => {}
        word => return Err(ArgumentError::Command(word)),
    }
    let mut uri = "qemu:///system".to_owned();
    while let Some(option) = words.next() {
        let mut value = || words.next().ok_or_else(|| ArgumentError::Value(option.clone()));
        match option.as_str() {
            "--socket" => uri = socket_uri(&value()?)?,
            "--uri" => uri = value()?,
            _ => return Err(ArgumentError::Option(option)),
        }
    }
    Ok(Command::Version { uri })
}

fn socket_uri(path: &str) -> Result<String, ArgumentError> {
    if !Path::new(path).is_absolute() || path.contains(['?', '&', '#', '%', '\0']) {
        return Err(ArgumentError::Socket(path.to_owned()));
    }
    Ok(format!("qemu+unix:///system?socket={path}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn words(text: &str) -> Result<Command, ArgumentError> {
        parse(text.split(' ').map(str::to_owned))
    }

    #[test]
    fn a_socket_becomes_part_of_the_uri() {
        let wanted = Command::Version { uri: "qemu+unix:///system?socket=/run/x/sock".to_owned() };
        assert_eq!(words("version --socket /run/x/sock").unwrap(), wanted);
    }

    #[test]
    fn a_socket_cannot_smuggle_in_other_parameters() {
        assert!(matches!(words("version --socket /run/x&no_verify=1"), Err(ArgumentError::Socket(_))));
        assert!(matches!(words("version --socket"), Err(ArgumentError::Value(_))));
        assert!(matches!(words("destroy"), Err(ArgumentError::Command(_))));
    }
}
