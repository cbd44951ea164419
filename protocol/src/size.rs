//! Sizes as people write and read them.

use std::fmt;

use crate::Error;

const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Parses `512`, `16MiB`, `1GiB`; a bare number is bytes.
///
/// # Errors
/// A usage error for anything else, and for what exceeds 64 bits.
pub fn parse_size(text: &str) -> Result<u64, Error> {
    let refuse = || {
        Error::usage(format!("{} is not a size", crate::text::quoted(text)))
            .hint("Write a number of bytes, or one with `KiB`, `MiB`, `GiB` or `TiB`: `16MiB`.")
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| refuse())?;
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        name => UNITS.iter().find(|(unit, _)| *unit == name).ok_or_else(refuse)?.1,
    };
    number.checked_mul(unit).ok_or_else(refuse)
}

/// Shows a number of bytes with at most four characters and its unit: `0 B`, `1.5 KiB`, `220 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HumanBytes(pub u64);

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that leaves at least one whole, as rounded: 1023.96 KiB is 1.0 MiB.
        let (mut amount, mut unit) = (self.0 as f64, "B");
        for (name, _) in UNITS {
            if amount < 999.95 {
                break;
            }
            amount /= 1024.0;
            unit = name;
        }
        let text = match unit {
            "B" => format!("{amount:.0} B"),
            _ if amount < 99.95 => format!("{amount:.1} {unit}"),
            _ => format!("{amount:.0} {unit}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(parse_size("16MiB").unwrap(), 16 << 20);
        assert_eq!(parse_size("12").unwrap(), 12);
        for text in ["", "MiB", "1MB", "1.5GiB", "-1", "99999999999TiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1536, "1.5 KiB"),
            (230_686_720, "220 MiB"),
            (1 << 40, "1.0 TiB"),
        ] {
            assert_eq!(HumanBytes(bytes).to_string(), text);
        }
    }
}
