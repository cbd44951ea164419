//! What a dump sets for the session that loads it: only what dump programs set, and nothing by which a text could be read in two ways.

use super::lexer::{Kind, Letters, Lexing, Statement, Token};
use super::wide::Wide;

/// Settings of a session that dump programs change.
const SETTINGS: &[&str] = &[
    "CHARACTER_SET_CLIENT",
    "CHARACTER_SET_RESULTS",
    "COLLATION_CONNECTION",
    "TIME_ZONE",
    "UNIQUE_CHECKS",
    "FOREIGN_KEY_CHECKS",
    "SQL_MODE",
    "SQL_NOTES",
    "NOTE_VERBOSITY",
    "AUTOCOMMIT",
    "SYSTEM_VERSIONING_INSERT_HISTORY",
];

/// The variables in which dump programs keep what they change, and of which setting.
const KEPT: &[(&str, &str)] = &[
    ("@OLD_CHARACTER_SET_CLIENT", "CHARACTER_SET_CLIENT"),
    ("@OLD_CHARACTER_SET_RESULTS", "CHARACTER_SET_RESULTS"),
    ("@OLD_COLLATION_CONNECTION", "COLLATION_CONNECTION"),
    ("@OLD_TIME_ZONE", "TIME_ZONE"),
    ("@OLD_UNIQUE_CHECKS", "UNIQUE_CHECKS"),
    ("@OLD_FOREIGN_KEY_CHECKS", "FOREIGN_KEY_CHECKS"),
    ("@OLD_SQL_MODE", "SQL_MODE"),
    ("@OLD_SQL_NOTES", "SQL_NOTES"),
    ("@OLD_NOTE_VERBOSITY", "NOTE_VERBOSITY"),
    ("@OLD_AUTOCOMMIT", "AUTOCOMMIT"),
    ("@saved_cs_client", "CHARACTER_SET_CLIENT"),
    ("@saved_cs_results", "CHARACTER_SET_RESULTS"),
    ("@saved_col_connection", "COLLATION_CONNECTION"),
    ("@saved_sql_mode", "SQL_MODE"),
    ("@saved_time_zone", "TIME_ZONE"),
    ("@save_time_zone", "TIME_ZONE"),
    (
        "@old_system_versioning_insert_history",
        "SYSTEM_VERSIONING_INSERT_HISTORY",
    ),
];

/// The modes in which a name stands between double quotes.
const ANSI: &[&str] = &[
    "ANSI_QUOTES",
    "ANSI",
    "ORACLE",
    "DB2",
    "MAXDB",
    "MSSQL",
    "POSTGRESQL",
];

/// The settings of the session, as far as they decide how a text is read. It begins with an empty SQL mode, which restore-mysql sees to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    lexing: Lexing,
    /// Whether the SQL mode is that of a routine.
    is_foreign: bool,
    is_oracle: bool,
    /// The character set of the client, where a quote can be a part of a character in it.
    wide: Option<Wide>,
    /// What it is outside of routines.
    usual: Letters,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            lexing: Lexing {
                escapes: true,
                ansi_quotes: false,
                brackets: false,
                letters: Letters::Unicode,
            },
            is_foreign: false,
            is_oracle: false,
            wide: None,
            usual: Letters::Unicode,
        }
    }
}

impl Session {
    pub(super) fn lexing(&self) -> Lexing {
        self.lexing
    }

    pub(super) fn is_oracle(&self) -> bool {
        self.is_oracle
    }

    /// Says why what views need is not so: the mode is the usual one.
    pub(super) fn has_usual_mode(&self) -> Result<(), String> {
        if self.is_foreign {
            return Err("the SQL mode of a routine is not over".to_owned());
        }
        Ok(())
    }

    /// Says why what tables and rows need is not so: no character has a quote in it, besides.
    pub(super) fn is_usual(&self) -> Result<(), String> {
        self.has_usual_mode()?;
        if self.wide.is_some() {
            return Err("the character set of a routine is not over".to_owned());
        }
        Ok(())
    }

