//! The tar of `pg_basebackup -D - -Ft -X fetch`: every member is held against the `backup_manifest` that comes last, as
//! `pg_verifybackup` does with a folder: which files, their sizes, their SHA-256, and the manifest's own. The write-ahead log
//! is not in the manifest; each of its files that a recovery needs has to be there, whole.

mod manifest;

use std::collections::HashMap;

use super::super::{CheckFacts, Digest, StreamCheck};
use super::plain::{Files, walk_files};
use manifest::{Manifest, Range};

/// More files than a cluster has that is backed up as a whole; about a hundred bytes of memory each.
const MEMBERS_LIMIT: usize = 2_000_000;
/// Enough to see what is wrong.
const DAMAGES_LIMIT: usize = 20;
const MANIFEST: &str = "backup_manifest";
/// What a server that was copied may write itself, and a manifest does not hold.
const UNLISTED: [&str; 4] = [
    MANIFEST,
    "postgresql.auto.conf",
    "recovery.signal",
    "standby.signal",
];
/// Files of the write-ahead log have 24 hexadecimal digits: the timeline, and two numbers.
const WAL_NAME: usize = 24;

/// Returns the check of one base backup.
pub(in super::super) fn base_backup_check() -> Box<dyn StreamCheck> {
    Box::new(walk_files(BaseBackup::default()))
}

/// A file that has passed.
struct Member {
    size: u64,
    sha256: String,
}

/// The walk through one base backup.
#[derive(Default)]
struct BaseBackup {
    /// The name and the size of the present member.
    name: String,
    size: u64,
    digest: Digest,
    /// Files that have passed, and that the manifest has not named yet.
    members: HashMap<Box<str>, Member>,
    files: u64,
    /// Files of the write-ahead log, with their sizes.
    wal: HashMap<Box<str>, u64>,
    manifest: Option<Manifest>,
    damages: Vec<String>,
}

impl BaseBackup {
    fn damage(&mut self, damage: String) {
        if self.damages.len() < DAMAGES_LIMIT {
            self.damages.push(damage);
        }
    }

    /// Holds a file that the manifest names against the member of that name.
    fn compare(&mut self, listed: &manifest::Listed) {
        let shown = listed.path.escape_debug();
        let damage = match self.members.remove(listed.path.as_str()) {
            None => format!("`{shown}` is missing"),
            Some(found) if found.size != listed.size => {
                format!("`{shown}` has {} bytes instead of {}", found.size, listed.size)
            }
            Some(found) if found.sha256 != listed.sha256 => {
                format!("`{shown}` is not what `{MANIFEST}` says: its SHA-256 differs")
            }
            Some(_) => return,
        };
        self.damage(damage);
    }

    /// Requires the files of the write-ahead log from the beginning to the end of a range.
    fn require_wal(&mut self, range: &Range) {
        let Some(size) = self
            .wal
            .values()
            .copied()
            .max()
            .filter(|size| size.is_power_of_two())
        else {
            return self.damage("it holds no write-ahead log\nhint: pg_basebackup -X fetch".to_owned());
        };
        // The end is the first byte that is not needed.
        for segment in range.start / size..=range.end.saturating_sub(1) / size {
            let in_one_number = (1u64 << 32) / size.max(1);
            let name = format!(
                "{:08X}{:08X}{:08X}",
                range.timeline,
                segment / in_one_number.max(1),
                segment % in_one_number.max(1)
            );
            match self.wal.get(name.as_str()) {
                None => self.damage(format!("`pg_wal/{name}` is missing, which a recovery needs")),
                Some(found) if *found != size => {
                    self.damage(format!("`pg_wal/{name}` has {found} bytes instead of {size}"));
                }
                Some(_) => {}
            }
            if self.damages.len() == DAMAGES_LIMIT {
                return;
            }
        }
    }
}

impl Files for BaseBackup {
    fn begin(&mut self, name: &str, size: u64) -> Result<(), String> {
        let shown = name.escape_debug();
        if self.manifest.is_some() {
            return Err(format!("`{shown}` comes after `{MANIFEST}`"));
        }
        if name == "tablespace_map" && size > 0 {
            return Err("it has tablespaces of its own, which are not in it".to_owned());
        }
        if name == MANIFEST {
            self.manifest = Some(Manifest::default());
        }
        name.clone_into(&mut self.name);
        self.size = size;
        self.digest = Digest::default();
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) {
        let Some(mut manifest) = self.manifest.take() else {
            return self.digest.update(bytes);
        };
        for listed in manifest.feed(bytes) {
            self.compare(&listed);
        }
        self.manifest = Some(manifest);
    }

    fn end(&mut self) -> Result<(), String> {
        if self.manifest.is_some() {
            return Ok(());
        }
        self.files += 1;
        let sha256 = std::mem::take(&mut self.digest).hex();
        let name: Box<str> = std::mem::take(&mut self.name).into();
        if let Some(wal) = wal_name(&name) {
            self.wal.insert(wal.into(), self.size);
        }
        if self.members.len() == MEMBERS_LIMIT {
            return Err(format!("more than {MEMBERS_LIMIT} files"));
        }
        let size = self.size;
        let shown = name.escape_debug().to_string();
        if self.members.insert(name, Member { size, sha256 }).is_some() {
            return Err(format!("`{shown}` is in it twice"));
        }
        Ok(())
    }

    fn part(&self) -> &'static str {
        if self.manifest.is_some() {
            "its `backup_manifest`"
        } else {
            "a file"
        }
    }

    fn finish(mut self) -> Result<CheckFacts, String> {
        let manifest = self.manifest.take().ok_or_else(|| {
            format!("it has no `{MANIFEST}`\nhint: pg_basebackup --manifest-checksums=SHA256")
        })?;
        let ranges = manifest
            .finish()
            .map_err(|reason| format!("`{MANIFEST}`: {reason}"))?;
        let mut unlisted: Vec<String> = self
            .members
            .keys()
            .filter(|name| !UNLISTED.contains(&&***name) && !name.starts_with("pg_wal/"))
            .map(|name| format!("`{}` is not in `{MANIFEST}`", name.escape_debug()))
            .collect();
        unlisted.sort();
        unlisted.into_iter().for_each(|damage| self.damage(damage));
        ranges.iter().for_each(|range| self.require_wal(range));
        if !self.damages.is_empty() {
            return Err(self.damages.join("; "));
        }
        let mut facts = CheckFacts::default();
        facts.insert_count("files", self.files);
        if let Some(range) = ranges.last() {
            facts.insert_count("timeline", u64::from(range.timeline));
            facts.insert("wal-end", &manifest::position(range.end));
        }
        Ok(facts)
    }
}

/// Returns the name of a file of the write-ahead log.
fn wal_name(name: &str) -> Option<&str> {
    name.strip_prefix("pg_wal/").filter(|name| {
        name.len() == WAL_NAME
            && name
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
    })
}

#[cfg(test)]
mod tests;
