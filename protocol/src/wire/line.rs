//! Lines, bounded in both directions.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MAX_LINE;

/// Why a line cannot be sent or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineError {
    /// It is longer than [`MAX_LINE`].
    TooLong,
    /// It is no JSON of the expected shape.
    Malformed(String),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a line is longer than {} KiB", MAX_LINE >> 10),
            Self::Malformed(cause) => write!(f, "a line cannot be understood: {cause}"),
        }
    }
}

impl std::error::Error for LineError {}

/// Returns `message` as one line with its newline.
///
/// # Errors
/// [`LineError::TooLong`] when it does not fit: nothing may be sent then.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, LineError> {
    let mut line = serde_json::to_vec(message).map_err(|error| LineError::Malformed(error.to_string()))?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        Err(LineError::TooLong)
    } else {
        Ok(line)
    }
}

/// Cuts a stream of bytes into lines, and never holds more than one line of [`MAX_LINE`] beside what was just fed.
#[derive(Debug, Default)]
pub struct LineReader {
    pending: Vec<u8>,
    /// How much of `pending` was handed out.
    taken: usize,
    /// How much of `pending` is known to hold no newline.
    searched: usize,
}

impl LineReader {
    /// Returns a reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the next whole line without its newline, or none when more bytes are needed.
    ///
    /// # Errors
    /// [`LineError::TooLong`] as soon as a line exceeds its limit, finished or not. The stream is then of no use.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineError> {
        let start = self.taken;
        match self.pending[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            Some(place) => {
                let end = self.searched + place;
                if end + 1 - start > MAX_LINE {
                    return Err(LineError::TooLong);
                }
                self.taken = end + 1;
                self.searched = self.taken;
                Ok(Some(&self.pending[start..end]))
            }
            None if self.pending.len() - start >= MAX_LINE => Err(LineError::TooLong),
            None => {
                self.searched = self.pending.len();
                Ok(None)
            }
        }
    }

    /// Returns the next message, or none when more bytes are needed.
    ///
    /// # Errors
    /// A line that is too long or not of the expected shape.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LineError> {
        match self.next_line()? {
            None => Ok(None),
            Some(line) => serde_json::from_slice(line)
                .map(Some)
                .map_err(|error| LineError::Malformed(error.to_string())),
        }
    }

    /// Returns what follows the last whole line. A stream must not end within a line.
    pub fn rest(&self) -> &[u8] {
        &self.pending[self.taken..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let stream = b"one\n\nthree\nfour";
        for size in 1..stream.len() {
            let mut reader = LineReader::new();
            let mut lines = Vec::new();
            for chunk in stream.chunks(size) {
                reader.feed(chunk);
                while let Some(line) = reader.next_line().unwrap() {
                    lines.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(lines, ["one", "", "three"]);
            assert_eq!(reader.rest(), b"four");
        }
    }

    #[test]
    fn a_line_without_end_is_an_error_before_it_takes_memory() {
        let mut reader = LineReader::new();
        reader.feed(&vec![b'x'; MAX_LINE - 1]);
        assert_eq!(reader.next_line(), Ok(None));
        reader.feed(b"x");
        assert_eq!(reader.next_line(), Err(LineError::TooLong));
    }

    #[test]
    fn the_longest_line_passes_both_ways() {
        let text = "x".repeat(MAX_LINE - 3);
        let line = encode(&text).unwrap();
        let mut reader = LineReader::new();
        reader.feed(&line);
        assert_eq!(reader.next_message::<String>().unwrap(), Some(text.clone()));
        assert_eq!(encode(&format!("{text}x")), Err(LineError::TooLong));
    }
}
