//! The file's name of an archive: NAME may be any text, a file's name may not.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// With `.zst` and what others append to it a file's name stays under the 255 bytes that Linux allows.
const LIMIT: usize = 200;

/// Returns the name of the file for NAME, without `.zst`: what is not `[A-Za-z0-9._-]` becomes `%XX`, and so does a
/// leading dot.
pub(super) fn encode(name: &OsStr) -> Result<String, InvalidName> {
    let mut file = String::new();
    for (position, byte) in name.as_bytes().iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if plain && (position > 0 || *byte != b'.') {
            file.push(char::from(*byte));
        } else {
            file.push_str(&format!("%{byte:02X}"));
        }
    }
    match file.len() {
        0 => Err(InvalidName::Empty),
        1..=LIMIT => Ok(file),
        length => Err(InvalidName::Long(length)),
    }
}

/// A NAME that cannot name an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidName {
    /// It has no letters.
    Empty,
    /// Encoded, it has this many bytes.
    Long(usize),
}

impl fmt::Display for InvalidName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidName::Empty => write!(formatter, "the name of the archive is empty"),
            InvalidName::Long(length) => write!(
                formatter,
                "the name of the archive takes {length} bytes as the name of a file, at most {LIMIT} are possible"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &[u8]) -> String {
        encode(OsStr::from_bytes(name)).unwrap()
    }

    #[test]
    fn any_name_becomes_one_name_in_a_folder() {
        assert_eq!(encoded(b"app.sql"), "app.sql");
        assert_eq!(encoded(b"../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(encoded(b"a;b $(c)\n"), "a%3Bb%20%24%28c%29%0A");
        assert_eq!(encoded(b".hidden"), "%2Ehidden");
        assert_eq!(encoded(b"-rf"), "-rf");
        assert_eq!(encoded("größe".as_bytes()), "gr%C3%B6%C3%9Fe");
        assert_eq!(encoded(b"\xff"), "%FF");
        assert_eq!(encoded(b"50%"), "50%25");
    }

    #[test]
    fn two_names_never_become_one() {
        assert_ne!(encoded(b"a b"), encoded(b"a%20b"));
    }

    #[test]
    fn names_that_are_empty_or_too_long_are_refused() {
        assert_eq!(encode(OsStr::new("")), Err(InvalidName::Empty));
        assert_eq!(encode(OsStr::new(&"a".repeat(200))).unwrap().len(), 200);
        assert_eq!(encode(OsStr::new(&"a".repeat(201))), Err(InvalidName::Long(201)));
        assert_eq!(encode(OsStr::new(&" ".repeat(67))), Err(InvalidName::Long(201)));
    }
}
