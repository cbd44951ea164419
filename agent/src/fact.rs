//! Facts about the content of a backup: what scripts and checks tell of it, under keys that stand for themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key has at most this many bytes: the longest path there is, each byte of it encoded, and a word before it.
const KEY_LIMIT: usize = 3 * 4096 + 64;
/// A value has at most this many bytes.
pub(crate) const VALUE_LIMIT: usize = 64 << 10;

/// How the key of a fact begins that is the digest of a definition; its first part says in which form that was digested.
pub(crate) const DEFINITION: &str = "definition-";

/// How the key of a fact begins that is the number which comes next of something that counts: a restore may be ahead of it, and not behind.
pub(crate) const COUNTERS: [&str; 2] = ["auto-increment.", "next-value."];

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
        assert_eq!(
            FactKey::encoded(&"a".repeat(KEY_LIMIT + 1)),
            Err(InvalidFact::LongKey(KEY_LIMIT + 1))
        );
        assert!(serde_json::from_str::<FactKey>(r#""a\u001b""#).is_err());
    }
}
