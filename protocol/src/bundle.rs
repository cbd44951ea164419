//! The files that a fleet lays out on a host: its bundle.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A folder of `BATT_HOME` that a bundle may write to. There are no others, so no path ever crosses the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BundleFolder {
    /// `BATT_HOME/scripts-available`: files are 0755.
    ScriptsAvailable,
    /// `BATT_HOME/conf`: files are 0600.
    Conf,
}

impl BundleFolder {
    /// Returns the name of the folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScriptsAvailable => "scripts-available",
            Self::Conf => "conf",
        }
    }

    /// Returns the permissions of its files.
    pub fn mode(self) -> u32 {
        match self {
            Self::ScriptsAvailable => 0o755,
            Self::Conf => 0o600,
        }
    }
}

/// The name of a file in a bundle's folder: never a path, never hidden, never the host's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let good = (1..=128).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'));
        if !good {
            return Err(Error::usage(format!(
                "{} cannot be the name of a file in a bundle",
                crate::text::quoted(text)
            ))
            .hint("A name has 1 to 128 of letters, digits, `.`, `_`, `-` and `@`, and starts with a letter or a digit."));
        }
        if text.ends_with(".local.conf") {
            return Err(Error::usage(format!(
                "{} belongs to the host and is never pushed",
                crate::text::quoted(text)
            ))
            .hint("Use `conf/hosts/HOST/` of the fleet folder for settings of one host."));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for FileName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One file of a bundle, told by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BundleFile {
    /// Where it lies.
    pub folder: BundleFolder,
    /// Its name there.
    pub name: FileName,
    /// The SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

impl BundleFile {
    /// The largest file that is pushed: 4 MiB.
    pub const MAX_SIZE: u64 = 4 << 20;
    /// The most files of one bundle.
    pub const MAX_FILES: usize = 1_000;
}

impl fmt::Display for BundleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder.name(), self.name)
    }
}

/// What a push does to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is not there yet.
    Add,
    /// It is there as it was pushed or installed before, and is replaced.
    Replace,
    /// It is gone from the bundle and unchanged on the host, so it is removed.
    Remove,
    /// It was changed on the host since; only a forced push replaces or removes it.
    Conflict,
}

/// A file, and what a push does to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Where it lies.
    pub folder: BundleFolder,
    /// Its name there.
    pub name: FileName,
    /// What happens to it.
    pub change: Change,
}

/// Returns the text whose SHA-256 is the digest of a bundle: a line a file, as `sha256sum` writes it, in order.
///
/// An empty bundle has the digest of the empty text.
pub fn bundle_text(files: &[BundleFile]) -> String {
    let mut sorted: Vec<&BundleFile> = files.iter().collect();
    sorted.sort();
    sorted.iter().fold(String::new(), |mut text, file| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {file}", file.sha256);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for text in [
            "",
            "..",
            ".x",
            "a/b",
            "-x",
            "a\n",
            "a b",
            "backup-x.local.conf",
            &"a".repeat(129),
        ] {
            assert!(text.parse::<FileName>().is_err(), "{text}");
        }
        assert!("backup-redis@6380.conf".parse::<FileName>().is_ok());
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order() {
        let file = |name: &str| BundleFile {
            folder: BundleFolder::Conf,
            name: name.parse().unwrap(),
            sha256: "00".into(),
            size: 1,
        };
        let text = bundle_text(&[file("b"), file("a")]);
        assert_eq!(text, bundle_text(&[file("a"), file("b")]));
        assert_eq!(text, "00  conf/a\n00  conf/b\n");
    }
}
