//! Names that must not be confused with other strings.

use crate::msgpack::{Reader, Unreadable, Writer};
use crate::packed::Packed;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(pub String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Packed for $type {
            fn blank() -> Self {
                Self(String::new())
            }

            fn write(&self, out: &mut Writer) {
                out.text(&self.0);
            }

            fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
                self.0.read(input)
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

name! {
    /// A host as the inventory calls it (not its address).
    HostName
}
name! {
    /// One run of the controller: sorts by time, safe in file names (`20261122-174501-4f2a`).
    RunId
}

/// Number of a task within one session, given by the controller, growing by one for each request on a host.
pub type Seq = u64;
