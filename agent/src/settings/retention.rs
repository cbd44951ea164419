//! `[retention]` as it is written and as it is meant.

use batt_protocol::{Error, parse_duration};
use serde::Deserialize;
use toml::Spanned;

use super::written::Problem;
use crate::retention::{Floor, Rules};

/// The section, before it is interpreted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRetention {
    max_days: Option<Spanned<i64>>,
    keep_last: Option<Spanned<i64>>,
    keep_hourly: Option<Spanned<i64>>,
    keep_daily: Option<Spanned<i64>>,
    keep_weekly: Option<Spanned<i64>>,
    keep_monthly: Option<Spanned<i64>>,
    keep_yearly: Option<Spanned<i64>>,
    keep_within: Option<Spanned<String>>,
    floor: Option<Spanned<WrittenFloor>>,
}

/// `floor` of `[retention]`, before it is interpreted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFloor {
    keep_last: Option<Spanned<i64>>,
    keep_within: Option<Spanned<String>>,
}

/// Takes the floor out of the section for all services.
pub(super) fn floor(written: &mut WrittenRetention) -> Result<Floor, Problem> {
    let floor = written.floor.take().map(Spanned::into_inner).unwrap_or_default();
    Ok(Floor {
        keep_last: number("keep_last", floor.keep_last, Rules::MOST)?.unwrap_or_default(),
        keep_within: floor
            .keep_within
            .map(|value| Problem::at(&value, |text| parse_duration(text)))
            .transpose()?
            .unwrap_or_default(),
    })
}

pub(super) fn mean(written: WrittenRetention) -> Result<Rules, Problem> {
    if let Some(floor) = &written.floor {
        return Problem::at(floor, |_| {
            Err(Error::usage("`floor` holds for every service")
                .hint("It stands in `[retention]`, and nowhere else."))
        });
    }
    let most = Rules::MOST;
    Ok(Rules {
        max_days: number("max_days", written.max_days, Rules::MOST_DAYS)?,
        keep_last: number("keep_last", written.keep_last, most)?,
        keep_hourly: number("keep_hourly", written.keep_hourly, most)?,
        keep_daily: number("keep_daily", written.keep_daily, most)?,
        keep_weekly: number("keep_weekly", written.keep_weekly, most)?,
        keep_monthly: number("keep_monthly", written.keep_monthly, most)?,
        keep_yearly: number("keep_yearly", written.keep_yearly, most)?,
        keep_within: written
            .keep_within
            .map(|value| Problem::at(&value, |text| parse_duration(text)))
            .transpose()?,
    })
}

fn number(key: &str, written: Option<Spanned<i64>>, most: u32) -> Result<Option<u32>, Problem> {
    let meant = |number: &i64| {
        u32::try_from(*number)
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| Error::usage(format!("`{key}` must be from 0 to {most}")))
    };
    written.map(|value| Problem::at(&value, meant)).transpose()
}
