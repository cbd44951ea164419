//! Cuts an archive of roles into statements, in bounded memory, and objects to whatever has another form than there.

use super::statement;

/// Longer than a name can be, each of its quotes doubled (NAMEDATALEN is 64, and may be raised where a server is built).
const NAME_LIMIT: usize = 2048;
/// As much of a text as is looked at.
const TEXT_LIMIT: usize = 64;
/// A list of settings may be long.
const TOKENS_LIMIT: usize = 10_000;
/// The key of `\restrict` has 63 characters.
const KEY_LIMIT: usize = 128;

/// A token of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a number, or a name that needs no quotes.
    Word(String),
    /// A name in double quotes.
    Name,
    /// A text in single quotes; its first bytes.
    Text(Vec<u8>),
    /// Any other sign.
    Mark(u8),
}

/// Where between two bytes the reader is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    /// One dash at the beginning of a line.
    Dash,
    Comment,
    /// A line that begins with a backslash.
    Command,
    /// Behind a token, and perhaps behind one blank after it.
    Between {
        is_apart: bool,
    },
    Word,
    Name,
    /// Behind a quote in a name: a second one belongs to the name.
    NameQuote,
    Text {
        has_escapes: bool,
    },
    TextQuote {
        has_escapes: bool,
    },
    /// Behind a backslash in a text: only a second one may follow.
    TextBackslash,
    /// Behind the semicolon.
    End,
}

/// The reader of one archive.
#[derive(Debug, Default)]
pub(super) struct Reader {
    place: Place,
    statement: Vec<Token>,
    text: Vec<u8>,
    /// As many line feeds as have passed.
    lines: u64,
}

impl Reader {
    /// Takes the next byte.
    ///
    /// # Errors
    /// What does not stand in an archive of roles, and in which line.
    pub(super) fn take(&mut self, byte: u8) -> Result<(), String> {
        let taken = self.step(byte);
        self.lines += u64::from(byte == b'\n');
        taken.map_err(|what| format!("line {}: {what}", self.lines + 1 - u64::from(byte == b'\n')))
    }

    /// Returns whether no statement has begun that has not ended.
    pub(super) fn is_between_statements(&self) -> bool {
        self.place == Place::LineStart
    }

    fn step(&mut self, byte: u8) -> Result<(), String> {
        if byte == 0 {
            return Err("it holds a zero byte".to_owned());
        }
        self.place = match (self.place, byte) {
            (Place::LineStart, b'\n') => Place::LineStart,
            (Place::LineStart, b'-') => Place::Dash,
            (Place::Dash, b'-') => Place::Comment,
            (Place::Comment, b'\n') => Place::LineStart,
            // Some readers take it for the end of a line.
            (Place::Comment, byte) if byte != b'\r' => Place::Comment,
            (Place::LineStart, b'\\') => Place::Command,
            (Place::Command, b'\n') => {
                statement::require_restriction(&self.text)?;
                self.text.clear();
                Place::LineStart
            }
            (Place::Command, byte) => self.keep(byte, KEY_LIMIT, Place::Command)?,
            (Place::LineStart, byte) if byte.is_ascii_uppercase() => {
                self.keep(byte, NAME_LIMIT, Place::Word)?
            }
            (Place::Word, byte) if is_word(byte) => self.keep(byte, NAME_LIMIT, Place::Word)?,
            (Place::Word, b'\'') if self.text == b"E" => {
                self.text.clear();
                Place::Text { has_escapes: true }
            }
            (Place::Word, byte) => {
                let word = String::from_utf8_lossy(&self.text).into_owned();
                self.push(Token::Word(word))?;
                self.behind_a_token(byte, false)?
            }
            (Place::Between { is_apart }, byte) => self.behind_a_token(byte, is_apart)?,
            (Place::Name, b'"') => Place::NameQuote,
            (Place::Name, byte) | (Place::NameQuote, byte @ b'"') => {
                self.keep(byte, NAME_LIMIT, Place::Name)?
            }
            (Place::NameQuote, _) if self.text.is_empty() => {
                return Err("a name without a character".to_owned());
            }
            (Place::NameQuote, byte) => {
                self.push(Token::Name)?;
                self.behind_a_token(byte, false)?
            }
            (Place::Text { has_escapes }, b'\'') => Place::TextQuote { has_escapes },
            (Place::Text { has_escapes: true }, b'\\') => Place::TextBackslash,
            // What it means depends on a setting.
            (Place::Text { has_escapes: false }, b'\\') => {
                return Err("a backslash in a text that has no escapes".to_owned());
            }
            (Place::Text { has_escapes }, byte) | (Place::TextQuote { has_escapes }, byte @ b'\'') => {
                self.keep_some(byte);
                Place::Text { has_escapes }
            }
            (Place::TextBackslash, b'\\') => {
                self.keep_some(byte);
                Place::Text { has_escapes: true }
            }
            (Place::TextBackslash, _) => {
                return Err("an escape in a text that is none of a backslash".to_owned());
            }
            (Place::TextQuote { .. }, byte) => {
                let text = std::mem::take(&mut self.text);
                self.push(Token::Text(text))?;
                self.behind_a_token(byte, false)?
            }
            (Place::End, b'\n') => Place::LineStart,
            (Place::End, _) => return Err("something follows a statement in its line".to_owned()),
            (Place::LineStart | Place::Dash | Place::Comment, byte) => {
                return Err(format!(
                    "`{}` where a statement or a comment is to begin",
                    byte.escape_ascii()
                ));
            }
        };
        Ok(())
    }

    /// Takes what stands behind a token: one blank, or the next token.
    fn behind_a_token(&mut self, byte: u8, is_apart: bool) -> Result<Place, String> {
        let is_free = is_apart || matches!(self.statement.last(), Some(Token::Mark(_)));
        Ok(match byte {
            b' ' if !is_apart => Place::Between { is_apart: true },
            b';' if !is_apart => {
                statement::require_known(&self.statement)?;
                self.statement.clear();
                Place::End
            }
            b',' | b'(' | b')' | b'=' | b'.' | b'-' => {
                self.push(Token::Mark(byte))?;
                Place::Between { is_apart: false }
            }
            b'"' if is_free => Place::Name,
            b'\'' if is_free => Place::Text { has_escapes: false },
            byte if is_free && is_word(byte) => self.keep(byte, NAME_LIMIT, Place::Word)?,
            byte => return Err(format!("`{}` within a statement", byte.escape_ascii())),
        })
    }

    /// Keeps a byte of a token of which all has to be known.
    fn keep(&mut self, byte: u8, limit: usize, place: Place) -> Result<Place, String> {
        if self.text.len() == limit {
            return Err(format!("a word or name of more than {limit} bytes"));
        }
        self.text.push(byte);
        Ok(place)
    }

    fn keep_some(&mut self, byte: u8) {
        if self.text.len() < TEXT_LIMIT {
            self.text.push(byte);
        }
    }

    fn push(&mut self, token: Token) -> Result<(), String> {
        if self.statement.len() == TOKENS_LIMIT {
            return Err(format!("a statement of more than {TOKENS_LIMIT} words"));
        }
        self.text.clear();
        self.statement.push(token);
        Ok(())
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
