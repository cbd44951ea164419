//! What lacks on this host, where the script of a drill did not succeed: by how it ended, or by the words that the system and
//! engines have for it in the log. That says nothing of the backup.

use std::path::Path;

use batt_protocol::HumanBytes;

use super::words::{DISK, KILLED, LIBRARY, Lack, PROGRAM, ROOM, lack_of, own, refuses};

/// How many of the last lines of a log are looked at, and how many bytes.
pub(super) const LINES: (usize, u64) = (100, 32 << 10);

/// Returns what lacks, with how to mend it, where that is known of a script that ended with this code and said this at last. That
/// something was killed is no reason where an archive was refused besides, and a library is none for what does not need it.
pub(super) fn lack(code: Option<i32>, log: &[String], was_refused: bool) -> Option<String> {
    let said = own(log);
    let refuses = said.iter().any(|line| refuses(line));
    let counts = |lack: &Lack| !(was_refused && *lack == KILLED || refuses && *lack == LIBRARY);
    let by_words = said
        .iter()
        .rev()
        .find_map(|line| Some((lack_of(line).filter(counts)?, Some(*line))));
    let by_code = || Some((by_code(code?).filter(counts)?, log.last().map(String::as_str)));
    let ((what, mend), line) = by_words.or_else(by_code)?;
    let line = line.map(|line| format!("\n| {line}")).unwrap_or_default();
    Some(format!("{what}{line}\nhint: {mend}"))
}

/// Less than an engine asks for at a time when a file of it grows.
const LEAST_ROOM: u64 = 64 << 20;

/// Returns that there is no room, with how to mend it, where the scratch folder of a drill that did not succeed has next to none left.
pub(super) fn of_room(scratch: &Path) -> Option<String> {
    let found = rustix::fs::statvfs(scratch).ok()?;
    let left = found.f_bavail.saturating_mul(found.f_frsize);
    (left < LEAST_ROOM).then(|| {
        let (what, mend) = ROOM;
        format!("{what}: {} are left\nhint: {mend}", HumanBytes(left))
    })
}

/// Returns what is said of a drill whose log could not be written: it is on the disk that the scratch folder is on.
pub(super) fn of_log(error: &str) -> String {
    let (what, mend) = ROOM;
    format!("{what}: {error}\nhint: {mend}")
}

/// Returns what a code says as shells have them.
fn by_code(code: i32) -> Option<Lack> {
    // The numbers of signal(7): what somebody else does to a program, and no program to itself.
    const FILE_SIZE: i32 = 25;
    const BY_OTHERS: [i32; 4] = [1, 9, 15, 24];
    match code {
        126 | 127 => Some(PROGRAM),
        _ if code == 128 + FILE_SIZE => Some(DISK),
        _ if BY_OTHERS.contains(&(code - 128)) => Some(KILLED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_known_by_its_words_and_by_codes() {
        let told = |code: i32, line: &str| lack(Some(code), &["begun".to_owned(), line.to_owned()], false);
        for (code, line, what) in [
            (1, "tar: f: Cannot write: No space left on device", "no room"),
            (1, "Error: near line 3: database or disk is full", "no room"),
            (2, "could not extend file: File too large", "larger"),
            (1, "ERROR:  out of memory", "memory"),
            (
                1,
                "ERROR:  could not access file \"$libdir/x\": No such file",
                "library",
            ),
            (127, "sh: 1: frob: not found", "not installed"),
            (137, "restoring", "killed"),
        ] {
            let told = told(code, line).unwrap();
            assert!(told.contains(what) && told.contains("\nhint: "), "{told}");
        }
        assert_eq!(
            told(1, "ERROR:  duplicate key value violates unique constraint"),
            None
        );
        assert_eq!(told(139, "Segmentation fault"), None);
        assert_eq!(
            lack(Some(137), &["b: `sh` was killed by signal 9".to_owned()], true),
            None
        );
        let refused = "pg_restore: error: could not execute query: ERROR:  duplicate key value violates unique constraint";
        let missing = "pg_restore: error: could not execute query: ERROR:  could not access file \"$libdir/x\": No such file";
        let follows = "pg_restore: error: could not execute query: ERROR:  function f(text) does not exist";
        for (log, is_lack) in [
            ([missing, follows], true),
            ([missing, refused], false),
            ([refused, missing], false),
        ] {
            let told = lack(Some(1), &log.map(str::to_owned), true);
            assert_eq!(told.is_some(), is_lack, "{log:?}");
        }
    }
}
