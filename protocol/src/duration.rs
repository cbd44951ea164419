//! Durations as people write them.

use std::time::Duration;

use crate::Error;

/// Parses `90s`, `5m`, `2h`, `1d`; a bare number is seconds.
///
/// # Errors
/// A usage error for anything else, and for what exceeds a hundred years.
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    let refuse = || {
        Error::usage(format!("{} is not a duration", crate::text::quoted(text)))
            .hint("Write a number with `s`, `m`, `h` or `d`: `90s`, `5m`, `2h`, `1d`.")
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| refuse())?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refuse()),
    };
    match number.checked_mul(unit) {
        // Sums with the clock must never overflow.
        Some(seconds) if seconds <= 36_525 * 86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_seconds_minutes_hours_days() {
        for (text, seconds) in [
            ("90s", 90),
            ("90", 90),
            ("5m", 300),
            ("2h", 7_200),
            ("1d", 86_400),
            ("0", 0),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_secs(seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_else_is_a_duration() {
        for text in [
            "",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "1 h",
            "1hs",
            "99999999999999999999d",
            "40000d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
