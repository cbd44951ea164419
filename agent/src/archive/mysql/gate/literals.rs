//! The rows of an `INSERT`, which are values and nothing that is computed: no function, no query, no variable.

use memchr::memchr2;

/// Rows, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Literals {
    place: Place,
    /// The word that is being read.
    word: Vec<u8>,
}

/// The longest number, and the longest name of a character set before a text.
const LIMIT: usize = 100;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first row, or after a comma between two.
    #[default]
    BeforeRow,
    /// After `(` or a comma.
    BeforeValue,
    /// In a word or a number.
    Word,
    /// In `0x`, of whatever length.
    Hexadecimal,
    /// After a word that a text has to follow.
    BeforeText,
    Text {
        escaped: bool,
    },
    /// After the quote that ends a text, unless another one follows.
    TextEnd,
    AfterValue,
    AfterRow,
}

/// How far rows have been read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many bytes are rows, and more will come.
    More(usize),
    /// The statement ends after so many bytes.
    Ended(usize),
}

impl Literals {
    /// Reads the next bytes.
    ///
    /// # Errors
    /// What is no value.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Progress, String> {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self.place {
                Place::Text { escaped: true } => {
                    self.place = Place::Text { escaped: false };
                    at += 1;
                    continue;
                }
                Place::Text { escaped: false } => {
                    let Some(found) = memchr2(b'\'', b'\\', &bytes[at..]) else {
                        return Ok(Progress::More(bytes.len()));
                    };
                    at += found + 1;
                    self.place = if bytes[at - 1] == b'\\' {
                        Place::Text { escaped: true }
                    } else {
                        Place::TextEnd
                    };
                    continue;
                }
                Place::Hexadecimal => {
                    let digits = bytes[at..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_hexdigit())
                        .count();
                    at += digits;
                    if at < bytes.len() {
                        self.place = Place::AfterValue;
                    }
                    continue;
                }
                Place::TextEnd if byte == b'\'' => {
                    self.place = Place::Text { escaped: false };
                    at += 1;
                    continue;
                }
                Place::TextEnd => {
                    self.place = Place::AfterValue;
                    continue;
                }
                Place::Word if is_word(byte) => {
                    self.word.push(byte);
                    at += 1;
                    if self.word == b"0x" {
                        self.place = Place::Hexadecimal;
                    } else if self.word.len() > LIMIT {
                        return Err("a value that is none".to_owned());
                    }
                    continue;
                }
                Place::Word => {
                    self.place = self.after_word()?;
                    continue;
                }
                _ => {}
            }
            at += 1;
            self.place = match (self.place, byte) {
                (Place::AfterRow, b';') => return Ok(Progress::Ended(at)),
                (place, byte) if byte.is_ascii_whitespace() => place,
                (Place::BeforeRow, b'(') | (Place::AfterValue, b',') => Place::BeforeValue,
                (Place::AfterRow, b',') => Place::BeforeRow,
                (Place::AfterValue, b')') => Place::AfterRow,
                (Place::BeforeValue | Place::BeforeText, b'\'') => Place::Text { escaped: false },
                (Place::BeforeValue, byte) if is_word(byte) => {
                    self.word.clear();
                    self.word.push(byte);
                    Place::Word
                }
                _ => return Err("a row that is more than values".to_owned()),
            };
        }
        Ok(Progress::More(bytes.len()))
    }

    /// What follows a word.
    fn after_word(&mut self) -> Result<Place, String> {
        let word = &self.word;
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let is_character_set = word.starts_with(b"_")
            && word[1..]
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_character_set || is("b") || is("x") {
            Ok(Place::BeforeText)
        } else if is("NULL") || is_number(word) {
            Ok(Place::AfterValue)
        } else {
            Err("a row that is more than values".to_owned())
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@' | b'$')
        || !byte.is_ascii()
}

/// A number, as dump programs write one: `-1.5e-7`.
fn is_number(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit)
        && word
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
}
