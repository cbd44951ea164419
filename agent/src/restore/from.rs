//! What a person says a backup is to come from.

use std::path::PathBuf;
use std::str::FromStr;

use batt_protocol::text::quoted;
use batt_protocol::{Error, RunId, Service};
use chrono::{NaiveDate, NaiveDateTime};

/// Where a backup is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// The newest that counts.
    Newest,
    /// The backup with this id.
    Id(RunId, Service),
    /// The newest that was made on this day, in local time.
    Day(NaiveDate),
    /// The newest that was made not later than this, in local time.
    Time(NaiveDateTime),
    /// The backup in this folder.
    Path(PathBuf),
}

impl FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "latest" {
            return Ok(Self::Newest);
        }
        if text.contains('/') || text == "." || text == ".." {
            let path = PathBuf::from(text);
            return Ok(Self::Path(std::path::absolute(&path).unwrap_or(path)));
        }
        if let Some((run, service)) = text.split_once('.')
            && let (Ok(run), Ok(service)) = (run.parse(), service.parse())
        {
            return Ok(Self::Id(run, service));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Day(day));
        }
        const TIMES: [&str; 4] = [
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%d %H:%M",
            "%Y-%m-%d %H:%M:%S",
        ];
        let time = TIMES
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        time.map(Self::Time).ok_or_else(|| {
            Error::usage(format!("{} names no backup", quoted(text)))
                .hint("`--from` takes `latest`, an id that `batt backups` shows, a day as `2026-11-23`, a time as `2026-11-23T02:30`, or a folder as `./mysql`.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_tells_which_is_meant() {
        let from = |text: &str| text.parse::<From>();
        assert_eq!(from("latest").unwrap(), From::Newest);
        assert!(
            matches!(from("20260131T023000Z-00000a.redis@6380"), Ok(From::Id(_, service))
            if service.to_string() == "redis@6380")
        );
        assert!(matches!(from("2026-11-23"), Ok(From::Day(_))));
        assert!(matches!(from("2026-11-23T02:30"), Ok(From::Time(_))));
        assert!(matches!(from("2026-11-23 02:30:01"), Ok(From::Time(_))));
        assert_eq!(
            from("/mnt/usb/mysql").unwrap(),
            From::Path("/mnt/usb/mysql".into())
        );
        assert!(matches!(from("./mysql"), Ok(From::Path(path)) if path.is_absolute()));
        for text in ["", "yesterday", "2026-13-01", "20260131T023000Z-00000a", "mysql"] {
            assert_eq!(
                from(text).unwrap_err().exit(),
                batt_protocol::ExitCode::USAGE,
                "{text}"
            );
        }
    }
}
