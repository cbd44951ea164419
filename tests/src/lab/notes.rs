//! What the hosts of the lab have to lose: a small database of notes, and a web site. Different on every host, the same each
//! time, and compressible as text is.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The tables of each database, with the number of their pages.
const TABLES: &[(&str, u64)] = &[("letters", 14), ("recipes", 7)];
/// The page of the first table that a damaged database has lost: far enough in for a dump to have begun.
const DAMAGED_PAGE: u64 = 9;

const WORDS: &[&str] = &[
    "a",
    "and",
    "apple",
    "baked",
    "bread",
    "came",
    "dear",
    "evening",
    "flour",
    "friend",
    "garden",
    "greetings",
    "home",
    "honey",
    "in",
    "kitchen",
    "letter",
    "long",
    "milk",
    "morning",
    "of",
    "oven",
    "pear",
    "quiet",
    "rain",
    "river",
    "salt",
    "sister",
    "the",
    "train",
    "walked",
    "winter",
    "with",
    "wrote",
    "yesterday",
    "yours",
];

/// The state of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// All of its pages can be read.
    Sound,
    /// A page in the middle is not what was written: every dump of it dies on the way.
    Damaged,
}

/// Writes a database into a folder, in pages of this size.
pub(super) fn write_database(
    folder: &Path,
    host: &str,
    state: Database,
    page_bytes: usize,
) -> io::Result<()> {
    for (table, pages) in TABLES {
        let folder = folder.join(table);
        fs::create_dir_all(&folder)?;
        let mut chance = Chance::of(&format!("{host}/{table}"));
        let mut sums = String::new();
        for number in 1..=*pages {
            let name = format!("{number:04}.page");
            let mut page = chance.text(page_bytes);
            writeln!(sums, "{} {name}", hexadecimal(&Sha256::digest(&page))).map_err(io::Error::other)?;
            if state == Database::Damaged && *table == TABLES[0].0 && number == DAMAGED_PAGE {
                page.replace_range(1000..1004, "\0\0\0\0");
            }
            fs::write(folder.join(name), page)?;
        }
        fs::write(folder.join("pages.sha256"), sums)?;
    }
    Ok(())
}

/// Writes a small web site into a folder.
pub(super) fn write_site(folder: &Path, host: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut chance = Chance::of(host);
    for name in ["index.html", "about.html", "imprint.html"] {
        let text = chance.text(20_000);
        fs::write(
            folder.join(name),
            format!("<!doctype html>\n<title>{host}</title>\n<p>{text}</p>\n"),
        )?;
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Numbers that look like chance and come again (xorshift64, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn of(name: &str) -> Self {
        let digest = Sha256::digest(name);
        let mut seed = [0u8; 8];
        seed.copy_from_slice(&digest[..8]);
        // Zero would stay zero.
        Self(u64::from_le_bytes(seed) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            let number = self.next();
            let word = usize::try_from(number >> 8).unwrap_or_default() % WORDS.len();
            text.push_str(WORDS[word]);
            text.push(if number.is_multiple_of(12) { '\n' } else { ' ' });
        }
        text.truncate(bytes - 1);
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_database_differs_in_one_page() {
        let folder = tempfile::tempdir().unwrap();
        for (name, state) in [("sound", Database::Sound), ("damaged", Database::Damaged)] {
            write_database(&folder.path().join(name), "db1", state, 4096).unwrap();
        }
        let read = |database: &str, file: &str| fs::read(folder.path().join(database).join(file)).unwrap();
        let differ = |file: &str| read("sound", file) != read("damaged", file);
        assert!(differ("letters/0009.page"));
        assert!(
            !differ("letters/0008.page") && !differ("recipes/0001.page") && !differ("letters/pages.sha256")
        );
        let sums = String::from_utf8(read("sound", "letters/pages.sha256")).unwrap();
        let digest = hexadecimal(&Sha256::digest(read("sound", "letters/0009.page")));
        assert!(sums.contains(&format!("{digest} 0009.page\n")));
    }
}
