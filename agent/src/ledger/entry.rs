//! One line of the ledger.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::archive::Kind;

/// A key has at most this many bytes.
const KEY_LIMIT: usize = 256;
/// A value has at most this many bytes.
pub(crate) const VALUE_LIMIT: usize = 64 << 10;

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
    /// A fact about the content.
    Fact {
        /// What it is about.
        key: FactKey,
        /// What it is.
        value: String,
    },
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

/// The key of a fact: begins with a letter or digit, then letters, digits, spaces and `._:/@+%-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct FactKey(String);

impl FactKey {
    /// Makes a key of any text that begins with a letter or digit. What a key cannot hold becomes `%XX`, as in the
    /// names of archives, so that `batt record "rows $table"` works for every table.
    pub(crate) fn encoded(text: &str) -> Result<FactKey, InvalidFact> {
        let mut key = String::with_capacity(text.len());
        for byte in text.bytes() {
            if is_plain(byte) && byte != b'%' {
                key.push(char::from(byte));
            } else {
                key.push_str(&format!("%{byte:02X}"));
            }
        }
        FactKey::try_from(key)
    }

    /// Returns the key as text.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+%- ".contains(&byte)
}

impl TryFrom<String> for FactKey {
    type Error = InvalidFact;

    fn try_from(key: String) -> Result<Self, Self::Error> {
        if key.len() > KEY_LIMIT {
            return Err(InvalidFact::LongKey(key.len()));
        }
        let begins_well = key
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric());
        if begins_well && key.bytes().all(is_plain) {
            Ok(FactKey(key))
        } else {
            Err(InvalidFact::Key(key))
        }
    }
}

impl From<FactKey> for String {
    fn from(key: FactKey) -> String {
        key.0
    }
}

/// A fact that cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidFact {
    /// A key that is empty, begins with something else than a letter or digit, or holds what a key cannot hold.
    Key(String),
    /// A key of this many bytes.
    LongKey(usize),
    /// A value of this many bytes.
    LongValue(usize),
}

impl fmt::Display for InvalidFact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidFact::Key(key) => write!(
                formatter,
                "`{}` is no key of a fact\nhint: a key begins with a letter or a digit, as in `rows app.users`",
                key.escape_debug()
            ),
            InvalidFact::LongKey(length) => {
                write!(
                    formatter,
                    "a key of {length} bytes, at most {KEY_LIMIT} are possible"
                )
            }
            InvalidFact::LongValue(length) => {
                write!(
                    formatter,
                    "a value of {length} bytes, at most {VALUE_LIMIT} are possible"
                )
            }
        }
    }
}

impl std::error::Error for InvalidFact {}

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
            key: FactKey::encoded("rows app.t").unwrap(),
            value: "7\n".to_owned(),
        };
        assert_eq!(
            line(&fact),
            r#"{"record":"fact","key":"rows app.t","value":"7\n"}"#
        );
        let ended = r#"{"record":"store-ended","name":"a","file":"a.zst","check":"mysql","raw_bytes":9,"bytes":8,"sha256":"s","raw_sha256":"r","seconds":0.5,"facts":{}}"#;
        assert_eq!(line(&serde_json::from_str(ended).unwrap()), ended);
    }

    #[test]
    fn keys_hold_names_of_tables_of_any_kind() {
        assert_eq!(
            FactKey::encoded("rows App.Users").unwrap().as_str(),
            "rows App.Users"
        );
        assert_eq!(
            FactKey::encoded("rows größe").unwrap().as_str(),
            "rows gr%C3%B6%C3%9Fe"
        );
        assert_eq!(FactKey::encoded("a%b\n").unwrap().as_str(), "a%25b%0A");
        assert_eq!(FactKey::encoded("a_b").unwrap().as_str(), "a_b");
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        for key in ["", " a", "-a", "/etc", "%20"] {
            assert!(FactKey::encoded(key).is_err(), "{key}");
        }
        assert_eq!(FactKey::encoded(&"a".repeat(257)), Err(InvalidFact::LongKey(257)));
        assert!(serde_json::from_str::<Entry>(r#"{"record":"fact","key":"a\u001b","value":""}"#).is_err());
    }
}
