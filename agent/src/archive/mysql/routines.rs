//! What stands between `DELIMITER ;;` and `DELIMITER ;`: bodies of routines, triggers and events, in which an `INSERT` is
//! no row. Their texts follow the SQL mode of who wrote them, so they are not parsed: what ends them is a line. Of each the head is read.

use super::head::made_by;

/// As much of a line as is looked at, at either end.
const LINE_LIMIT: usize = 64;
/// As much of a statement as is kept to see what it makes.
const HEAD_LIMIT: usize = 4 << 10;

/// Statements with a delimiter of their own.
#[derive(Debug)]
pub(super) struct Routines {
    delimiter: Vec<u8>,
    /// The line so far: its first bytes, and its last ones.
    first: Vec<u8>,
    last: Vec<u8>,
    /// Whether the line before ended a statement.
    between: bool,
    /// The first bytes of the statement.
    head: Vec<u8>,
    /// What was made.
    made: Vec<(&'static str, String)>,
}

impl Routines {
    /// Begins after a line that has set this delimiter; none when it is the usual one.
    pub(super) fn after(delimiter: &[u8]) -> Option<Self> {
        (delimiter != b";").then(|| Self {
            delimiter: delimiter.to_vec(),
            first: Vec::new(),
            last: Vec::new(),
            between: true,
            head: Vec::new(),
            made: Vec::new(),
        })
    }

    /// Takes the next bytes; returns how many belong here when the usual delimiter comes back in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(length) = memchr::memchr(b'\n', &bytes[at..]) {
            self.extend(&bytes[at..at + length]);
            at += length + 1;
            if self.end_of_line() {
                return Some(at);
            }
        }
        self.extend(&bytes[at..]);
        None
    }

    /// Returns what was made: its kind and its name.
    pub(super) fn made(&self) -> &[(&'static str, String)] {
        &self.made
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = HEAD_LIMIT - self.head.len();
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        let room = LINE_LIMIT - self.first.len();
        self.first.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.last
            .extend_from_slice(&bytes[bytes.len().saturating_sub(LINE_LIMIT)..]);
        let surplus = self.last.len().saturating_sub(LINE_LIMIT);
        self.last.drain(..surplus);
    }

    /// Returns whether the line that ends here brings the usual delimiter back. The client takes such a line only between
    /// two statements.
    fn end_of_line(&mut self) -> bool {
        let set = delimiter_of(&self.first).filter(|_| self.between);
        let is_over = set == Some(b";");
        if let Some(delimiter) = set {
            self.delimiter = delimiter.to_vec();
        }
        let is_end = self.last.trim_ascii_end().ends_with(&self.delimiter);
        self.between = set.is_some() || is_end;
        if self.between {
            if set.is_none()
                && let Some(made) = made_by(&self.head)
            {
                self.made.push(made);
            }
            self.head.clear();
        } else if self.head.len() < HEAD_LIMIT {
            self.head.push(b'\n');
        }
        self.first.clear();
        self.last.clear();
        is_over
    }
}

/// Returns the delimiter that a line sets.
pub(super) fn delimiter_of(line: &[u8]) -> Option<&[u8]> {
    let (word, rest) = line.split_at_checked(b"DELIMITER".len())?;
    let delimiter = rest.trim_ascii();
    (word.eq_ignore_ascii_case(b"DELIMITER") && rest.first() == Some(&b' ') && !delimiter.is_empty())
        .then_some(delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_with_the_line_after_its_delimiter() {
        let text =
            b"CREATE PROCEDURE p() BEGIN\n  SELECT '\nDELIMITER ;\n'; -- it's\nEND ;;\nDELIMITER ;\nINSERT";
        for piece in 1..text.len() {
            let mut routines = Routines::after(b";;").unwrap();
            let mut before = 0;
            let mut ended = None;
            for piece in text.chunks(piece) {
                if ended.is_none() {
                    ended = routines.feed(piece).map(|used| before + used);
                }
                before += piece.len();
            }
            assert_eq!(ended, Some(text.len() - "INSERT".len()), "pieces of {piece}");
        }
    }

    #[test]
    fn a_delimiter_may_change_to_another() {
        let mut routines = Routines::after(b";;").unwrap();
        assert_eq!(
            routines.feed(b"a ;;\ndelimiter $$\nb ;;\nDELIMITER ;\nc $$\n"),
            None
        );
        assert_eq!(routines.feed(b"DELIMITER ;\n"), Some(12));
        assert!(Routines::after(b";").is_none());
    }
}
