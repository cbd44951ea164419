//! What a server says is in a database, as facts of its archive.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::inventory::unescaped;
use crate::fact::{FactKey, InvalidFact, VALUE_LIMIT};
use crate::ledger::Entry;

/// The most bytes of one file: as many as are taken of facts at once.
const LIMIT: u64 = 16 << 20;

/// Returns the lines of inventories as facts of an archive.
pub(super) fn entries(of: &str, paths: &[PathBuf]) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for path in paths {
        let lines = read(path)
            .map_err(|error| format!("the inventory `{}` cannot be read: {error}", path.display()))?;
        for line in lines.lines() {
            let entry = entry(of, line).map_err(|reason| {
                format!("the inventory `{}` cannot be recorded: {reason}", path.display())
            })?;
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

fn entry(of: &str, line: &str) -> Result<Entry, String> {
    let (key, value) = line
        .split_once('\t')
        .ok_or_else(|| "a line has no tab".to_owned())?;
    let key = FactKey::encoded(&unescaped(key)).map_err(|error| error.to_string())?;
    if value.len() > VALUE_LIMIT {
        return Err(InvalidFact::LongValue(value.len()).to_string());
    }
    Ok(Entry::Fact {
        of: Some(of.to_owned()),
        key,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content: &[u8]) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory");
        std::fs::write(&path, content).unwrap();
        let facts = entries("shop", &[path])?.into_iter().map(|entry| match entry {
            Entry::Fact { of, key, value } => {
                assert_eq!(of.as_deref(), Some("shop"));
                (key.into(), value)
            }
            other => panic!("{other:?}"),
        });
        Ok(facts.collect())
    }

    #[test]
    fn lines_are_facts_whose_keys_hold_any_name() {
        let facts = told(b"table.t\tInnoDB\nview.two\\nlines \\\\ \xc3\xb6\tyes\nevent.e\t\n").unwrap();
        let fact = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            facts,
            [
                fact("table.t", "InnoDB"),
                fact("view.two%0Alines %5C %C3%B6", "yes"),
                fact("event.e", "")
            ]
        );
        assert!(told(b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_fact_is_refused() {
        assert!(told(b"table.t InnoDB\n").unwrap_err().contains("no tab"));
        assert!(told(b"\tx\n").is_err());
        assert!(told(b"a\t\xff\n").is_err());
        let long = format!("a\t{}\n", "x".repeat(VALUE_LIMIT + 1));
        assert!(told(long.as_bytes()).is_err());
        assert!(entries("shop", &["/nonexistent/inventory".into()]).is_err());
    }
}
