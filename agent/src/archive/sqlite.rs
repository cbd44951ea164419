//! Completeness of database files of SQLite 3: the header tells the length (<https://www.sqlite.org/fileformat2.html>).
//! What is in the pages is for `PRAGMA integrity_check`, which the script runs on the copy.

use super::walk::{Format, Walker, Want};
use super::{CheckFacts, StreamCheck};

const HEADER: usize = 100;

/// The header of the database.
#[derive(Default)]
struct Database {
    page_size: u64,
    /// The number of pages, where the header's is valid: programs older than 3.7.0 left it as it was.
    pages: Option<u64>,
    user_version: u32,
    library: u32,
}

/// Returns the check of one database file.
pub(super) fn sqlite_check() -> Box<dyn StreamCheck> {
    Box::new(Walker::new(Database::default(), Want::Take(HEADER)))
}

/// Reads a big-endian number of the header.
fn number(header: &[u8], offset: usize) -> u32 {
    header[offset..offset + 4]
        .iter()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

impl Format for Database {
    fn step(&mut self, header: &[u8]) -> Result<Want, String> {
        if !header.starts_with(b"SQLite format 3\0") {
            return Err("it does not begin with `SQLite format 3`".to_owned());
        }
        self.page_size = match u64::from(header[16]) << 8 | u64::from(header[17]) {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => size,
            size => return Err(format!("its header gives {size} as the size of a page")),
        };
        // The payload fractions of the format are constants.
        if header[21..24] != [64, 32, 32] {
            return Err("its header holds impossible payload fractions".to_owned());
        }
        let (pages, changes, valid_for) = (number(header, 28), number(header, 24), number(header, 92));
        self.pages = (pages > 0 && changes == valid_for).then_some(u64::from(pages));
        self.user_version = number(header, 60);
        self.library = number(header, 96);
        Ok(Want::Rest)
    }

    fn part(&self) -> &'static str {
        "its header"
    }

    fn finish(self, total: u64) -> Result<CheckFacts, String> {
        let pages = match self.pages {
            Some(pages) if pages * self.page_size != total => {
                return Err(format!(
                    "it has {total} bytes, and its header tells of {pages} pages of {} bytes",
                    self.page_size
                ));
            }
            None if !total.is_multiple_of(self.page_size) => {
                return Err(format!(
                    "it has {total} bytes, which are no whole pages of {}",
                    self.page_size
                ));
            }
            pages => pages.unwrap_or(total / self.page_size),
        };
        let mut facts = CheckFacts::default();
        facts.insert_count("page-size", self.page_size);
        facts.insert_count("pages", pages);
        facts.insert_count("user-version", u64::from(self.user_version));
        let (major, minor, patch) = (
            self.library / 1_000_000,
            self.library / 1000 % 1000,
            self.library % 1000,
        );
        facts.insert("library-version", &format!("{major}.{minor}.{patch}"));
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fixtures::{check, every_cut_is_incomplete, fixture};

    #[test]
    fn databases_are_complete() {
        let facts = check(Kind::Sqlite, &fixture("sqlite.db")).unwrap();
        assert_eq!(
            (facts.get("page-size"), facts.get("pages")),
            (Some("1024"), Some("12"))
        );
        assert_eq!(facts.get("user-version"), Some("7"));
        assert_eq!(facts.get("library-version"), Some("3.40.1"));
        let facts = check(Kind::Sqlite, &fixture("sqlite-backup.db")).unwrap();
        assert_eq!(
            (facts.get("page-size"), facts.get("pages")),
            (Some("4096"), Some("2"))
        );
    }

    #[test]
    fn every_cut_is_noticed() {
        for name in ["sqlite.db", "sqlite-backup.db"] {
            every_cut_is_incomplete(Kind::Sqlite, &fixture(name));
        }
    }

    #[test]
    fn what_follows_the_last_page_is_noticed() {
        let mut database = fixture("sqlite.db");
        database.extend_from_slice(&[0; 1024]);
        let error = check(Kind::Sqlite, &database).unwrap_err();
        assert_eq!(
            error,
            "it has 13312 bytes, and its header tells of 12 pages of 1024 bytes"
        );
    }

    #[test]
    fn a_length_that_an_old_library_left_behind_is_not_believed() {
        let mut database = fixture("sqlite.db");
        database[92] ^= 1;
        database.extend_from_slice(&[0; 1024]);
        assert_eq!(check(Kind::Sqlite, &database).unwrap().get("pages"), Some("13"));
        database.pop();
        assert!(check(Kind::Sqlite, &database).is_err());
    }

    #[test]
    fn a_header_that_cannot_be_is_noticed() {
        for (offset, byte) in [(0, b's'), (16, 3), (21, 63)] {
            let mut database = fixture("sqlite.db");
            database[offset] = byte;
            assert!(check(Kind::Sqlite, &database).is_err(), "byte {offset}");
        }
    }
}
