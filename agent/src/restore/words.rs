//! The words that the system and engines have for what lacks, known from what they only quote: clients print content too, and a row or
//! the body of a function may hold any words.

/// What is missing, and how to mend it.
pub(super) type Lack = (&'static str, &'static str);

pub(super) const ROOM: Lack = (
    "no room is left in its scratch folder",
    "`scratch` of `[drill]` in batt.toml names a folder with more.",
);
pub(super) const DISK: Lack = (
    "a file became larger than a drill may make one",
    "`disk` of `[drill]` in batt.toml allows more.",
);
pub(super) const MEMORY: Lack = (
    "there was too little memory",
    "`memory` of `[drill]` in batt.toml allows more.",
);
pub(super) const PROCESSES: Lack = (
    "no more processes could be started",
    "`processes` of `[drill]` in batt.toml allows more.",
);
pub(super) const FILES: Lack = (
    "too many files were open",
    "Raise the limit on open files of whoever drills (`ulimit -n`).",
);
pub(super) const LIBRARY: Lack = (
    "a library is missing",
    "Install the package that it is of, or name its folder: `programs` of `[drill]` in batt.toml.",
);
pub(super) const PROGRAM: Lack = (
    "a program that the script calls is not installed here, or may not be executed",
    "Install it, or name its folder: `programs` of `[drill]` in batt.toml.",
);
pub(super) const KILLED: Lack = ("something that the script had started was killed", KILLED_HINT);
/// What to do when somebody has killed a script, or what it had started.
pub(super) const KILLED_HINT: &str =
    "Somebody, or the kernel for lack of memory, has killed it: see the kernel's log, and drill again.";

/// What strerror(3) says. It stands at the end of a line, or behind the number of the error.
const OF_THE_SYSTEM: &[(&str, Lack)] = &[
    ("No space left on device", ROOM),
    ("Disk quota exceeded", ROOM),
    ("File too large", DISK),
    ("Cannot allocate memory", MEMORY),
    ("Resource temporarily unavailable", PROCESSES),
    ("Too many open files in system", FILES),
    ("Too many open files", FILES),
];

/// What a message of an engine, a shell or the loader of programs begins with, behind the name of who says it, and how it may go on:
/// where nothing is named, not at all.
const OF_PROGRAMS: &[(&str, &[&str], Lack)] = &[
    ("database or disk is full", &[" ("], ROOM),
    ("stepping, database or disk is full", &[" ("], ROOM),
    ("Disk full (", ANY, ROOM),
    ("File size limit exceeded", ANY, DISK),
    ("out of memory", MEMORY_OF_WHAT, MEMORY),
    ("Out of memory", MEMORY_OF_WHAT, MEMORY),
    ("Out Of Memory", MEMORY_OF_WHAT, MEMORY),
    ("cannot open shared object file", &[": "], LIBRARY),
    ("could not access file \"", ANY, LIBRARY),
    ("could not load library \"", ANY, LIBRARY),
    ("Can't open shared library '", ANY, LIBRARY),
    ("command not found", &[], PROGRAM),
];
const ANY: &[&str] = &[""];
const MEMORY_OF_WHAT: &[&str] = &[" (", " for query result", " allocating "];

/// What `batt load` says of its command, at the end of a line.
const OF_LOADS: &[(&str, Lack)] = &[
    ("` was killed by signal 1", KILLED),
    ("` was killed by signal 9", KILLED),
    ("` was killed by signal 15", KILLED),
    ("` was killed by signal 24", KILLED),
    ("` was killed by signal 25", DISK),
];

/// Returns the lines in which somebody says something, without those that quote content.
pub(super) fn own(log: &[String]) -> Vec<&str> {
    let mut quotes = false;
    log.iter()
        .map(String::as_str)
        .filter(|line| {
            quotes = begins_to_quote(line) || quotes && !begins_a_message(line);
            !quotes
        })
        .collect()
}

