//! The name of a host as events and journals have it: cheap to share, and never a path.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use batt_protocol::{Error, text};
use serde::{Deserialize, Serialize};

/// The name of a host in the inventory. What has this type is safe as the name of a file and on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Host(Arc<str>);

impl Host {
    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        // The inventory is stricter. A journal is a file that anybody may have changed, and names a log after a host.
        let good = (1..=253).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':' || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%'));
        if good {
            Ok(Self(name.into()))
        } else {
            Err(Error::usage(format!(
                "{} is not the name of a host",
                text::quoted(name)
            )))
        }
    }
}

impl TryFrom<String> for Host {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.0.to_string()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["", ".", "..", "../x", "a/b", "-x", "a b", "a\n"] {
            assert!(name.parse::<Host>().is_err(), "{name}");
        }
        for name in [
            "db1",
            "db1.example.net",
            "10.0.0.1",
            "::1",
            "fe80::1%eth0",
            "_web",
        ] {
            assert!(name.parse::<Host>().is_ok(), "{name}");
        }
    }
}
