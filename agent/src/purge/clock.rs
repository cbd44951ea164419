//! Whether the clock can be believed: a purge by a wrong clock removes what nobody wanted to lose.
//!
//! Runs and purges remember the time, the boot and how long that boot had lasted. A clock that does not go on from there
//! is said to have jumped, and nothing is remembered of it until a person says that it is right.

use std::collections::BTreeSet;
use std::path::Path;

use batt_protocol::{Error, ExitCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::home::Home;

/// What the clock may differ from itself within one boot, as when a wrong one is set right after the start.
const WITHIN_A_BOOT: TimeDelta = TimeDelta::days(1);
/// What may lie between two boots.
const ACROSS_BOOTS: TimeDelta = TimeDelta::days(365);
/// How far it may go back: corrections of NTP.
const BACK: TimeDelta = TimeDelta::minutes(5);
/// The longest file that is read.
const LIMIT: u64 = 16 << 20;

/// The clocks of this machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The time of day.
    pub(crate) now: DateTime<Utc>,
    /// The id of the boot.
    boot: String,
    /// Milliseconds since that boot, those asleep included.
    since_boot: i64,
}

impl Clock {
    /// Reads the clocks.
    pub(crate) fn read() -> Self {
        let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let boot = files::read_text(Path::new("/proc/sys/kernel/random/boot_id"), 128);
        Self {
            now: Utc::now(),
            boot: boot.ok().flatten().unwrap_or_default().trim().to_owned(),
            since_boot: since
                .tv_sec
                .saturating_mul(1_000)
                .saturating_add(since.tv_nsec / 1_000_000),
        }
    }
}

/// What `var/clock.json` remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The last time that was believed.
    time: DateTime<Utc>,
    /// The boot that it was in.
    boot: String,
    /// Milliseconds from that boot to then.
    since_boot: i64,
    /// Backups from the future that a person knows of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ahead: BTreeSet<String>,
}

/// Refuses a clock that jumped since it was last believed.
///
/// # Errors
/// The jump, with what to do about it (2).
pub(crate) fn require_steady(home: &Home, clock: &Clock) -> Result<(), Error> {
    match memory(home).and_then(|memory| jump(&memory, clock)) {
        None => Ok(()),
        Some(what) => Err(
            Error::new(ExitCode::FAILED, format!("{what}, so nothing is purged by it"))
                .hint("`date` shows the clock. When it is right, say so: `batt purge --clock-is-right`."),
        ),
    }
}

/// Returns in words how the clock jumped, if it did.
fn jump(memory: &Memory, clock: &Clock) -> Option<String> {
    let shown = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC").to_string();
    if clock.now < memory.time - BACK {
        return Some(format!(
            "the clock says {}, and said {} before",
            shown(clock.now),
            shown(memory.time)
        ));
    }
    let passed = clock.now - memory.time;
    if memory.boot == clock.boot && !clock.boot.is_empty() {
        let lasted = TimeDelta::milliseconds(clock.since_boot.saturating_sub(memory.since_boot));
        let jumped = passed - lasted;
        return (jumped.abs() > WITHIN_A_BOOT).then(|| {
            format!(
                "the clock jumped {} hours while the machine ran on",
                jumped.num_hours()
            )
        });
    }
    (passed > ACROSS_BOOTS).then(|| {
        format!(
            "the clock says {}, more than a year after {} when it was last seen",
            shown(clock.now),
            shown(memory.time)
        )
    })
}

/// Remembers the clock, unless it jumped: then the memory of what it was before stays.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember_clock(home: &Home, clock: &Clock) -> Result<(), Error> {
    let before = memory(home);
    if before
        .as_ref()
        .is_some_and(|memory| jump(memory, clock).is_some())
    {
        return Ok(());
    }
    // Corrections of NTP never take back what was seen.
    let seen = before
        .as_ref()
        .map_or(clock.now, |memory| memory.time.max(clock.now));
    let ahead = before.map(|memory| memory.ahead).unwrap_or_default();
    write(home, clock, seen, ahead)
}

