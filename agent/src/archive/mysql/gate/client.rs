//! How the clients of MySQL and MariaDB cut what they read into statements (`add_line` of client/mysql.cc), with `--comments` and
//! `--binary-mode`. It is done here as it is done there, whatever one may think of it.

use super::lexer::Lexing;

/// What ends a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// `;`
    Usual,
    /// `;;`, around bodies of routines.
    Double,
}

impl Delimiter {
    fn mark(self) -> &'static [u8] {
        match self {
            Self::Usual => b";",
            Self::Double => b";;",
        }
    }

    /// The end of a statement that is a line.
    pub(super) fn line(self) -> &'static [u8] {
        match self {
            Self::Usual => b";\n",
            Self::Double => b";;\n",
        }
    }
}

/// Where a statement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Its length.
    pub(super) statement: usize,
    /// Its length with the delimiter.
    pub(super) delimiter: usize,
}

/// Finds the end of the statement that begins here; none when it has not come.
pub(super) fn end_of_statement(text: &[u8], delimiter: Delimiter, lexing: Lexing) -> Option<End> {
    let delimiter = delimiter.mark();
    let mut quote = None;
    let mut in_comment = false;
    // What the client forgets at the end of each line.
    let mut in_conditional = false;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        // A mark of several signs may be cut by the end of what has come.
        if text.len() - at < 4 && !text[at..].contains(&b'\n') && !text[at..].starts_with(delimiter) {
            return None;
        }
        let follows = |mark: &[u8]| text[at..].starts_with(mark);
        if byte == b'\n' {
            in_conditional = false;
            at += 1;
            continue;
        }
        let is_escape = byte == b'\\'
            && !in_comment
            && quote != Some(b'`')
            && !(quote == Some(b'"') && lexing.ansi_quotes)
            && (quote.is_none() || lexing.escapes);
        if is_escape {
            // A line feed is no part of the line that it ends.
            at += if text.get(at + 1) == Some(&b'\n') { 1 } else { 2 };
        } else if !in_comment && quote.is_none() && follows(delimiter) {
            return Some(End {
                statement: at,
                delimiter: at + delimiter.len(),
            });
        } else if !in_comment
            && quote.is_none()
            && (byte == b'#' || follows(b"--") && text[at + 2..].first().is_none_or(u8::is_ascii_whitespace))
        {
            at += memchr::memchr(b'\n', &text[at..])?;
        } else if quote.is_none() && follows(b"/*") && !follows(b"/*!") && !follows(b"/*M!") {
            in_comment = true;
            at += 2;
        } else if in_comment && !in_conditional && follows(b"*/") {
            in_comment = false;
            at += 2;
        } else {
            if quote.is_none() && follows(b"/*!") {
                in_conditional = true;
            } else if quote.is_none() && in_conditional && follows(b"*/") {
                in_conditional = false;
            }
            if quote == Some(byte) {
                quote = None;
            } else if !in_comment && quote.is_none() && matches!(byte, b'\'' | b'"' | b'`') {
                quote = Some(byte);
            }
            at += 1;
        }
    }
    None
}
