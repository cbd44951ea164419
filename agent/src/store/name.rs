//! The file's name of an archive: NAME may be any text, a file's name may not.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::archive::Digest;

/// With `.zst` and what others append to it a file's name stays under the 255 bytes that Linux allows.
const LIMIT: usize = 200;
/// As long as a path can be, which is the longest of the names that mean something.
const LONGEST: usize = 4096;
/// Comes before the hash of a name that is too long. It stands in no other file's name: there it is `%7E`.
pub(crate) const HASHED: char = '~';
/// As many digits of a SHA-256 as nobody finds a second name for.
const DIGITS: usize = 32;

/// Returns the name of the file that `batt store` keeps the archive NAME in.
pub(super) fn file_of(name: &OsStr) -> Result<String, InvalidName> {
    encode(name).map(|stem| stem + ".zst")
}

/// Returns a name as it is told of, no longer than one can be.
pub(super) fn to_text(name: &OsStr) -> String {
    name.to_string_lossy().chars().take(LONGEST).collect()
}

/// Tells whether a file may be the one of the archive NAME.
pub(crate) fn is_file_of(file: &str, name: &str) -> bool {
    // What was no UTF-8 is written otherwise in a manifest than it was.
    name.contains('\u{FFFD}') || file_of(OsStr::new(name)).is_ok_and(|own| own == file)
}

/// Returns the name of the file for NAME, without `.zst`: what is not `[A-Za-z0-9._-]` becomes `%XX`, and so does a
/// leading dot. One that becomes too long by that is its beginning, and a hash of all of it.
fn encode(name: &OsStr) -> Result<String, InvalidName> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(InvalidName::Empty);
    }
    if bytes.len() > LONGEST {
        return Err(InvalidName::Long(bytes.len()));
    }
    let (mut file, mut beginning) = (String::new(), 0);
    for (position, byte) in bytes.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if plain && (position > 0 || *byte != b'.') {
            file.push(char::from(*byte));
        } else {
            file.push_str(&format!("%{byte:02X}"));
        }
        if file.len() < LIMIT - DIGITS {
            beginning = file.len();
        }
    }
    if file.len() > LIMIT {
        let digest = Digest::of(bytes);
        file.truncate(beginning);
        file.push(HASHED);
        file.extend(digest.chars().take(DIGITS));
    }
    Ok(file)
}

/// A NAME that cannot name an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidName {
    /// It has no letters.
    Empty,
    /// It has this many bytes.
    Long(usize),
}

impl fmt::Display for InvalidName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidName::Empty => write!(formatter, "the name of the archive is empty"),
            InvalidName::Long(length) => write!(
                formatter,
                "the name of the archive has {length} bytes, at most {LONGEST} are possible"
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
    fn a_name_that_is_too_long_for_a_file_is_told_by_its_hash() {
        assert_eq!(encoded("a".repeat(200).as_bytes()), "a".repeat(200));
        let long = encoded("a".repeat(201).as_bytes());
        assert_eq!(
            long,
            "a".repeat(167) + "~a92efd82109373e58f9a2056dee01e80",
            "the beginning, and a hash"
        );
        let folder = "Документы/".repeat(12);
        let (one, other) = (format!("{folder}1"), format!("{folder}2"));
        let files = [encoded(one.as_bytes()), encoded(other.as_bytes())];
        assert_ne!(files[0], files[1]);
        for file in &files {
            assert!(file.len() <= LIMIT, "{file}");
            let (beginning, _) = file.split_once(HASHED).unwrap();
            assert!(
                beginning
                    .rfind('%')
                    .is_some_and(|last| last + 3 <= beginning.len()),
                "no byte is cut in two: {file}"
            );
        }
        assert_ne!(
            encoded(files[0].as_bytes()),
            files[0],
            "nor is it the name of another file"
        );
        assert!(is_file_of(&format!("{}.zst", files[0]), &one));
        assert!(!is_file_of(&format!("{}.zst", files[0]), &other));
        assert!(!is_file_of("a.zst", "b"));
        assert!(is_file_of("%FF.zst", "\u{FFFD}"));
    }

    #[test]
    fn names_that_are_empty_or_longer_than_any_path_are_refused() {
        assert_eq!(encode(OsStr::new("")), Err(InvalidName::Empty));
        assert!(encode(OsStr::new(&" ".repeat(4096))).is_ok());
        assert_eq!(
            encode(OsStr::new(&"a".repeat(4097))),
            Err(InvalidName::Long(4097))
        );
    }
}