    /// Says why a statement can be read in two ways.
    pub(super) fn reads_in_one_way(&self, statement: &[u8]) -> Result<(), String> {
        match self.wide {
            Some(wide) if !wide.is_plain(statement) => {
                Err("a character that has a quote or a backslash in it, in its character set".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Takes a `SET` statement.
    pub(super) fn set(&mut self, statement: &Statement<'_>) -> Result<(), String> {
        if !statement.is_whole() || statement.has_semicolon() {
            return Err("a setting in parts".to_owned());
        }
        let tokens = &statement.tokens;
        if statement.is(1, "NAMES") && tokens.len() == 3 {
            return self.put(statement, "CHARACTER_SET_CLIENT", &tokens[2]);
        }
        let mut at = 1;
        loop {
            let (left, value) = assignment(tokens, &mut at).ok_or("a setting of another kind")?;
            self.assign(statement, left, value)?;
            match tokens.get(at) {
                None => return Ok(()),
                Some(token) if token.is_mark(b',') => at += 1,
                Some(_) => return Err("a setting of another kind".to_owned()),
            }
        }
    }

    fn assign(
        &mut self,
        statement: &Statement<'_>,
        left: &Token<'_>,
        value: &Token<'_>,
    ) -> Result<(), String> {
        if let Some((_, setting)) = KEPT.iter().find(|(kept, _)| left.is(kept)) {
            let bare = value.text.strip_prefix(b"@@").unwrap_or(value.text);
            if !bare.eq_ignore_ascii_case(setting.as_bytes()) {
                return Err("a variable that keeps something else".to_owned());
            }
            if *setting == "SQL_MODE" {
                self.has_usual_mode()?;
            }
            return Ok(());
        }
        let bare = left.text.strip_prefix(b"@@").unwrap_or(left.text);
        let setting = SETTINGS
            .iter()
            .find(|setting| bare.eq_ignore_ascii_case(setting.as_bytes()))
            .ok_or("a setting that dump programs leave alone")?;
        self.put(statement, setting, value)
    }

    fn put(&mut self, statement: &Statement<'_>, setting: &str, value: &Token<'_>) -> Result<(), String> {
        let is_kept = value.text.starts_with(b"@");
        if is_kept && !KEPT.iter().any(|(kept, of)| value.is(kept) && *of == setting) {
            return Err("a setting from a variable of another one".to_owned());
        }
        if matches!(setting, "SQL_MODE" | "CHARACTER_SET_CLIENT") && !statement.is_always_executed() {
            return Err("a setting that not every server makes".to_owned());
        }
        if setting == "CHARACTER_SET_CLIENT" {
            let name = value.text;
            self.wide = if is_kept { None } else { Wide::of(name) };
            if statement.is(1, "NAMES") {
                self.usual = Letters::of(name);
            }
            self.lexing.letters = if is_kept { self.usual } else { Letters::of(name) };
            // That of the dump itself is none.
            let is_ambiguous = self.wide.is_some() && (statement.is(1, "NAMES") || value.kind != Kind::Word);
            let is_name = name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            if is_ambiguous || !is_kept && !is_name {
                return Err("a character set in which a quote can be a part of a character".to_owned());
            }
        }
        if setting == "SQL_MODE" {
            if is_kept {
                let usual = Self::default();
                *self = Self {
                    wide: self.wide,
                    usual: self.usual,
                    lexing: Lexing {
                        letters: self.lexing.letters,
                        ..usual.lexing
                    },
                    ..usual
                };
                return Ok(());
            }
            if value.kind != Kind::Text {
                return Err("an SQL mode that is no text".to_owned());
            }
            let has = |known: &[&str]| {
                value.text.split(|byte| *byte == b',').any(|mode| {
                    known
                        .iter()
                        .any(|known| mode.eq_ignore_ascii_case(known.as_bytes()))
                })
            };
            if !value
                .text
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b','))
            {
                return Err("an SQL mode that is none".to_owned());
            }
            self.lexing = Lexing {
                escapes: !has(&["NO_BACKSLASH_ESCAPES"]),
                ansi_quotes: has(ANSI),
                brackets: has(&["MSSQL"]),
                letters: self.lexing.letters,
            };
            self.is_oracle = has(&["ORACLE"]);
            self.is_foreign =
                !value.text.is_empty() && !value.text.eq_ignore_ascii_case(b"NO_AUTO_VALUE_ON_ZERO");
        }
        Ok(())
    }
}

/// Reads `NAME = VALUE` at a place, and goes behind it.
fn assignment<'a>(tokens: &'a [Token<'a>], at: &mut usize) -> Option<(&'a Token<'a>, &'a Token<'a>)> {
    let left = variable(tokens, at)?;
    if left.kind != Kind::Word || !tokens.get(*at)?.is_mark(b'=') {
        return None;
    }
    *at += 1;
    let value = variable(tokens, at)?;
    matches!(value.kind, Kind::Word | Kind::Text).then_some((left, value))
}

/// Reads a name or a value; of `@@session.NAME` the name.
fn variable<'a>(tokens: &'a [Token<'a>], at: &mut usize) -> Option<&'a Token<'a>> {
    if super::is_word(tokens.get(*at), "@@session") && tokens.get(*at + 1)?.is_mark(b'.') {
        *at += 2;
    }
    let token = tokens.get(*at)?;
    *at += 1;
    Some(token)
}
