//! The id of a run.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The id of a run, `YYYYMMDDThhmmssZ-xxxxxx`: when it was started, in UTC, and six hexadecimal digits of chance.
///
/// Ids sort by time. Whoever starts a run makes its id; a controller makes one for all its hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

const TIME: &str = "%Y%m%dT%H%M%SZ";
const TIME_LENGTH: usize = 16;
const LENGTH: usize = TIME_LENGTH + 7;

impl RunId {
    /// Returns the id of a run that starts at `time`, told from others of the same second by `chance`.
    pub fn new(time: DateTime<Utc>, chance: [u8; 3]) -> Self {
        let [a, b, c] = chance;
        Self(format!("{}-{a:02x}{b:02x}{c:02x}", time.format(TIME)))
    }

    /// Returns when the run was started, to the second.
    pub fn time(&self) -> DateTime<Utc> {
        // Only text that parses gets into the type.
        time_of(&self.0).unwrap_or_default()
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn time_of(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text.get(..TIME_LENGTH)?, TIME).ok()?;
    Some(time.and_utc())
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let good = text.len() == LENGTH
            && text.is_ascii()
            && time_of(text).is_some_and(|time| text.starts_with(&time.format(TIME).to_string()))
            && text.as_bytes()[TIME_LENGTH] == b'-'
            && text[TIME_LENGTH + 1..]
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Error::usage(format!("{} is not the id of a run", crate::text::quoted(text)))
                .hint("An id looks like `20260131T023000Z-1a2b3c`; `runs` lists them."),
        )
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_round_trips_and_tells_its_time() {
        let time = "2026-01-31T02:30:05Z".parse().unwrap();
        let id = RunId::new(time, [0x1a, 0x2b, 0x0c]);
        assert_eq!(id.as_str(), "20260131T023005Z-1a2b0c");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert_eq!(id.time(), time);
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in [
            "",
            "20260131T023005Z-1a2b0",
            "20260131T023005Z-1A2B0C",
            "20261331T023005Z-1a2b0c",
            "../../../../etc/passwd",
            "20260131T023005Z/1a2b0c",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
