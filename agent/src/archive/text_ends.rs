//! Keeps the first and the last bytes of a stream: dumps in SQL tell by them what they are and whether they are complete.

/// Dump programs say all they say about themselves within their first lines; with a position in the binary log it takes
/// them two KiB.
const HEAD_LIMIT: usize = 8192;
/// Enough for a trailer, what may stand behind it, and the position before it.
const TAIL_LIMIT: usize = 2048;

/// The ends of a stream.
#[derive(Default)]
pub(super) struct TextEnds {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl TextEnds {
    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let missing = HEAD_LIMIT - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        if bytes.len() >= TAIL_LIMIT {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - TAIL_LIMIT..]);
        } else {
            let surplus = (self.tail.len() + bytes.len()).saturating_sub(TAIL_LIMIT);
            self.tail.drain(..surplus);
            self.tail.extend_from_slice(bytes);
        }
    }

    /// Returns whether the stream had no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Returns the lines at the beginning; the last one may be cut.
    pub(super) fn first_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|byte| *byte == b'\n')
    }

    /// Returns the rest of the first line at the beginning that starts with `prefix`.
    pub(super) fn after(&self, prefix: &str) -> Option<String> {
        self.first_lines()
            .find_map(|line| line.strip_prefix(prefix.as_bytes()))
            .map(|rest| String::from_utf8_lossy(rest).trim().to_owned())
    }

    /// Returns the lines at the end, last one first, without empty ones; the first line of the tail may be cut.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.tail
            .rsplit(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_end)
            .filter(|line| !line.is_empty())
    }

    /// Returns whether the stream ends with a line feed: a line without one may be cut.
    pub(super) fn ends_with_line_feed(&self) -> bool {
        self.tail.last() == Some(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept_whatever_the_pieces() {
        let text: Vec<u8> = (0..2000)
            .flat_map(|number| format!("line {number}\n").into_bytes())
            .collect();
        for piece in [1, 7, 511, 2047, 2048, 2049, 4000, text.len()] {
            let mut ends = TextEnds::default();
            text.chunks(piece).for_each(|piece| ends.feed(piece));
            assert_eq!(ends.head, &text[..HEAD_LIMIT]);
            assert_eq!(ends.tail, &text[text.len() - TAIL_LIMIT..]);
            assert_eq!(ends.last_lines().next(), Some(b"line 1999".as_slice()));
            assert_eq!(ends.after("line 7").as_deref(), Some(""));
        }
    }
}
