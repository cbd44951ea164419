//! Appending lines. Several `batt store` may run at a time, so what belongs together goes in with one write to the end
//! of the file, under a lock.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{Entry, FILE_NAME};

/// Facts are refused when the ledger has grown to this many bytes. What stores say has room beyond it.
pub(crate) const FACT_ROOM: u64 = 64 << 20;

/// Appends a line to the ledger in the staging folder, which is created when it is not there.
///
/// # Errors
///
/// Those of the file system. A line that was written in part, on a full disk, stays: the reader counts what it cannot
/// read as a failure.
pub(crate) fn append(staging: &Path, entry: &Entry) -> io::Result<()> {
    append_all(staging, std::slice::from_ref(entry))
}

/// Appends several lines at once, as [`append`] does one.
pub(crate) fn append_all(staging: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(staging.join(FILE_NAME))?;
    // The lock goes with the descriptor.
    flock(&file, FlockOperation::LockExclusive)?;
    let holds_facts = entries.iter().any(|entry| matches!(entry, Entry::Fact { .. }));
    if holds_facts && file.metadata()?.len() > FACT_ROOM {
        return Err(io::Error::new(
            io::ErrorKind::StorageFull,
            "the ledger of this run holds too many facts",
        ));
    }
    let written = (&file).write(&lines)?;
    if written < lines.len() {
        return Err(io::Error::new(
            io::ErrorKind::StorageFull,
            "what was to be appended was written in part",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Ledger;
    use super::*;
    use crate::fact::FactKey;

    #[test]
    fn lines_of_many_writers_stay_whole() {
        let staging = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let staging = staging.path();
                scope.spawn(move || {
                    for number in 0..50 {
                        let key = FactKey::encoded(&format!("w{writer} n{number}")).unwrap();
                        append(
                            staging,
                            &Entry::Fact {
                                of: None,
                                key,
                                value: "x".repeat(number * 100),
                            },
                        )
                        .unwrap();
                    }
                });
            }
        });
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.facts.len(), 400);
        assert_eq!(ledger.facts["w7 n49"].len(), 4900);
        assert!(ledger.failures().is_empty());
        let mode = staging
            .path()
            .join(FILE_NAME)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_in_place_of_the_ledger_is_not_followed() {
        let staging = tempfile::tempdir().unwrap();
        let target = staging.path().join("target");
        std::os::unix::fs::symlink(&target, staging.path().join(FILE_NAME)).unwrap();
        let began = Entry::StoreBegan {
            name: "a".to_owned(),
            file: "a.zst".to_owned(),
        };
        append(staging.path(), &began).unwrap_err();
        assert!(!target.exists());
    }

    #[test]
    fn facts_have_less_room_than_stores() {
        let staging = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(staging.path().join(FILE_NAME)).unwrap();
        file.set_len(FACT_ROOM + 1).unwrap();
        let fact = Entry::Fact {
            of: None,
            key: FactKey::encoded("a").unwrap(),
            value: String::new(),
        };
        assert_eq!(
            append(staging.path(), &fact).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        let began = Entry::StoreBegan {
            name: "a".to_owned(),
            file: "a.zst".to_owned(),
        };
        append(staging.path(), &began).unwrap();
    }
}
