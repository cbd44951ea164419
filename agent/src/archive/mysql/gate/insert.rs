//! The head of an `INSERT`: all that stands before its rows.

use super::lexer::unquoted;

/// The head of an `INSERT`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The table.
    pub(super) table: Vec<u8>,
    /// How long the head is.
    pub(super) length: usize,
}

/// Reads the head of an `INSERT`; none when its end has not come.
///
/// # Errors
/// What no dump program writes.
pub(super) fn header(text: &[u8]) -> Result<Option<Header>, String> {
    let mut at = 0;
    let mut table = None;
    let mut in_columns = false;
    let mut after_columns = false;
    loop {
        let Some(byte) = text.get(at).copied() else {
            return Ok(None);
        };
        if byte == b'`' {
            let Some((name, length)) = name(&text[at..]) else {
                return Ok(None);
            };
            at += length;
            if table.is_none() {
                table = Some(name);
            } else if !in_columns {
                return Err("rows for more than one table".to_owned());
            }
        } else if byte.is_ascii_whitespace()
            || in_columns && (byte == b',' || byte == b'_' || byte.is_ascii_alphanumeric())
        {
            at += 1;
        } else if byte == b'(' && table.is_some() && !in_columns && !after_columns {
            in_columns = true;
            at += 1;
        } else if byte == b')' && in_columns {
            in_columns = false;
            after_columns = true;
            at += 1;
        } else {
            let length = text[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count();
            if at + length == text.len() {
                return Ok(None);
            }
            let word = text[at..at + length].to_ascii_uppercase();
            at += length;
            match (word.as_slice(), table.take()) {
                (b"INSERT" | b"REPLACE" | b"INTO" | b"IGNORE" | b"DELAYED", None) => {}
                (b"VALUES", Some(table)) if !in_columns => {
                    return Ok(Some(Header { table, length: at }));
                }
                _ => return Err("rows that are not given".to_owned()),
            }
        }
    }
}

/// Reads a name between backticks and its length; none when its end has not come.
fn name(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut at = 1;
    loop {
        at += memchr::memchr(b'`', &text[at..])?;
        match text.get(at + 1)? {
            b'`' => at += 2,
            _ => return Some((unquoted(&text[1..at]), at + 1)),
        }
    }
}