/// Returns what lacks by what a line says.
pub(super) fn lack_of(line: &str) -> Option<Lack> {
    let of_the_system = OF_THE_SYSTEM
        .iter()
        .find(|(words, _)| around(line, words).any(|(before, after)| is_of_the_system(before, after)))
        .map(|(_, lack)| *lack);
    let of_programs = || {
        let found = OF_PROGRAMS.iter().find(|(words, more, _)| {
            around(line, words).any(|(before, after)| {
                let goes_on = more.iter().any(|more| after.starts_with(more));
                begins_here(before) && (after.is_empty() || goes_on)
            })
        });
        found.map(|(_, _, lack)| *lack)
    };
    let of_loads = || {
        let found = OF_LOADS.iter().find(|(words, _)| line.ends_with(words));
        found.map(|(_, lack)| *lack)
    };
    of_the_system.or_else(of_programs).or_else(of_loads)
}

/// Tells whether an engine refuses something in this line, and not only because something else is missing.
pub(super) fn refuses(line: &str) -> bool {
    let of_mysql = line
        .strip_prefix("ERROR ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let of_postgresql = ["ERROR:  ", "] ERROR:  ", ": ERROR:  "];
    let is_error = of_mysql
        || line.starts_with(of_postgresql[0])
        || of_postgresql[1..].iter().any(|words| line.contains(words));
    let follows = [
        "does not exist",
        "doesn't exist",
        "is only a shell",
        "has no default operator class",
        "current transaction is aborted",
    ];
    is_error && lack_of(line).is_none() && !follows.iter().any(|words| line.contains(words))
}

/// Returns what stands before and behind words, each time that they are there.
fn around<'a>(line: &'a str, words: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    line.match_indices(words)
        .map(move |(at, _)| (&line[..at], &line[at + words.len()..]))
}

/// Tells whether the text of an error stands where the system, or who hands on what it says, puts it.
fn is_of_the_system(before: &str, after: &str) -> bool {
    let ends =
        after.is_empty() || after.starts_with(" (os error ") || after.starts_with("; release and retry");
    let is_last = ends && (before.is_empty() || before.ends_with(": "));
    is_last || is_numbered(before)
}

/// Tells whether what stands before the text of an error is its number: `errno: 28 "`, `Error number 28 means '`, `[Errno 28] `.
fn is_numbered(before: &str) -> bool {
    let number = before.trim_end_matches([' ', '"', '\'', '-', ',', ']']);
    let number = number.strip_suffix(" means").unwrap_or(number);
    let word = number.trim_end_matches(|c: char| c.is_ascii_digit());
    let named = word.trim_end_matches([' ', ':']).to_ascii_lowercase();
    word.len() < number.len()
        && ["errno", "errcode", "error", "error number"]
            .iter()
            .any(|name| named.ends_with(name))
}

