//! What a line that follows a value without its end begins with. A value may hold any line: a date, a word of a log, a message in part.

/// What a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With a message of an engine, in its whole form: no value goes on.
    Message,
    /// With what an engine says next of the same message: the value has ended before it.
    Continuation,
    /// With what a script says, or a word of an engine: a message, unless the end of the value follows.
    MayBe,
    /// With anything else: a part of the value.
    Other,
}

/// `9` stands for a number, `*` for whatever has no blank, up to what follows in the pattern.
const MESSAGES: [&str; 34] = [
    "ERROR 9 (*): ",
    "ERROR 9 (*) at line 9: ",
    "ERROR 9 (*) at line 9 in file: '",
    "ERROR at line 9: ",
    "Error (Code 9): ",
    "Warning (Code 9): ",
    "Note (Code 9): ",
    "mysql*: Got error: 9: ",
    "mysql*: Error 9: ",
    "mysql*: Error: '",
    "mysql*: Couldn't execute '",
    "mysql*: [Warning] ",
    "mysql*: [ERROR] ",
    "mariadb*: Got error: 9: ",
    "mariadb*: Error 9: ",
    "mariadb*: Error: '",
    "mariadb*: Couldn't execute '",
    "pg_*: error: ",
    "pg_*: warning: ",
    "pg_*: detail: ",
    "pg_*: hint: ",
    "pg_*: fatal: ",
    "pg_*: from TOC entry 9; ",
    "pg_*: while INITIALIZING:",
    "pg_*: while PROCESSING TOC:",
    "pg_*: while FINALIZING:",
    "pg_restore: [archiver",
    "psql: error: ",
    "psql:*:9: error: ",
    "psql:*:9: ERROR:  ",
    "psql:*:9: FATAL:  ",
    "psql:*:9: PANIC:  ",
    "psql:*:9: WARNING:  ",
    "psql:*:9: NOTICE:  ",
];

const CONTINUATIONS: [&str; 5] = [
    "CONTEXT:  COPY ",
    "CONTEXT:  SQL ",
    "CONTEXT:  PL/pgSQL function ",
    "CONTEXT:  JSON data, line 9",
    "LOCATION:  *, *.c:9",
];

/// Behind these a statement follows, which begins with one of the words below.
const OF_A_STATEMENT: [&str; 3] = ["Command was: ", "STATEMENT:  ", "QUERY:  "];
const STATEMENTS: [&str; 12] = [
    "ALTER ", "COMMENT ", "COPY ", "CREATE ", "DELETE ", "DROP ", "GRANT ", "INSERT ", "REFRESH ", "REVOKE ",
    "SELECT ", "UPDATE ",
];

const MAY_BE: [&str; 10] = [
    "backup-*: ",
    "restore-*: ",
    "drill-*: ",
    "ERROR:  ",
    "FATAL:  ",
    "PANIC:  ",
    "WARNING:  ",
    "NOTICE:  ",
    "DETAIL:  ",
    "HINT:  ",
];

impl Beginning {
    pub(super) fn of(line: &[u8]) -> Self {
        let line = line.trim_ascii_start();
        let begins_with = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, line));
        if begins_with(&MESSAGES) {
            Self::Message
        } else if begins_with(&CONTINUATIONS) || is_of_a_statement(line) {
            Self::Continuation
        } else if begins_with(&MAY_BE) {
            Self::MayBe
        } else {
            Self::Other
        }
    }
}

fn is_of_a_statement(line: &[u8]) -> bool {
    OF_A_STATEMENT.iter().any(|word| {
        line.strip_prefix(word.as_bytes()).is_some_and(|statement| {
            STATEMENTS
                .iter()
                .any(|verb| statement.starts_with(verb.as_bytes()))
        })
    })
}

fn fits(pattern: &str, line: &[u8]) -> bool {
    let mut rest = line;
    let mut pattern = pattern.bytes().peekable();
    while let Some(byte) = pattern.next() {
        let next = pattern.peek().copied();
        let length = match byte {
            b'9' => match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
                0 => return false,
                digits => digits,
            },
            b'*' => rest
                .iter()
                .take_while(|byte| !byte.is_ascii_whitespace() && Some(**byte) != next)
                .count(),
            _ if rest.first() == Some(&byte) => 1,
            _ => return false,
        };
        rest = &rest[length..];
    }
    true
}
