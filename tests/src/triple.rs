//! A service of a test with all three scripts: notes, one file each, whose lines are what is recorded of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::drop_in::chmod;
use crate::finished::Finished;
use crate::host::Host;

/// Stores each note, and records its lines.
pub const BACKUP: &str = r#"
# batt: summary  Notes
# batt: option   --note NAME    note to back up (all when none is named)
# batt: restore  zstd -dc NAME.zst > NAME
set -eu
if [ $# -eq 0 ]; then
    for path in "$NOTES_DIR"/*; do
        set -- "$@" "${path##*/}"
    done
fi
# A note is read by whom it belongs to, and never through a link.
read_note() {
    batt as --owner-of "$NOTES_DIR/$1" -- cat "./$1"
}
for note in "$@"; do
    batt store "$note" -- batt as --owner-of "$NOTES_DIR/$note" -- cat "./$note"
    batt record --of "$note" lines "$(read_note "$note" | wc -l)"
    batt record --of "$note" first "$(read_note "$note" | sed q)"
done"#;

/// Loads each note into a folder, and records what is there then.
pub const RESTORE: &str = r#"
set -eu
target="${BATT_TARGET:-$NOTES_DIR}"
for note in "$@"; do
    batt place --dry-run "$target/$note"
done
read_note() {
    batt as --owner-of "$target/$1" -- cat "./$1"
}
for note in "$@"; do
    # For the owner of the folder, whoever that is.
    batt load "$note" -- batt place --like "$target" "$target/$note"
    batt record --of "$note" lines "$(read_note "$note" | wc -l)"
    batt record --of "$note" first "$(read_note "$note" | sed q)"
    echo "$note is there"
done"#;

/// Restores into the scratch folder by the script beside it.
pub const DRILL: &str = r#"
set -eu
mkdir "$BATT_SCRATCH/notes"
batt record reader-version 1
BATT_TARGET="$BATT_SCRATCH/notes" "${0%/*}/restore-notes" "$@""#;

/// A host that has notes.
#[derive(Debug)]
pub struct Notes {
    /// The host.
    pub host: Host,
}

impl Notes {
    /// Returns a host with the notes `a b`, `plain` and `long`, and the three scripts, and nothing backed up yet.
    pub fn new() -> Self {
        let notes = Self { host: Host::new() };
        fs::create_dir(notes.folder()).expect("the folder can be written");
        notes.write("a b", "first of a\nsecond\n");
        notes.write("plain", "one line\n");
        notes.write("long", &"a line of many\n".repeat(200_000));
        let host = &notes.host;
        host.drop_in("notes", BACKUP);
        host.companion("restore-notes", RESTORE);
        host.companion("drill-notes", DRILL);
        notes.drill_settings("");
        let folder = notes.folder();
        host.configure("notes", &[("NOTES_DIR", folder.to_str().expect("UTF-8"))]);
        notes
    }

    /// Returns a host with notes that are backed up, and where the backup is.
    #[track_caller]
    pub fn backed_up() -> (Self, PathBuf) {
        let notes = Self::new();
        notes.host.batt(&["notes"]).success();
        let backup = notes.host.backup("notes");
        (notes, backup)
    }

    /// Returns the folder of the notes.
    pub fn folder(&self) -> PathBuf {
        self.host.root().join("notes")
    }

    /// Writes a note.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("a note can be written");
    }

    /// Removes every note.
    pub fn lose(&self) {
        fs::remove_dir_all(self.folder()).expect("notes can be removed");
        fs::create_dir(self.folder()).expect("the folder can be written");
    }

    /// Returns the notes that are in a folder, and what is in them, without those that were kept as `NAME.batt-TIME`.
    pub fn read(folder: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| !entry.file_name().to_string_lossy().contains(".batt-"))
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    fs::read_to_string(entry.path()).expect("a note is text"),
                )
            })
            .collect()
    }

    /// Returns the folder below which restores and drills work on this host.
    pub fn place(&self) -> PathBuf {
        let place = self.host.root().join("work");
        fs::create_dir_all(&place).expect("the folder can be written");
        place
    }

    /// Runs `batt`, with the work of restores in a folder of this host.
    pub fn batt(&self, arguments: &[&str]) -> Finished {
        Finished::run(&mut self.command(arguments))
    }

    /// Returns the command that calls `batt`, with the work of restores in a folder of this host.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.host.batt_command(arguments);
        command.env("TMPDIR", self.place());
        command
    }

    /// Starts `batt` without waiting for its end.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("batt can be started")
    }

    /// Makes the script of this name wait, in a process of its own too, and returns the file that appears when it does.
    pub fn waiting(&self, name: &str) -> PathBuf {
        let waits = self.host.scratch().join("waits");
        let body = format!(
            "setsid sleep 1000 &\ntouch {0}\nwhile [ -e {0} ]; do sleep 0.02; done",
            waits.display()
        );
        self.host.companion(name, &body);
        waits
    }

    /// Makes drills work in a folder of this host, and sets what else stands in `[drill]`.
    pub fn drill_settings(&self, more: &str) {
        let place = self.place();
        let text = format!("[drill]\nscratch = \"{}\"\n{more}\n", place.display());
        self.host.settings(&text);
    }

    /// Flips one bit of a file.
    pub fn flip(file: &Path) {
        let mut bytes = fs::read(file).expect("the file can be read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).expect("the file can be written");
    }

    /// Runs `batt` and returns its exit code and what its JSON says.
    #[track_caller]
    pub fn told(&self, arguments: &[&str]) -> (i32, Value) {
        let all: Vec<&str> = ["--format", "json"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let finished = self.batt(&all);
        let report: Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}):\n{}", finished.said()));
        let exit = finished.code.expect("batt ends by itself");
        assert_eq!(report["exit"], exit, "{}", finished.said());
        (exit, report)
    }

    /// Asserts that restores and drills have left nothing where they work.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left: Vec<_> = fs::read_dir(self.place())
            .expect("the folder can be read")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// Puts a shell script into `scripts-available` under its whole name, as `restore-notes`.
    pub fn companion(&self, name: &str, body: &str) -> PathBuf {
        let path = self.home().join("scripts-available").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("the script can be written");
        chmod(&path, 0o755);
        path
    }
}

#[cfg(test)]
mod tests {
    use super::{BACKUP, DRILL, RESTORE};

    #[test]
    fn the_triple_of_the_documentation_is_the_one_that_is_tested() {
        let page = include_str!("../../docs/how-to-write-a-script.md");
        for (name, body) in [
            ("backup-notes", BACKUP),
            ("restore-notes", RESTORE),
            ("drill-notes", DRILL),
        ] {
            let block = format!("```sh\n#!/bin/sh\n# {name}{body}\n```");
            assert!(page.contains(&block), "{name}");
        }
    }
}