/// Tells whether a message begins behind this.
fn begins_here(before: &str) -> bool {
    let said_by = [": ", ":  ", "] ", "# "].iter().any(|end| before.ends_with(end));
    // A shell names the process.
    let process = before.rsplit(": ").next().unwrap_or_default().trim();
    said_by || process.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tells whether a line quotes content, to the end of it: values, statements, what a server was doing.
fn begins_to_quote(line: &str) -> bool {
    const LABELS: &[&str] = &[
        "CONTEXT:",
        "DETAIL:",
        "STATEMENT:",
        "QUERY:",
        "HINT:",
        "LINE ",
        "Command was:",
        "detail:",
    ];
    // The server's log has its own words before them.
    let said = line.split_once("] ").map_or(line, |(before, rest)| {
        if before.starts_with(|c: char| c.is_ascii_digit()) {
            rest
        } else {
            line
        }
    });
    let starts = |text: &str| LABELS.iter().any(|label| text.trim_start().starts_with(label));
    let of_client = line.split_once(": ").is_some_and(|(_, rest)| starts(rest));
    // What a server's log goes on with is indented.
    line.starts_with('\t') || starts(line) || starts(said) || of_client || line.contains("Duplicate entry '")
}

/// Tells whether a line begins with who says it, or as a server's log does.
fn begins_a_message(line: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_./-:".contains(c))
    };
    let first = line.split(' ').next().unwrap_or_default();
    let of_mysql = line
        .strip_prefix("ERROR ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let of_log = line.starts_with(|c: char| c.is_ascii_digit()) && line.contains("] ");
    of_mysql || of_log || line.starts_with("batt ") || first.strip_suffix(':').is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_system_and_of_engines_are_known_where_these_put_them() {
        for (line, lack) in [
            ("tar: f: Cannot write: No space left on device", ROOM),
            ("cannot append: No space left on device (os error 28)", ROOM),
            ("OSError: [Errno 28] No space left on device: 'f'", ROOM),
            (
                "2026-01-02  3:04:05 0 [ERROR] InnoDB: Error number 28 means 'No space left on device'",
                ROOM,
            ),
            (
                "ERROR 1030 (HY000) at line 5: Got error 28 \"No space left on device\" from storage engine InnoDB",
                ROOM,
            ),
            (
                "ERROR 3 (HY000): Error writing file 'x' (Errcode: 28 \"No space left on device\")",
                ROOM,
            ),
            ("Runtime error near line 3: database or disk is full (13)", ROOM),
            ("x: line 5: 12345 File size limit exceeded(core dumped) dd", DISK),
            ("ERROR:  out of memory", MEMORY),
            ("mariadb: Out of memory (Needed 123 bytes)", MEMORY),
            (
                "1:M 02 Jan 2026 03:04:05.678 # Out Of Memory allocating 123 bytes!",
                MEMORY,
            ),
            ("x: fork: retry: Resource temporarily unavailable", PROCESSES),
            (
                "ERROR:  out of file descriptors: Too many open files in system; release and retry",
                FILES,
            ),
            (
                "pg_restore: error: could not execute query: ERROR:  could not access file \"$libdir/x\": No such file",
                LIBRARY,
            ),
            (
                "f: error while loading shared libraries: l.so: cannot open shared object file: No such file or directory",
                LIBRARY,
            ),
            ("x: line 5: frob: command not found", PROGRAM),
            ("batt: `batt load a`: `bash` was killed by signal 9", KILLED),
        ] {
            let log = [line.to_owned()];
            let told = own(&log).into_iter().find_map(lack_of);
            assert_eq!(told, Some(lack), "{line}");
        }
    }

    #[test]
    fn what_is_only_quoted_says_nothing_of_the_host() {
        for lines in [
            "pg_restore: error: COPY failed for table \"log\": ERROR:  invalid input\nCONTEXT:  COPY log, line 5, column msg: \"a\nOut of memory (x)\"",
            "ERROR:  could not create unique index\nDETAIL:  Key (msg)=(x: No space left on device) is duplicated.",
            "pg_restore: error: x\nCommand was: CREATE FUNCTION f() AS $$\n    RAISE 'a: out of memory\nout of memory\n'$$",
            "ERROR 1062 (23000) at line 9: Duplicate entry 'errno 12 Cannot allocate memory' for key 'x'",
            "tar: No space left on device: Cannot open: File exists",
            "ERROR:  invalid input syntax for type integer: \"No space left on device\"",
            "LOG:  out of memory while trying to decode a record of length 4711",
            "2026-01-02 03:04:05.678 UTC [12] STATEMENT:  SELECT 'a]  x: out of memory'\n\tx: out of memory",
        ] {
            let log: Vec<String> = lines.lines().map(str::to_owned).collect();
            assert_eq!(own(&log).into_iter().find_map(lack_of), None, "{lines}");
        }
        let log: Vec<String> = ["DETAIL:  x", "more", "tar: f: No space left on device"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(own(&log), ["tar: f: No space left on device"]);
    }
}
