//! The tokens of one statement, as a server reads them.

/// What decides how a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lexing {
    /// Whether a backslash takes the meaning from what follows it in a text.
    pub(super) escapes: bool,
    /// Whether a name stands between double quotes.
    pub(super) ansi_quotes: bool,
    /// Whether a name stands between brackets.
    pub(super) brackets: bool,
    pub(super) letters: Letters,
}

/// Which bytes outside of quotes are letters to a server, in the character set of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// All that are not ASCII: no blank is among them.
    Unicode,
    /// Some signs of ASCII, too.
    Swe7,
    /// Not known of those that are not ASCII: one may be a blank.
    Other,
}

impl Letters {
    /// Returns those of the character set of this name.
    pub(super) fn of(name: &[u8]) -> Self {
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        if ["utf8mb4", "utf8mb3", "utf8"].iter().any(is) {
            Self::Unicode
        } else if is(&"swe7") {
            Self::Swe7
        } else {
            Self::Other
        }
    }
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// What it is, without quotes and as it stands there.
    pub(super) text: &'a [u8],
    /// The comment that it stands in, which servers from a version on execute.
    pub(super) conditional: Option<Conditional>,
    /// Where it begins and ends in the statement.
    pub(super) place: (usize, usize),
}

/// What sort of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, a number, or the name of a variable with its `@`.
    Word,
    /// A name between quotes.
    Name,
    /// A text between quotes.
    Text,
    /// Any other sign.
    Mark,
}

/// A comment that servers from a version on execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conditional {
    /// The version, or one that no server has where only servers of MariaDB look at it.
    pub(super) version: u32,
    /// The how manieth of the statement it is.
    pub(super) number: u32,
}

/// What only servers of MariaDB execute.
pub(super) const MARIADB: u32 = 1_000_000;

/// A statement.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) tokens: Vec<Token<'a>>,
}

impl Token<'_> {
    /// Returns whether it is this word, in whatever case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Returns whether it is this sign.
    pub(super) fn is_mark(&self, mark: u8) -> bool {
        self.kind == Kind::Mark && self.text == [mark]
    }
}

impl<'a> Statement<'a> {
    /// Reads a statement.
    ///
    /// # Errors
    /// What no dump program writes, or what ends within a text or a comment.
    pub(super) fn read(bytes: &'a [u8], lexing: Lexing) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut conditional = None;
        let mut conditionals = 0;
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let rest = &bytes[at..];
            let (kind, text, length) = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    at += 1;
                    continue;
                }
                b'#' => {
                    at += rest_of_line(rest)?;
                    continue;
                }
                b'-' if begins_comment(rest)? => {
                    at += rest_of_line(rest)?;
                    continue;
                }
                byte if byte.is_ascii_control() => return Err("a control character between words".to_owned()),
                byte if lexing.is_doubtful(byte) => {
                    return Err(
                        "a letter outside of quotes that a server may take for something else".to_owned(),
                    );
                }
                b'/' if rest.starts_with(b"/*") => {
                    let Some((version, length)) = version(rest)? else {
                        at += comment(rest)?;
                        continue;
                    };
                    if conditional.is_some() {
                        return Err("a comment for servers in another one".to_owned());
                    }
                    conditional = Some(Conditional {
                        version,
                        number: conditionals,
                    });
                    conditionals += 1;
                    at += length;
                    continue;
                }
                b'*' if rest.starts_with(b"*/") => {
                    if conditional.take().is_none() {
                        return Err("a comment ends that has not begun".to_owned());
                    }
                    at += 2;
                    continue;
                }
                b'`' => quoted(rest, Kind::Name, false)?,
                b'"' if lexing.ansi_quotes => quoted(rest, Kind::Name, false)?,
                b'\'' | b'"' => quoted(rest, Kind::Text, lexing.escapes)?,
                byte if is_word(byte) => {
                    let length = rest
                        .iter()
                        .take_while(|byte| is_word(**byte) && !lexing.is_doubtful(**byte))
                        .count();
                    let word = &rest[..length];
                    // Newer servers of MySQL take what follows for a text, up to the same word.
                    if byte == b'$' && word[1..].contains(&b'$') {
                        return Err("a text between dollars".to_owned());
                    }
                    (Kind::Word, word, length)
                }
                b'\\' => return Err("a backslash between words".to_owned()),
                _ => (Kind::Mark, &rest[..1], 1),
            };
            tokens.push(Token {
                kind,
                text,
                conditional,
                place: (at, at + length),
            });
            at += length;
        }
        if conditional.is_some() {
            return Err("it ends within a comment".to_owned());
        }
        Ok(Self { bytes, tokens })
    }

    /// Returns whether the token at a place is this word.
    pub(super) fn is(&self, index: usize, word: &str) -> bool {
        super::is_word(self.tokens.get(index), word)
    }

    /// Returns whether the tokens from a place on are these words.
    pub(super) fn has(&self, index: usize, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(offset, word)| self.is(index + offset, word))
    }

    /// Returns whether the token at a place is this sign.
    pub(super) fn is_mark(&self, index: usize, mark: u8) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is_mark(mark))
    }

    /// Returns the name between quotes at a place, with each doubled quote as one.
    pub(super) fn name(&self, index: usize) -> Option<Vec<u8>> {
        let token = self.tokens.get(index)?;
        (token.kind == Kind::Name).then(|| unquoted(token.text))
    }

    /// Returns whether it is executed as a whole or not at all: it stands in no comment for servers, or all in one.
    pub(super) fn is_whole(&self) -> bool {
        let first = self.tokens.first().and_then(|token| token.conditional);
        self.tokens.iter().all(|token| token.conditional == first)
    }

    /// Returns whether every server that there is executes all of it.
    pub(super) fn is_always_executed(&self) -> bool {
        self.tokens
            .iter()
            .filter_map(|token| token.conditional)
            .all(|conditional| conditional.version <= 50_503)
    }

    /// Returns whether a `;` stands in it, so that a server takes what follows for another statement.
    pub(super) fn has_semicolon(&self) -> bool {
        self.tokens.iter().any(|token| token.is_mark(b';'))
    }
}

