//! Whether a backup lies where its run has put it, as far as the place itself tells.

use std::path::{Component, Path};

use batt_protocol::{RunId, Service};
use chrono::{Duration, FixedOffset, NaiveDate};

use super::{Damages, Manifest};

/// Holds the manifest against the names of the folders that it lies in.
///
/// A name `{service}~{run}` is batt's own: another backup in it was put there. Folders of a date may be anybody's, as
/// where a person copied the backup to; they are told, and are no damage.
pub(super) fn compare(folder: &Path, manifest: &Manifest, damages: &mut Damages) {
    let name = folder.file_name().and_then(|name| name.to_str());
    if let Some((service, run)) = name.and_then(|name| name.split_once('~'))
        && let (Ok(service), Ok(run)) = (service.parse::<Service>(), run.parse::<RunId>())
        && (service != manifest.service || run != manifest.run)
    {
        damages.push(format!(
            "the backup `{}` lies here, and `{run}.{service}` should",
            manifest.id()
        ));
    }
    if let Some(day) = day_of(folder)
        && let Some(offset) = FixedOffset::east_opt(manifest.utc_offset)
    {
        let started = manifest.started.with_timezone(&offset).date_naive();
        // A run that began before midnight may start its last service after it.
        if day != started && Some(day) != started.checked_sub_signed(Duration::days(1)) {
            damages.remark(format!(
                "it lies in the folder of {day}, and was made on {started}"
            ));
        }
    }
}

/// Returns the day that three folders one in the other name, as `2026/01/31` does.
fn day_of(folder: &Path) -> Option<NaiveDate> {
    let names: Vec<&str> = folder
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let number = |text: &str, length: usize| {
        let digits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    names.windows(3).rev().find_map(|names| {
        let year = i32::try_from(number(names[0], 4)?).ok()?;
        NaiveDate::from_ymd_opt(year, number(names[1], 2)?, number(names[2], 2)?)
    })
}
