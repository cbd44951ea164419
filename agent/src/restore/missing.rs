//! What is said when no backup is the one that is asked for: which there are, what they are worth, and how to take one.

use batt_protocol::{Error, ExitCode, Service};
use chrono::{DateTime, Local, NaiveDateTime, Utc};

use super::From;
use crate::backup::Entry;
use crate::scope::Scope;

/// Returns a time as clocks on the wall have it.
pub(super) fn local(time: DateTime<Utc>) -> NaiveDateTime {
    time.with_timezone(&Local).naive_local()
}

/// Returns the error for a backup that is not there, with those that may have been meant.
pub(super) fn missing(service: &Service, from: &From, known: &[&Entry], asked: &Scope) -> Error {
    let holds = if known.iter().all(|entry| entry.scope().covers(asked)) {
        String::new()
    } else {
        format!(" and holds {}", asked.words())
    };
    let what = match from {
        From::Newest | From::Path(_) => format!("there is no backup of `{service}` that counts{holds}"),
        From::Id(run, service) => format!("there is no backup `{run}.{service}`"),
        From::Day(day) => format!("there is no backup of `{service}` that was made on {day}{holds}"),
        From::Time(time) => format!(
            "there is no backup of `{service}` that was made until {}{holds}",
            time.format("%Y-%m-%d %H:%M:%S")
        ),
    };
    let error = Error::new(ExitCode::NOTHING, what);
    if known.is_empty() {
        return error.hint("`--from FOLDER` takes one that this host does not know.");
    }
    error.hint(nearest(from, known, asked))
}

/// Returns the error for a request that only backups cover whose drills have failed: which is the newest of them, why, and how it is taken
/// all the same.
pub(super) fn set_back_only(newest: &Entry, known: &[&Entry], asked: &Scope) -> Error {
    let id = newest.id();
    let what = format!(
        "the newest whole backup of `{}` that holds {} is `{id}`, made {}, and {}",
        newest.service,
        asked.words(),
        local(newest.time).format("%Y-%m-%d %H:%M"),
        newest.failure_of_drill().unwrap_or_default()
    );
    let others: Vec<&Entry> = known.iter().copied().filter(|entry| entry.id() != id).collect();
    let error = Error::new(ExitCode::NOTHING, what).hint(format!(
        "`--from {id}` takes it all the same; `batt drill {}` tries it again.",
        newest.service
    ));
    if others.is_empty() {
        return error;
    }
    error.hint(nearest(&From::Newest, &others, asked))
}

/// Returns what may have been meant, in a sentence.
fn nearest(from: &From, known: &[&Entry], asked: &Scope) -> String {
    const NEAREST: usize = 3;
    let mut nearest: Vec<&Entry> = known.to_vec();
    let wanted = match from {
        From::Day(day) => day.and_hms_opt(12, 0, 0),
        From::Time(time) => Some(*time),
        _ => None,
    };
    match wanted {
        Some(wanted) => nearest.sort_by_key(|entry| (local(entry.time) - wanted).abs()),
        // What holds all of it first, whatever it is worth.
        None => nearest.sort_by_key(|entry| std::cmp::Reverse((entry.scope().covers(asked), entry.time))),
    }
    let shown: Vec<String> = nearest
        .iter()
        .take(NEAREST)
        .map(|entry| {
            let time = local(entry.time).format("%Y-%m-%d %H:%M");
            let worth = if entry.counts() {
                String::new()
            } else {
                format!(", {}", entry.shortcoming())
            };
            format!(
                "`--from {}` ({}, {time}{worth})",
                entry.id(),
                entry.scope().words()
            )
        })
        .collect();
    format!("The nearest: {}.", shown.join("; "))
}
