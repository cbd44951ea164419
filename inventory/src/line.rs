//! Lines of text files with their offsets, and words within a line.

use std::ops::Range;

/// One line without its end, and where it begins in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl<'a> Line<'a> {
    /// Returns the lines of a text.
    pub(crate) fn all(text: &'a str) -> impl Iterator<Item = Line<'a>> {
        text.split_inclusive('\n').scan(0, |next, piece| {
            let start = *next;
            *next += piece.len();
            let text = piece.strip_suffix('\n').unwrap_or(piece);
            Some(Line {
                text: text.strip_suffix('\r').unwrap_or(text),
                start,
            })
        })
    }

    /// Returns the line without blanks around.
    pub(crate) fn trimmed(self) -> Line<'a> {
        let text = self.text.trim_start();
        Line {
            text: text.trim_end(),
            start: self.start + self.text.len() - text.len(),
        }
    }

    /// Returns the line up to a comment: `#` at its beginning or after a blank.
    pub(crate) fn without_comment(self) -> Line<'a> {
        let mut after_blank = true;
        let mut end = self.text.len();
        for (at, character) in self.text.char_indices() {
            if character == '#' && after_blank {
                end = at;
                break;
            }
            after_blank = character.is_whitespace();
        }
        Line {
            text: &self.text[..end],
            start: self.start,
        }
        .trimmed()
    }

    /// Returns the range of the line in the file.
    pub(crate) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Returns the range in the file of a range of the line.
    pub(crate) fn part(self, range: Range<usize>) -> Range<usize> {
        self.start + range.start..self.start + range.end
    }
}

/// Splits `host:port`, `[address]:port`, a bare IPv6 address, or a name alone, at the port. Colons within brackets
/// belong to ranges.
pub(crate) fn split_port(text: &str) -> (&str, Option<&str>) {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return (text, None);
    }
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|inner| inner.split_once(']'))
        && address.parse::<std::net::Ipv6Addr>().is_ok()
    {
        return match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if rest.is_empty() => (address, None),
            None => (text, None),
        };
    }
    match text.rfind(':') {
        Some(colon) if text[..colon].matches('[').count() == text[..colon].matches(']').count() => {
            (&text[..colon], Some(&text[colon + 1..]))
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, split_port};

    #[test]
    fn lines_know_where_they_begin() {
        let lines: Vec<(usize, &str)> = Line::all("a\r\n\nbc")
            .map(|line| (line.start, line.text))
            .collect();
        assert_eq!(lines, [(0, "a"), (3, ""), (4, "bc")]);
        let line = Line {
            text: "  db1 # old",
            start: 10,
        }
        .without_comment();
        assert_eq!((line.text, line.start), ("db1", 12));
        assert_eq!(
            Line {
                text: "a#b",
                start: 0
            }
            .without_comment()
            .text,
            "a#b"
        );
    }

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("db1"), ("db1", None));
        assert_eq!(split_port("db1:22"), ("db1", Some("22")));
        assert_eq!(split_port("db[01:03]"), ("db[01:03]", None));
        assert_eq!(split_port("db[01:03]:22"), ("db[01:03]", Some("22")));
        assert_eq!(split_port("[::1]:22"), ("::1", Some("22")));
        assert_eq!(split_port("[::1]"), ("::1", None));
        assert_eq!(split_port("fe80::1"), ("fe80::1", None));
        assert_eq!(split_port("db1:"), ("db1", Some("")));
        assert_eq!(split_port("db[1:2"), ("db[1:2", None));
    }
}
