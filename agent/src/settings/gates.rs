//! What a backup is held to against the last good one.

use std::time::Duration;

use batt_protocol::{Error, parse_duration};
use toml::Spanned;

use super::written::{Problem, WrittenService};

/// A part of a whole, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(u8);

impl Share {
    /// Parses `50%`.
    ///
    /// # Errors
    /// A usage error for anything else.
    fn parse(text: &str) -> Result<Self, Error> {
        let number = text
            .strip_suffix('%')
            .and_then(|digits| digits.parse().ok())
            .filter(|number| *number <= 100);
        number.map(Self).ok_or_else(|| {
            Error::usage(format!("{} is not a share", batt_protocol::text::quoted(text)))
                .hint("Write a whole number from 0 to 100 and `%`: `50%`.")
        })
    }

    /// Tells whether `part` of `whole` is more than this share.
    pub(crate) fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 100 > u128::from(whole) * u128::from(self.0)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// The limits, as far as they are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gates {
    /// The share of the decompressed bytes that may be gone.
    max_shrink: Option<Share>,
    /// The share of the objects of one kind that may be gone.
    max_lost: Option<Share>,
    /// A table that had so many rows must not have none.
    emptied_rows: Option<u64>,
    /// How long it may stay the same.
    pub(crate) max_unchanged: Option<Duration>,
}

impl Gates {
    /// A backup whose last good one held less than this shrinks without notice, unless `max_shrink` is written: a few
    /// kilobytes come and go.
    const SMALL: u64 = 1 << 20;

    pub(super) fn mean(written: &WrittenService) -> Result<Self, Problem> {
        let share = |value: &Option<Spanned<String>>| {
            let share = value
                .as_ref()
                .map(|value| Problem::at(value, |text| Share::parse(text)));
            share.transpose()
        };
        let rows = written.emptied_rows.as_ref().map(|value| {
            Problem::at(value, |number| {
                u64::try_from(*number)
                    .ok()
                    .filter(|number| *number > 0)
                    .ok_or_else(|| Error::usage("`emptied_rows` must be at least 1"))
            })
        });
        let unchanged = written
            .max_unchanged
            .as_ref()
            .map(|value| Problem::at(value, |text| parse_duration(text)));
        Ok(Self {
            max_shrink: share(&written.max_shrink)?,
            max_lost: share(&written.max_lost)?,
            emptied_rows: rows.transpose()?,
            max_unchanged: unchanged.transpose()?,
        })
    }

    pub(super) fn over(&self, below: &Self) -> Self {
        Self {
            max_shrink: self.max_shrink.or(below.max_shrink),
            max_lost: self.max_lost.or(below.max_lost),
            emptied_rows: self.emptied_rows.or(below.emptied_rows),
            max_unchanged: self.max_unchanged.or(below.max_unchanged),
        }
    }

    /// Returns the share that a backup may shrink by whose last good one held `bytes`, decompressed.
    pub(crate) fn max_shrink(&self, bytes: u64) -> Share {
        let otherwise = if bytes < Self::SMALL {
            Share(100)
        } else {
            Share(50)
        };
        self.max_shrink.unwrap_or(otherwise)
    }

    /// Returns the share of the rows of a table that may be gone, likewise of keys and files.
    pub(crate) fn max_fall(&self) -> Share {
        self.max_shrink.unwrap_or(Share(50))
    }

    /// Returns the share of the objects of one kind that may be gone.
    pub(crate) fn max_lost(&self) -> Share {
        self.max_lost.unwrap_or(Share(50))
    }

    /// Returns how many rows a table must have had to be missed when it has none.
    pub(crate) fn emptied_rows(&self) -> u64 {
        self.emptied_rows.unwrap_or(1000)
    }
}

/// Returns a share.
#[cfg(test)]
pub(crate) fn share(text: &str) -> Share {
    Share::parse(text).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_whole_number_of_hundredths() {
        let half = Share::parse("50%").unwrap();
        assert!(!half.is_exceeded_by(2, 4) && half.is_exceeded_by(3, 4));
        assert!(!Share::parse("100%").unwrap().is_exceeded_by(u64::MAX, u64::MAX));
        assert!(Share::parse("0%").unwrap().is_exceeded_by(1, u64::MAX));
        assert!(!half.is_exceeded_by(0, 0));
        for text in ["", "%", "50", "101%", "-1%", "0.5%", "half"] {
            let error = Share::parse(text).unwrap_err();
            assert!(error.message().ends_with("is not a share"), "{error}");
        }
    }

    #[test]
    fn a_small_backup_may_shrink_unless_that_is_written_otherwise() {
        let usual = Gates::default();
        assert_eq!(usual.max_shrink(Gates::SMALL - 1), Share(100));
        assert_eq!(usual.max_shrink(Gates::SMALL), Share(50));
        let written = Gates {
            max_shrink: Some(Share(10)),
            ..usual
        };
        assert_eq!(written.max_shrink(1), Share(10));
        assert_eq!(Gates::default().over(&written).max_shrink(1), Share(10));
    }
}
