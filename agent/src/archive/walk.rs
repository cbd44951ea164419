//! Walking a binary format in one pass over a stream that comes in pieces of any size. A format says what it wants
//! next; the walker collects exactly that, skips what is only content, and knows where the stream may end.

use super::{CheckFacts, StreamCheck};

/// What a format wants of the stream next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// This many bytes, handed over in one piece. They are held in memory: a format bounds what it asks for.
    Take(usize),
    /// As [`Want::Take`], but the stream may also end before the first of them.
    TakeOrEnd(usize),
    /// To pass over this many bytes of content.
    Skip(u64),
    /// The end. What is still there must be zeros, as tar pads its last record.
    Zeros,
    /// To pass over everything that is left; [`Format::finish`] judges the length.
    Rest,
}

/// A format that can be walked.
pub(super) trait Format: Send {
    /// Returns what the format wants after it got `taken` (empty after [`Want::Skip`]), or what is wrong with it.
    fn step(&mut self, taken: &[u8]) -> Result<Want, String>;

    /// Sees the content that [`Want::Skip`] passes over, in pieces.
    fn passing(&mut self, _content: &[u8]) {}

    /// Returns what is read just now, for the message that the stream ended in it.
    fn part(&self) -> &'static str;

    /// Returns the facts of a stream that ended where it may, after `total` bytes.
    fn finish(self, total: u64) -> Result<CheckFacts, String>;
}

/// A [`StreamCheck`] that walks a [`Format`].
pub(super) struct Walker<F> {
    format: F,
    want: Want,
    collected: Vec<u8>,
    total: u64,
    damage: Option<String>,
}

impl<F: Format> Walker<F> {
    /// Begins a walk that wants `first`.
    pub(super) fn new(format: F, first: Want) -> Self {
        Walker {
            format,
            want: first,
            collected: Vec::new(),
            total: 0,
            damage: None,
        }
    }

    /// Takes what it can of `bytes` for the present want and returns the rest, or `None` when the want is not met yet.
    fn advance<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        match self.want {
            Want::Take(length) | Want::TakeOrEnd(length) => {
                if self.collected.is_empty() && bytes.len() >= length {
                    let (taken, rest) = bytes.split_at(length);
                    self.want = self.format.step(taken)?;
                    return Ok(Some(rest));
                }
                let missing = length - self.collected.len();
                let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
                self.collected.extend_from_slice(taken);
                if self.collected.len() < length {
                    return Ok(None);
                }
                self.want = self.format.step(&self.collected)?;
                self.collected.clear();
                Ok(Some(rest))
            }
            Want::Skip(length) => {
                let skipped = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
                let left = length - skipped as u64;
                self.format.passing(&bytes[..skipped]);
                if left > 0 {
                    self.want = Want::Skip(left);
                    return Ok(None);
                }
                self.want = self.format.step(&[])?;
                Ok(Some(&bytes[skipped..]))
            }
            Want::Zeros if bytes.iter().any(|byte| *byte != 0) => Err(format!(
                "something follows its end, within the last {} bytes",
                bytes.len()
            )),
            Want::Zeros | Want::Rest => Ok(None),
        }
    }
}

impl<F: Format> Walker<F> {
    /// Returns the format of a stream that ended where it may.
    pub(super) fn into_format(self) -> Result<F, String> {
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        match self.want {
            Want::TakeOrEnd(_) if self.collected.is_empty() => Ok(self.format),
            Want::Zeros | Want::Rest => Ok(self.format),
            _ => Err(format!(
                "it ends after {} bytes, in {}",
                self.total,
                self.format.part()
            )),
        }
    }
}

impl<F: Format> StreamCheck for Walker<F> {
    fn feed(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let mut rest = bytes;
        while self.damage.is_none() {
            match self.advance(rest) {
                Ok(Some(left)) => rest = left,
                Ok(None) => break,
                Err(damage) => self.damage = Some(damage),
            }
        }
    }

    fn objection(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        let total = self.total;
        self.into_format()?.finish(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of a length byte and that many bytes; a record of length 255 ends it.
    struct Records(u64);

    impl Format for Records {
        fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
            match taken {
                [255] => Ok(Want::Zeros),
                [254] => Err("length 254".to_owned()),
                [length] => {
                    self.0 += 1;
                    Ok(Want::Skip(u64::from(*length)))
                }
                _ => Ok(Want::Take(1)),
            }
        }

        fn part(&self) -> &'static str {
            "a record"
        }

        fn finish(self, total: u64) -> Result<CheckFacts, String> {
            let mut facts = CheckFacts::default();
            facts.insert_count("records", self.0);
            facts.insert_count("total", total);
            Ok(facts)
        }
    }

    fn walk(bytes: &[u8], piece: usize) -> Result<CheckFacts, String> {
        let mut walker = Box::new(Walker::new(Records(0), Want::Take(1)));
        bytes.chunks(piece).for_each(|piece| walker.feed(piece));
        walker.finish()
    }

    #[test]
    fn pieces_of_any_size_give_the_same_walk() {
        let stream = [2, 9, 9, 0, 3, 1, 2, 3, 255, 0, 0];
        for piece in 1..=stream.len() {
            let facts = walk(&stream, piece).unwrap();
            assert_eq!(facts.get("records"), Some("3"), "piece {piece}");
            assert_eq!(facts.get("total"), Some("11"));
        }
    }

    #[test]
    fn a_cut_names_the_part_and_the_length() {
        assert_eq!(
            walk(&[2, 9], 1),
            Err("it ends after 2 bytes, in a record".to_owned())
        );
        assert_eq!(walk(&[], 1), Err("it ends after 0 bytes, in a record".to_owned()));
    }

    #[test]
    fn what_follows_the_end_and_what_the_format_refuses_is_damage() {
        assert_eq!(
            walk(&[255, 0, 1], 1),
            Err("something follows its end, within the last 1 bytes".to_owned())
        );
        assert_eq!(walk(&[254, 255], 2), Err("length 254".to_owned()));
    }
}
