//! The tokens of SQL as dump programs write it, in bounded memory whatever is in it.

/// The longest word or name that is kept: names have at most 64 characters, of four bytes each.
const LIMIT: usize = 512;
/// The version of the comment with which MariaDB switches its client to the sandbox mode: no version of a server.
const NO_VERSION: u32 = 999_999;

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word or a number.
    Word(&'a [u8]),
    /// A name between backticks, without them.
    Name(&'a [u8]),
    /// A text between quotes.
    Text,
    /// The beginning of a comment that servers execute, as `/*!50001`. Its end is no token.
    Conditional,
    /// Any other sign.
    Mark(u8),
}

/// Where between two bytes the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    Word,
    Quoted {
        quote: u8,
        escaped: bool,
    },
    /// After a backtick in a name: a second one belongs to the name.
    NameEnd,
    Dash,
    DashDash,
    Slash,
    Star,
    CommentStart,
    CommentM,
    Version(u32),
    Comment {
        star: bool,
    },
    LineComment,
}

/// Cuts a stream into tokens.
#[derive(Debug)]
pub(super) struct Reader {
    place: Place,
    text: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            place: Place::Between,
            text: Vec::new(),
        }
    }
}

impl Reader {
    /// Takes the next byte and gives away what it ends: at most two tokens. Returns whether `byte` was taken; a byte that
    /// ends a token without being a part of it is to be given again.
    pub(super) fn take(&mut self, byte: u8) -> (Option<Token<'_>>, bool) {
        let place = self.place;
        match place {
            Place::Between => {
                let (next, token) = self.begin(byte);
                self.place = next;
                (token, true)
            }
            Place::Word if is_word(byte) => {
                self.keep(byte);
                (None, true)
            }
            Place::Word => {
                self.place = Place::Between;
                (Some(Token::Word(&self.text)), false)
            }
            Place::Quoted { quote, escaped } => self.quoted(quote, escaped, byte),
            Place::NameEnd if byte == b'`' => {
                self.keep(byte);
                self.place = Place::Quoted {
                    quote: b'`',
                    escaped: false,
                };
                (None, true)
            }
            Place::NameEnd => {
                self.place = Place::Between;
                (Some(Token::Name(&self.text)), false)
            }
            Place::Dash if byte == b'-' => self.go(Place::DashDash),
            Place::DashDash if byte == b'\n' => self.go(Place::Between),
            Place::DashDash if byte.is_ascii_whitespace() => self.go(Place::LineComment),
            Place::Slash if byte == b'*' => self.go(Place::CommentStart),
            Place::Star if byte == b'/' => self.go(Place::Between),
            Place::Dash | Place::DashDash | Place::Slash | Place::Star => {
                self.place = Place::Between;
                let mark = match place {
                    Place::Slash => b'/',
                    Place::Star => b'*',
                    _ => b'-',
                };
                (Some(Token::Mark(mark)), false)
            }
            Place::CommentStart if byte == b'!' => self.go(Place::Version(0)),
            Place::CommentStart if byte == b'M' => self.go(Place::CommentM),
            Place::CommentM if byte == b'!' => self.go(Place::Version(0)),
            Place::CommentStart | Place::CommentM => self.go(Place::Comment { star: byte == b'*' }),
            Place::Version(version) if byte.is_ascii_digit() => {
                let version = version.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                self.go(Place::Version(version))
            }
            Place::Version(version) if version >= NO_VERSION => {
                self.place = Place::Comment { star: false };
                (None, false)
            }
            Place::Version(_) => {
                self.place = Place::Between;
                (Some(Token::Conditional), false)
            }
            Place::Comment { star: true } if byte == b'/' => self.go(Place::Between),
            Place::Comment { .. } => self.go(Place::Comment { star: byte == b'*' }),
            Place::LineComment if byte == b'\n' => self.go(Place::Between),
            Place::LineComment => (None, true),
        }
    }

    /// Returns whether no token and no comment has begun.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Between
    }

    fn begin(&mut self, byte: u8) -> (Place, Option<Token<'static>>) {
        self.text.clear();
        let place = match byte {
            b'\'' | b'"' | b'`' => Place::Quoted {
                quote: byte,
                escaped: false,
            },
            b'-' => Place::Dash,
            b'/' => Place::Slash,
            b'*' => Place::Star,
            b'#' => Place::LineComment,
            byte if byte.is_ascii_whitespace() => Place::Between,
            byte if is_word(byte) => {
                self.keep(byte);
                Place::Word
            }
            byte => return (Place::Between, Some(Token::Mark(byte))),
        };
        (place, None)
    }

    fn quoted(&mut self, quote: u8, escaped: bool, byte: u8) -> (Option<Token<'_>>, bool) {
        if quote == b'`' {
            if byte == b'`' {
                return self.go(Place::NameEnd);
            }
            self.keep(byte);
        } else if byte == quote && !escaped {
            // A doubled quote begins another text, which is as good as one.
            self.place = Place::Between;
            return (Some(Token::Text), true);
        } else {
            let escaped = byte == b'\\' && !escaped;
            self.place = Place::Quoted { quote, escaped };
        }
        (None, true)
    }

    fn go(&mut self, place: Place) -> (Option<Token<'_>>, bool) {
        self.place = place;
        (None, true)
    }

    fn keep(&mut self, byte: u8) {
        if self.text.len() < LIMIT {
            self.text.push(byte);
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte == b'@' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        for byte in text.bytes().chain([b'\n']) {
            loop {
                let (token, taken) = reader.take(byte);
                if let Some(token) = token {
                    found.push(match token {
                        Token::Word(word) => String::from_utf8_lossy(word).into_owned(),
                        Token::Name(name) => format!("<{}>", String::from_utf8_lossy(name)),
                        Token::Text => "TEXT".to_owned(),
                        Token::Conditional => "!".to_owned(),
                        Token::Mark(mark) => char::from(mark).to_string(),
                    });
                }
                if taken {
                    break;
                }
            }
        }
        assert!(reader.is_between(), "{text}");
        found
    }

    #[test]
    fn names_texts_and_comments_are_told_apart() {
        assert_eq!(
            tokens("CREATE `we``ird \\` (a 'it''s `;', -- no `\n 1-2); # '\n/* ' */ /*!50001 X*/y"),
            [
                "CREATE",
                "<we`ird \\>",
                "(",
                "a",
                "TEXT",
                "TEXT",
                ",",
                "1",
                "-",
                "2",
                ")",
                ";",
                "!",
                "X",
                "y"
            ]
        );
        assert_eq!(tokens("/*M!100401 a */*//*!b*/"), ["!", "a", "!", "b"]);
        assert_eq!(
            tokens("/*M!999999\\- enable the sandbox mode */ \n--\n-- it's\nx"),
            ["x"]
        );
        assert_eq!(tokens(r#"'\\' '\'' "\"" 'a"'"#), ["TEXT"; 4]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut reader = Reader::default();
        for _ in 0..100_000 {
            reader.take(b'a');
        }
        assert_eq!(reader.text.len(), LIMIT);
    }
}
