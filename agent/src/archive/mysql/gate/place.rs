//! What a statement makes, in words: a name stands in them as far as any session reads it as it is, whatever its mode and its character set.

use super::lexer::{Kind, Statement};
use super::stage::is_everywhere;

/// What is no thing of the database: nothing comes behind it where a server refuses it.
const SETTING: &str = "a setting";
/// As much of a name as is told.
const SHOWN: usize = 80;

/// Returns what a statement makes or changes; nothing of what makes the database itself.
pub(super) fn of(statement: &Statement<'_>) -> Option<String> {
    if statement.is(0, "SET") {
        return Some(SETTING.to_owned());
    }
    (!is_everywhere(statement)).then(|| thing(statement))
}

fn thing(statement: &Statement<'_>) -> String {
    const THINGS: [&str; 9] = [
        "TABLE",
        "TABLES",
        "VIEW",
        "SEQUENCE",
        "TRIGGER",
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "PACKAGE",
    ];
    let thing = (1..statement.tokens.len().min(20)).find_map(|at| {
        let thing = THINGS.iter().find(|thing| statement.is(at, thing))?;
        Some((at, thing.trim_end_matches('S').to_ascii_lowercase()))
    });
    let Some((at, thing)) = thing else {
        return "a statement".to_owned();
    };
    let skipped = ["BODY", "IF", "NOT", "EXISTS"];
    let name =
        (at + 1..statement.tokens.len()).find(|at| !skipped.iter().any(|word| statement.is(*at, word)));
    let Some(mut at) = name else {
        return thing;
    };
    if statement.is_mark(at + 1, b'.') {
        at += 2;
    }
    let token = statement.tokens.get(at);
    let name = match token {
        Some(token) if token.kind == Kind::Word => Some(token.text.to_vec()),
        _ => statement.name(at),
    };
    name.map_or(thing.clone(), |name| format!("{thing} {}", plain(&name)))
}

/// Returns what rows are of.
pub(super) fn of_rows(table: &[u8]) -> String {
    format!("rows of {}", plain(table))
}

/// A name, within bounds, in which whatever could end a text or a line is a question mark.
fn plain(name: &[u8]) -> String {
    let sign = |byte: &u8| match byte {
        b'\'' | b'"' | b'\\' | b'`' | b';' => '?',
        byte if byte.is_ascii_graphic() || *byte == b' ' => char::from(*byte),
        _ => '?',
    };
    name.iter().take(SHOWN).map(sign).collect()
}