/// Believes the clock, because a person says so, and these backups from the future to be none of its faults.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn believe(home: &Home, clock: &Clock, ahead: BTreeSet<String>) -> Result<(), Error> {
    write(home, clock, clock.now, ahead)
}

/// Returns the backups from the future that a person knows of.
pub(crate) fn known_ahead(home: &Home) -> BTreeSet<String> {
    memory(home).map(|memory| memory.ahead).unwrap_or_default()
}

fn write(home: &Home, clock: &Clock, time: DateTime<Utc>, ahead: BTreeSet<String>) -> Result<(), Error> {
    let memory = Memory {
        time,
        boot: clock.boot.clone(),
        since_boot: clock.since_boot,
        ahead,
    };
    let text = serde_json::to_vec(&memory)
        .map_err(|cause| Error::system("cannot write the memory of the clock", cause))?;
    files::make_private_folder(&home.var())?;
    // Each run writes it, and one that a power cut took is missed by nobody for long.
    files::replace_unsynced(&home.clock(), &text, 0o600)
}

/// A memory that cannot be read is none: the backups' own times are still held against the clock.
fn memory(home: &Home) -> Option<Memory> {
    let text = files::read_bytes(&home.clock(), LIMIT).ok().flatten()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str, boot: &str, since_boot_hours: i64) -> Clock {
        Clock {
            now: now.parse().unwrap(),
            boot: boot.to_owned(),
            since_boot: since_boot_hours * 3_600_000,
        }
    }

    #[test]
    fn a_clock_that_goes_on_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        require_steady(&home, &clock("1970-01-01T00:00:00Z", "a", 0)).unwrap();
        for steady in [
            clock("2026-01-31T02:30:00Z", "a", 10),
            clock("2026-02-03T02:30:00Z", "a", 82),
            // Set right by some hours, and by seconds back.
            clock("2026-02-03T14:30:00Z", "a", 83),
            clock("2026-02-03T14:29:50Z", "a", 83),
            clock("2026-12-31T02:30:00Z", "b", 0),
        ] {
            require_steady(&home, &steady).unwrap();
            remember_clock(&home, &steady).unwrap();
        }
    }

    #[test]
    fn a_clock_that_jumped_is_told_until_a_person_says_that_it_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        remember_clock(&home, &clock("2026-01-31T02:30:00Z", "a", 10)).unwrap();
        for (jumped, words) in [
            (clock("2026-02-10T02:30:00Z", "a", 11), "jumped 239 hours"),
            (clock("2026-01-31T02:30:00Z", "a", 50), "jumped -40 hours"),
            (
                clock("2026-01-31T02:20:00Z", "b", 1),
                "said 2026-01-31 02:30 UTC before",
            ),
            (clock("1970-01-01T00:01:00Z", "b", 1), "the clock says 1970-01-01"),
            (clock("2036-01-01T00:01:00Z", "b", 1), "more than a year"),
        ] {
            let error = require_steady(&home, &jumped).unwrap_err();
            assert_eq!(error.exit(), ExitCode::FAILED);
            assert!(error.message().contains(words), "{error}");
            assert!(error.hints()[0].contains("--clock-is-right"), "{error}");
            // Whoever runs by it does not make it right.
            remember_clock(&home, &jumped).unwrap();
            require_steady(&home, &jumped).unwrap_err();
        }
        let right = clock("2036-01-01T00:01:00Z", "b", 1);
        believe(&home, &right, BTreeSet::from(["x".to_owned()])).unwrap();
        require_steady(&home, &right).unwrap();
        remember_clock(&home, &right).unwrap();
        assert!(known_ahead(&home).contains("x"));
    }

    #[test]
    fn a_memory_that_is_broken_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let now = clock("2026-01-31T02:30:00Z", "a", 10);
        remember_clock(&home, &now).unwrap();
        std::fs::write(home.clock(), "nonsense").unwrap();
        require_steady(&home, &now).unwrap();
        remember_clock(&home, &now).unwrap();
        assert!(memory(&home).is_some());
    }
}
