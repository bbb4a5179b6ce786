//! Which libvirt and which hypervisor answer.

use serde::Serialize;
use virt::connect::Connect;
use virt::error::{Error, clear_error_callback};

/// The answer of `version`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    /// Version of the library this program uses.
    client: String,
    /// Version of the libvirt that answers.
    libvirt: String,
    /// Version of the hypervisor; `null` where the driver does not tell.
    hypervisor: Option<String>,
    /// The driver (`QEMU`, `TEST`).
    driver: String,
    /// The connection as libvirt names it.
    uri: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    /// No connection.
    #[error("connect to {uri}: {message}")]
    Connect {
        /// What was tried.
        uri: String,
        /// libvirt's words.
        message: String,
    },
    /// The connection stands but does not answer.
    #[error("ask {uri} for its {what}: {message}")]
    Ask {
        /// The connection.
        uri: String,
        /// What was asked.
        what: &'static str,
        /// libvirt's words.
        message: String,
    },
}

/// Ask.
pub(crate) fn ask(uri: &str) -> Result<Version, VersionError> {
    // libvirt's own handler prints every error to standard error, whether it matters or not.
    clear_error_callback();
    let connection = Connect::open_read_only(Some(uri))
        .map_err(|error| VersionError::Connect { uri: uri.to_owned(), message: error.message().to_owned() })?;
    let failed =
        |what| move |error: Error| VersionError::Ask { uri: uri.to_owned(), what, message: error.message().to_owned() };
    Ok(Version {
        client: dotted(Connect::version().map_err(failed("client version"))?),
        libvirt: dotted(connection.lib_version().map_err(failed("libvirt version"))?),
        // Drivers without a hypervisor behind them (`test:`) may not know.
        hypervisor: connection.hyp_version().ok().map(dotted),
        driver: connection.driver_type().map_err(failed("driver"))?,
        uri: connection.uri().map_err(failed("URI"))?,
    })
}

/// libvirt's numbers are 1,000,000 × major + 1,000 × minor + release.
fn dotted(number: u32) -> String {
    format!("{}.{}.{}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_test_driver_answers() {
        let version = ask("test:///default").unwrap();
        assert_eq!(version.driver, "TEST");
        assert_eq!(version.uri, "test:///default");
        assert_eq!(version.client, version.libvirt);
    }

    #[test]
    fn a_socket_that_is_not_there_is_named() {
        let error = ask("qemu+unix:///system?socket=/nonexistent/libvirt-sock").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/libvirt-sock"), "{error}");
    }
}
