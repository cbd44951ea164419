//! The rows of one `INSERT`: what follows `VALUES`, to the semicolon. Nearly all of a dump is this, so it is fast.

use memchr::memchr2;

/// The rows of one `INSERT`, as far as they have been seen.
#[derive(Debug, Default)]
pub(super) struct Values {
    rows: u64,
    depth: u32,
    text: Option<Text>,
}

/// A text that has begun.
#[derive(Debug, Clone, Copy)]
struct Text {
    quote: u8,
    /// A backslash was the last byte: the next one stands for itself, also a quote.
    escaped: bool,
}

/// The bytes that mean something outside of a text.
const MEANING: [bool; 256] = {
    let mut table = [false; 256];
    let mut index = 0;
    let bytes = b"'\"`();";
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
};

impl Values {
    /// Takes the next bytes; returns how many belong to the statement when it ends in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if let Some(text) = self.text {
                let (rest, used) = text.feed(&bytes[at..]);
                self.text = rest;
                at += used;
            }
            at += bytes[at..].iter().position(|byte| MEANING[usize::from(*byte)])?;
            match bytes[at] {
                b'(' => {
                    // Values are literals; a function in one of them opens no row.
                    self.rows += u64::from(self.depth == 0);
                    self.depth += 1;
                }
                b')' => self.depth = self.depth.saturating_sub(1),
                b';' if self.depth == 0 => return Some(at + 1),
                b';' => {}
                quote => {
                    self.text = Some(Text {
                        quote,
                        escaped: false,
                    });
                }
            }
            at += 1;
        }
    }

    /// Returns the rows that have begun.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}

impl Text {
    /// Takes the next bytes; returns what goes on after them, and how many it took. A doubled quote ends a text and begins
    /// one at once.
    fn feed(mut self, bytes: &[u8]) -> (Option<Self>, usize) {
        let mut at = 0;
        if self.escaped && !bytes.is_empty() {
            self.escaped = false;
            at = 1;
        }
        // In a name between backticks a backslash is a backslash.
        let escape = if self.quote == b'`' { b'`' } else { b'\\' };
        while let Some(found) = memchr2(self.quote, escape, &bytes[at..]) {
            at += found + 1;
            if bytes[at - 1] == self.quote {
                return (None, at);
            }
            if at == bytes.len() {
                self.escaped = true;
                break;
            }
            at += 1;
        }
        (Some(self), bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_wherever_the_pieces_end() {
        let values = br#" (1,'a),(b'),
(2,'it''s; \'),(' ,"x\"),("),(-1.5e-7,NULL,_binary 'z\\'),(0x2829,b'1',''),(f(1,(2)),'\'');"#;
        for piece in 1..values.len() {
            let mut state = Values::default();
            let mut ended = None;
            let mut before = 0;
            for piece in values.chunks(piece) {
                ended = state.feed(piece).map(|used| before + used);
                before += piece.len();
            }
            assert_eq!(
                (state.rows(), ended),
                (5, Some(values.len())),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn what_follows_the_statement_is_left() {
        let mut values = Values::default();
        assert_eq!(values.feed(b"(1),(2);\nINSERT"), Some(8));
        assert_eq!(values.rows(), 2);
    }
}
