//! Where in a message a value stands.

use memchr::memmem;

use super::{Ending, HIDDEN};

/// What follows a sentence where lines were put into one.
const JOINED: [&str; 4] = ["). CONTEXT: ", "). HINT: ", "). Command was: ", "). STATEMENT: "];

/// Where in a message a value stands.
#[derive(Debug)]
pub(super) struct Rule {
    /// How the message begins.
    pub(super) begins: &'static str,
    /// What stands between that and the value, at its end.
    pub(super) then: &'static str,
    /// How the value ends.
    pub(super) end: End,
}

/// How a value ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// At the last one of these words, where one before others in this list has precedence; they are always there.
    Before(&'static [&'static str]),
    /// The same, but where none of these words is in the line the message is another one.
    OnlyBefore(&'static [&'static str]),
    /// As `Before`, or at a quote at the end of the line: one before that is a part of the value.
    Quoted(&'static [&'static str]),
    /// As `Before`, or at the end of a sentence in parentheses at the end of the line.
    Sentence(&'static [&'static str]),
    /// As `Before`, and it is the part of a statement, of which only what stands between quotes, and numbers, are values.
    Statement(&'static [&'static str]),
    /// At a quote at the end of the line, or at one of these words. A quote within stands there in pairs.
    Quote(&'static [&'static str]),
    /// With the line.
    Line,
    /// With the last line before another message.
    Message,
}

/// A value within a line.
#[derive(Debug)]
pub(super) struct Value {
    /// Where it begins.
    pub(super) begins: usize,
    /// What is shown of it.
    pub(super) shown: Vec<u8>,
    /// Where it ends, unless it goes on.
    pub(super) ends: Option<usize>,
}

impl Rule {
    /// A value directly behind the beginning.
    pub(super) const fn of(begins: &'static str, end: End) -> Self {
        Self::behind(begins, "", end)
    }

    /// A value behind the beginning and something else.
    pub(super) const fn behind(begins: &'static str, then: &'static str, end: End) -> Self {
        Self { begins, then, end }
    }

    /// Returns the value in a line.
    pub(super) fn value(&self, line: &[u8], ending: Ending) -> Option<Value> {
        let begins = self.first_beginning(line)? + self.begins.len();
        let value_at = begins + memmem::find(&line[begins..], self.then.as_bytes())? + self.then.len();
        let ends = self
            .end
            .place(&line[value_at..], ending)
            .map(|end| value_at + end);
        if ends.is_none() && matches!(self.end, End::OnlyBefore(_)) {
            return None;
        }
        let text = &line[value_at..ends.unwrap_or(line.len())];
        let shown = match self.end {
            End::Statement(_) if ends.is_some() => without_literals(text),
            End::Statement(_) => [&without_literals(text), HIDDEN.as_bytes()].concat(),
            _ => HIDDEN.as_bytes().to_vec(),
        };
        Some(Value {
            begins: value_at,
            shown,
            ends,
        })
    }

    /// Returns where a message begins in a line.
    pub(super) fn first_beginning(&self, line: &[u8]) -> Option<usize> {
        memmem::find(line, self.begins.as_bytes())
    }

    /// Returns how many bytes at the end of a line may be the first ones of a message.
    pub(super) fn may_begin_at_the_end(&self, line: &[u8]) -> Option<usize> {
        let begins = self.begins.as_bytes();
        (1..begins.len().min(line.len() + 1))
            .rev()
            .find(|length| line.ends_with(&begins[..*length]))
    }
}

impl End {
    /// Returns where a value ends in a line.
    pub(super) fn place(&self, line: &[u8], ending: Ending) -> Option<usize> {
        let last = |words: &[&str]| words.iter().find_map(|word| memmem::rfind(line, word.as_bytes()));
        // A script may put the message into parentheses or quotes.
        let at_the_end = |word: &[u8]| {
            let closing = line
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b')' | b'.' | b'\'' | b'"' | b'`' | b'\r' | b' '));
            let from = line.len() - closing.count();
            (ending != Ending::Cut)
                .then(|| memmem::rfind(&line[from..], word))
                .flatten()
                .map(|place| from + place)
        };
        match self {
            End::Before(words) | End::OnlyBefore(words) | End::Statement(words) => last(words),
            End::Quoted(words) => last(words).or_else(|| at_the_end(b"'")),
            End::Sentence(words) => last(words)
                .or_else(|| last(&JOINED))
                .or_else(|| at_the_end(b").")),
            End::Quote(words) => last(words).or_else(|| {
                let quotes = memchr::memchr_iter(b'"', line).count();
                (ending != Ending::Cut && line.ends_with(b"\"") && quotes % 2 == 1).then(|| line.len() - 1)
            }),
            End::Line => (ending != Ending::Cut).then_some(line.len()),
            End::Message => None,
        }
    }

    /// Returns whether something that has to come ends it.
    pub(super) fn is_awaited(&self) -> bool {
        !matches!(self, End::Message)
    }

    /// Returns how long it may be, in bytes of all its lines but the first.
    pub(super) fn most(&self) -> usize {
        match self {
            // A message of MySQL has 512.
            End::Before(_) | End::Quoted(_) | End::OnlyBefore(_) | End::Statement(_) | End::Line => 1 << 10,
            // Of each column 64 bytes, or all of a key.
            End::Sentence(_) => 16 << 10,
            End::Quote(_) | End::Message => 64 << 10,
        }
    }
}

/// Returns the part of a statement with what may be a value hidden: what stands between quotes, and whatever begins with a digit.
fn without_literals(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    let mut place = 0;
    while place < text.len() {
        let rest = &text[place..];
        let length = match rest[0] {
            quote @ (b'\'' | b'"') => rest[1..]
                .iter()
                .position(|byte| *byte == quote)
                .map_or(rest.len(), |end| end + 2),
            byte if is_of_word(byte) => rest.iter().take_while(|byte| is_of_word(**byte)).count(),
            _ => 1,
        };
        let is_value = matches!(rest[0], b'\'' | b'"' | b'0'..=b'9');
        shown.extend_from_slice(if is_value {
            HIDDEN.as_bytes()
        } else {
            &rest[..length]
        });
        place += length;
    }
    shown
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.') || !byte.is_ascii()
}