/// Returns a name with each doubled backtick as one.
pub(super) fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        name.push(byte);
        if byte == b'`' {
            bytes.next_if_eq(&b'`');
        }
    }
    name
}

/// Reads the beginning of a comment for servers: its version, and its length. None for a comment for people.
fn version(rest: &[u8]) -> Result<Option<(u32, usize)>, String> {
    let (base, begin) = if rest.starts_with(b"/*!") {
        (0, 3)
    } else if rest.starts_with(b"/*M!") {
        (MARIADB, 4)
    } else {
        return Ok(None);
    };
    let digits = rest[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = begin + digits;
    if !(5..=6).contains(&digits) || !rest.get(length).is_some_and(u8::is_ascii_whitespace) {
        return Err("a comment for servers without a version".to_owned());
    }
    let number = rest[begin..length]
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    if number >= 999_999 {
        return Err("a comment for no server".to_owned());
    }
    Ok(Some((base + number, length)))
}

/// Returns the length of a comment for people.
fn comment(rest: &[u8]) -> Result<usize, String> {
    let end = memchr::memmem::find(&rest[2..], b"*/").ok_or("it ends within a comment")?;
    let text = &rest[2..2 + end];
    if text.contains(&0) {
        return Err("a NUL in a comment".to_owned());
    }
    if memchr::memmem::find(text, b"/*").is_some() {
        return Err("a comment in another one".to_owned());
    }
    // A hint to the optimizer, which clients take for code or for a comment.
    if text.starts_with(b"+") && text.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'`' | b';')) {
        return Err("a hint with more than words in it".to_owned());
    }
    Ok(end + 4)
}

/// Returns whether a comment begins here. What a server takes for a blank behind `--`, which a client may not, stands in no dump.
fn begins_comment(rest: &[u8]) -> Result<bool, String> {
    match rest.strip_prefix(b"--").map(<[u8]>::first) {
        None | Some(Some(b'!'..=b'~')) => Ok(false),
        Some(None | Some(b' ' | b'\t' | b'\n' | b'\r')) => Ok(true),
        Some(Some(_)) => Err("a comment that not everybody takes for one".to_owned()),
    }
}

/// Returns the length of a comment that ends with its line.
fn rest_of_line(rest: &[u8]) -> Result<usize, String> {
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    // A server takes it for its end.
    match memchr::memchr(0, &rest[..length]) {
        Some(_) => Err("a NUL in a comment".to_owned()),
        None => Ok(length),
    }
}

impl Lexing {
    /// Returns whether a byte outside of quotes may be something else to a server than what it looks like.
    fn is_doubtful(self, byte: u8) -> bool {
        let is_letter = match self.letters {
            Letters::Unicode => false,
            Letters::Swe7 => matches!(byte, b'[' | b']' | b'{' | b'}' | b'^' | b'~') || !byte.is_ascii(),
            Letters::Other => !byte.is_ascii(),
        };
        is_letter || self.brackets && byte == b'['
    }
}

/// Reads what stands between quotes.
fn quoted(rest: &[u8], kind: Kind, escapes: bool) -> Result<(Kind, &[u8], usize), String> {
    let quote = rest[0];
    let mut at = 1;
    while at < rest.len() {
        if escapes && rest[at] == b'\\' {
            at += 2;
        } else if rest[at] != quote {
            at += 1;
        } else if rest.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Ok((kind, &rest[1..at], at + 1));
        }
    }
    Err("it ends within quotes".to_owned())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@') || !byte.is_ascii()
}
