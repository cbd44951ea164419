//! One line of the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::archive::Kind;
use crate::fact::FactKey;

/// What is appended, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// A file was created, and a command is about to write into it.
    StoreBegan {
        /// The name as the script gave it.
        name: String,
        /// The name of the file.
        file: String,
    },
    /// The command succeeded, its output is complete and on disk.
    StoreEnded(StoreEnded),
    /// The command failed, or its output is not complete; the file is gone.
    StoreFailed {
        /// The name as the script gave it.
        name: String,
        /// The name of the file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A request that was refused before a file was created.
    CallRefused {
        /// The first words of the call.
        words: String,
        /// Why it was not understood.
        reason: String,
    },
    /// A store was refused before it began.
    StoreRefused {
        /// The name as the script gave it.
        name: String,
        /// Why.
        reason: String,
    },
    /// Of an item something could not be had, or all of it.
    Missing {
        /// The name of its archive, whether that is stored or not.
        name: String,
        /// What is missing, and why.
        reason: String,
    },
    /// Facts of one archive were refused.
    FactRefused {
        /// The name that the script gave the archive.
        of: String,
        /// Why.
        reason: String,
    },
    /// An archive is about to be handed to a command.
    LoadBegan {
        /// The name as the script gave it.
        name: String,
        /// The process of `batt load`.
        call: u32,
    },
    /// The whole archive went into a command that succeeded.
    LoadEnded(LoadEnded),
    /// The archive is not the one of the backup, or the command failed or did not take all of it.
    LoadFailed {
        /// The name as the script gave it.
        name: String,
        /// The process of `batt load`.
        call: u32,
        /// Why.
        reason: String,
        /// What that says of the archive.
        #[serde(default)]
        evidence: Evidence,
    },
    /// A fact about the content.
    Fact {
        /// The archive that it is a fact of, by the name that the script gave it: compared when that is restored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// What it is about.
        key: FactKey,
        /// What it is.
        value: String,
    },
}

/// What a load that failed says of its archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Evidence {
    /// Its bytes are wrong, whatever becomes of everything else.
    Damaged,
    /// A command that was here, and that nobody ended, did not take it.
    Refused,
    /// Nothing.
    #[default]
    None,
}

/// An archive that `batt store` wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreEnded {
    /// The name as the script gave it.
    pub(crate) name: String,
    /// The name of the file in the service's folder.
    pub(crate) file: String,
    /// What the stream was checked to be.
    pub(crate) check: Option<Kind>,
    /// The length of the command's output.
    pub(crate) raw_bytes: u64,
    /// The length of the file.
    pub(crate) bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The SHA-256 of the command's output, in hexadecimal digits.
    pub(crate) raw_sha256: String,
    /// How long the command ran and its output was written.
    pub(crate) seconds: f64,
    /// What the check found in the stream: `server-version`, `members`.
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, String>,
}

/// An archive that `batt load` handed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadEnded {
    /// The name as the script gave it.
    pub(crate) name: String,
    /// The process of `batt load`.
    pub(crate) call: u32,
    /// The length of what the command got.
    pub(crate) raw_bytes: u64,
    /// How long that took, with the command's own work.
    pub(crate) seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_as_documented() {
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap();
        let began = Entry::StoreBegan {
            name: "a b".to_owned(),
            file: "a%20b.zst".to_owned(),
        };
        assert_eq!(
            line(&began),
            r#"{"record":"store-began","name":"a b","file":"a%20b.zst"}"#
        );
        let fact = Entry::Fact {
            of: None,
            key: FactKey::encoded("rows app.t").unwrap(),
            value: "7\n".to_owned(),
        };
        assert_eq!(
            line(&fact),
            r#"{"record":"fact","key":"rows app.t","value":"7\n"}"#
        );
        let fact = Entry::Fact {
            of: Some("app".to_owned()),
            key: FactKey::encoded("rows.t").unwrap(),
            value: "7".to_owned(),
        };
        assert_eq!(
            line(&fact),
            r#"{"record":"fact","of":"app","key":"rows.t","value":"7"}"#
        );
        let ended = r#"{"record":"store-ended","name":"a","file":"a.zst","check":"mysql","raw_bytes":9,"bytes":8,"sha256":"s","raw_sha256":"r","seconds":0.5,"facts":{}}"#;
        assert_eq!(line(&serde_json::from_str(ended).unwrap()), ended);
    }
}
