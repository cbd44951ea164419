//! Retention within a run: after a backup that is good, and before one that there is no room for.

use std::sync::atomic::Ordering;

use batt_protocol::text::count;
use batt_protocol::{Error, EventKind, Stage};

use super::plan::PlannedService;
use super::service::Surroundings;
use crate::lock::Lock;
use crate::purge::{Totals, Watch, purge_in_run};

/// Removes what the rules of a service allow to go, and tells of it. What cannot be removed is returned as warnings of
/// the service, and ends the run with 1 when all else is good: a disk that fills up unseen is no way to keep backups.
pub(super) fn purge(around: &Surroundings<'_>, planned: &PlannedService, held: &Lock) -> Vec<String> {
    let Some(rules) = planned
        .settings
        .retention
        .as_ref()
        .filter(|rules| !rules.is_empty())
    else {
        return Vec::new();
    };
    let mut watch = Watch {
        cancellation: around.cancellation,
        begins: &mut |entry| {
            around.events.emit(EventKind::ServiceProgressed {
                service: planned.service.clone(),
                stage: Stage::Verifying,
                bytes: 0,
                expected_bytes: Some(entry.bytes),
            });
        },
    };
    let warnings = match purge_in_run(around.home, held, &planned.service, rules, &mut watch) {
        Ok((judgements, damaged)) => {
            let totals = Totals::of(&judgements);
            around.events.emit(EventKind::ServicePurged {
                service: planned.service.clone(),
                kept: totals.kept,
                removed: totals.removed,
                bytes: totals.bytes,
            });
            let failures: Vec<&Error> = (judgements.iter())
                .filter_map(|judgement| judgement.failure.as_ref())
                .collect();
            let failed = failures.first().map(|first| {
                let failed = count(failures.len(), "earlier backup");
                format!("{failed} could not be purged: {first}")
            });
            damaged.iter().map(ToString::to_string).chain(failed).collect()
        }
        Err(error) => vec![format!("earlier backups could not be purged: {error}")],
    };
    if !warnings.is_empty() {
        around.purge_failed.store(true, Ordering::Relaxed);
    }
    warnings
}

/// Removes what the rules of a service allow to go because the next backup has no room.
///
/// # Errors
/// That there was no room, with what kept earlier backups from going, when nothing could be done about it.
pub(super) fn make_room(
    around: &Surroundings<'_>,
    planned: &PlannedService,
    held: &Lock,
    no_room: Error,
) -> Result<(), Error> {
    let ruled = (planned.settings.retention.as_ref()).is_some_and(|rules| !rules.is_empty());
    if no_room.exit() != batt_protocol::ExitCode::FAILED || !ruled {
        return Err(no_room);
    }
    let warnings = purge(around, planned, held);
    if warnings.is_empty() {
        return Ok(());
    }
    Err(warnings.into_iter().fold(no_room, Error::hint))
}
