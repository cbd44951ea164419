//! What lacks on this host, where the script of a drill did not succeed: by how it ended, or by the words that the system and
//! engines have for it in the log. That says nothing of the backup.

/// How many of the last lines of a log are looked at.
pub(super) const LINES: usize = 100;

/// What is missing, and how to mend it.
type Lack = (&'static str, &'static str);

const ROOM: Lack = (
    "no room is left in its scratch folder",
    "`scratch` of `[drill]` in batt.toml names a folder with more.",
);
const DISK: Lack = (
    "a file became larger than a drill may make one",
    "`disk` of `[drill]` in batt.toml allows more.",
);
const MEMORY: Lack = (
    "there was too little memory",
    "`memory` of `[drill]` in batt.toml allows more.",
);
const PROCESSES: Lack = (
    "no more processes could be started",
    "`processes` of `[drill]` in batt.toml allows more.",
);
const FILES: Lack = (
    "too many files were open",
    "Raise the limit on open files of whoever drills (`ulimit -n`).",
);
const LIBRARY: Lack = (
    "a library is missing",
    "Install the package that it is of, or name its folder: `programs` of `[drill]` in batt.toml.",
);
const PROGRAM: Lack = (
    "a program that the script calls is not installed here, or may not be executed",
    "Install it, or name its folder: `programs` of `[drill]` in batt.toml.",
);
const KILLED: Lack = ("something that the script had started was killed", KILLED_HINT);
/// What to do when somebody has killed a script, or what it had started.
pub(super) const KILLED_HINT: &str =
    "Somebody, or the kernel for lack of memory, has killed it: see the kernel's log, and drill again.";

/// Words of the C library, of engines, and of the loader of programs.
const WORDS: &[(&str, Lack)] = &[
    ("No space left on device", ROOM),
    ("Disk quota exceeded", ROOM),
    ("database or disk is full", ROOM),
    ("Disk full (", ROOM),
    ("File too large", DISK),
    ("File size limit exceeded", DISK),
    ("Cannot allocate memory", MEMORY),
    ("ut of memory", MEMORY),
    ("Out Of Memory", MEMORY),
    ("Resource temporarily unavailable", PROCESSES),
    ("Too many open files", FILES),
    ("cannot open shared object file", LIBRARY),
    ("could not access file \"", LIBRARY),
    ("could not load library", LIBRARY),
    ("Can't open shared library", LIBRARY),
    (": command not found", PROGRAM),
    // What `batt load` says of its command.
    ("` was killed by signal 9", KILLED),
    ("` was killed by signal 15", KILLED),
];

/// Returns what lacks, with how to mend it, where that is known of a script that ended with this code and said this at last. That
/// something was killed is no reason where an archive was refused besides.
pub(super) fn lack(code: Option<i32>, log: &[String], was_refused: bool) -> Option<String> {
    let counts = |lack: &Lack| !was_refused || *lack != KILLED;
    let by_words = log.iter().rev().find_map(|line| {
        let (_, lack) = WORDS.iter().find(|(words, _)| line.contains(words))?;
        Some((*lack, Some(line))).filter(|(lack, _)| counts(lack))
    });
    let by_code = || Some((by_code(code?).filter(counts)?, log.last()));
    let ((what, mend), line) = by_words.or_else(by_code)?;
    let line = line.map(|line| format!("\n| {line}")).unwrap_or_default();
    Some(format!("{what}{line}\nhint: {mend}"))
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
    }
}
