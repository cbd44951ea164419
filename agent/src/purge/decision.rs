//! Which backups go, and why: a function of what is there, the rules and the time, and of nothing else.
//!
//! - A group is what a service instance backed up of one selection of items; all that keep the promise of the service are one
//!   group. Rules are counted within a group.
//! - Only backups that count fill the slots of rules: whole, verified, complete, as expected or accepted, and with no
//!   rehearsed restore that failed since.
//! - What does not count goes only when a newer one that counts covers it and no rule of age holds it. A suspicious one
//!   that a person could still accept stays for thirty days where no rule of age says otherwise.
//! - What the floor of retention holds stays, whatever the rules say.
//! - Never removed, whatever the numbers: the last verified and the last proven one of each selection of items, so also the last
//!   one of everything where the promise became less; what is pinned, what belongs to a run that goes on, to another host, or to
//!   the future.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use batt_protocol::{BackupState, Service};
use chrono::{DateTime, Datelike, FixedOffset, Timelike, Utc};

use crate::backup::Entry;
use crate::retention::{Floor, Period, Rules};
use crate::scope::Scope;

/// How far a backup may be dated ahead of the clock before that is taken for a wrong clock.
pub(crate) const AHEAD: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// How long a suspicious backup waits for a person when no rule names an age.
const UNDECIDED: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// A backup that is there, with what is known beside its entry.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a Entry,
    /// What it stands for among the backups of its service: their promise when it keeps that.
    pub(crate) group: Scope,
    /// A person pinned it.
    pub(crate) pinned: bool,
    /// Its run has not ended.
    pub(crate) running: bool,
    /// Its manifest names this host.
    pub(crate) ours: bool,
}

/// What becomes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It stays, for these reasons; there is at least one.
    Kept(Vec<Keep>),
    /// It goes.
    Removed(Removal),
}

/// Why a backup stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A person pinned it.
    Pinned,
    /// Its run has not ended.
    Running,
    /// It belongs to another host.
    OtherHost,
    /// It is dated ahead of the clock.
    Ahead,
    /// It is the newest of its group that counts.
    LastVerified,
    /// It is the newest of its group whose rehearsed restore was proven.
    LastDrilled,
    /// The floor of retention, which no rule goes below.
    Floor,
    /// `keep_last`.
    Last,
    /// It is the newest of a period; its name, as `2026-01-31`.
    Newest(Period, String),
    /// `keep_within`.
    Within,
    /// It is younger than `max_days`.
    Young,
    /// It does not count, and no newer one that does covers it.
    NotOutlived,
    /// It is suspicious, and a person may still accept it.
    Undecided,
}

/// Why a backup goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is older than `max_days`.
    TooOld(u32),
    /// No rule keeps it.
    NoRule,
    /// It does not count, for this reason, and the named one does and covers it.
    Outlived(&'static str, String),
}

impl Keep {
    /// Returns the rule or the word for it that a list has room for.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Running => "running",
            Self::OtherHost => "other-host",
            Self::Ahead => "ahead",
            Self::LastVerified => "last-verified",
            Self::LastDrilled => "last-drilled",
            Self::Floor => "floor",
            Self::Last => "keep_last",
            Self::Newest(period, _) => period.rule(),
            Self::Within => "keep_within",
            Self::Young => "max_days",
            Self::NotOutlived => "not-outlived",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("pinned"),
            Self::Running => f.write_str("its run goes on"),
            Self::OtherHost => f.write_str("a backup of another host"),
            Self::Ahead => f.write_str("dated ahead of the clock"),
            Self::LastVerified => f.write_str("the last verified one"),
            Self::LastDrilled => f.write_str("the last proven one"),
            Self::Newest(period, name) => write!(f, "{} ({name})", period.rule()),
            Self::Young => f.write_str("younger than `max_days`"),
            Self::Floor => f.write_str("the floor of retention"),
            Self::NotOutlived => f.write_str("no newer good one covers it"),
            Self::Undecided => f.write_str("suspicious, and may still be accepted"),
            Self::Last | Self::Within => f.write_str(self.word()),
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld(days) => write!(f, "older than `max_days`, {days}"),
            Self::NoRule => f.write_str("no rule keeps it"),
            Self::Outlived(why, by) => write!(f, "{why}, and `{by}` covers it"),
        }
    }
}

/// Decides on every candidate; the decisions stand in the order of the candidates.
///
/// `floor` holds whatever the rules say. `zone` tells the offset of local time, in which periods begin and end, where a backup has not recorded its own.
pub(crate) fn decide(
    candidates: &[Candidate<'_>],
    rules: &Rules,
    floor: &Floor,
    now: DateTime<Utc>,
    zone: &dyn Fn(DateTime<Utc>) -> FixedOffset,
) -> Vec<Decision> {
    let mut keeps: Vec<Vec<Keep>> = candidates.iter().map(|_| Vec::new()).collect();
    let mut removals: Vec<Removal> = candidates.iter().map(|_| Removal::NoRule).collect();
    // By what they stand for, and by what was asked for: the same where nothing was promised.
    let (mut groups, mut selections) = (Members::new(), Members::new());
    for (index, candidate) in candidates.iter().enumerate() {
        let entry = candidate.entry;
        let always = [
            (candidate.pinned, Keep::Pinned),
            (candidate.running, Keep::Running),
            (!candidate.ours, Keep::OtherHost),
            (entry.time > now + AHEAD, Keep::Ahead),
        ];
        let reasons = always.into_iter().filter(|(holds, _)| *holds);
        keeps[index].extend(reasons.map(|(_, keep)| keep));
        if candidate.ours && entry.time <= now + AHEAD {
            let group = (&entry.service, candidate.group.clone());
            groups.entry(group).or_default().push((index, entry));
            let selection = (&entry.service, entry.scope());
            selections.entry(selection).or_default().push((index, entry));
        }
    }
    for members in groups.values_mut().chain(selections.values_mut()) {
        members.sort_by_key(|(_, entry)| std::cmp::Reverse((entry.time, &entry.run)));
    }
    let of_rules = |newest: Option<&Entry>| Group {
        rules,
        floor,
        now,
        newest: newest.map(|entry| entry.time),
    };
    for members in selections.values() {
        protect(members, &mut keeps);
    }
    for members in groups.values() {
        of_rules(newest_of(members)).apply(members, zone, &mut keeps, &mut removals);
    }
    // The newest that counts of each selection: it stays in any case, so what it outlives may go.
    let newest: Vec<_> = selections
        .iter()
        .filter_map(|(key, members)| Some((key, newest_of(members)?)))
        .collect();
    for ((service, scope), members) in &selections {
        let outliving = newest
            .iter()
            .filter(|((other, held), _)| other == service && held.covers(scope))
            .map(|(_, newest)| *newest)
            .max_by_key(|newest| (newest.time, &newest.run));
        for (index, entry) in members.iter().filter(|(_, entry)| !entry.counts()) {
            match outliving.filter(|newest| newest.time > entry.time) {
                None => keeps[*index].push(Keep::NotOutlived),
                Some(by) => {
                    keeps[*index].extend(of_rules(Some(by)).held_by_age(entry, by.time));
                    removals[*index] = Removal::Outlived(entry.shortcoming(), by.id());
                }
            }
        }
    }
    keeps
        .into_iter()
        .zip(removals)
        .map(|(keeps, removal)| {
            if keeps.is_empty() {
                Decision::Removed(removal)
            } else {
                Decision::Kept(keeps)
            }
        })
        .collect()
}

/// Backups that are judged by each other, with their places among the candidates: newest first, of a service and a scope.
type Members<'a> = BTreeMap<(&'a Service, Scope), Vec<(usize, &'a Entry)>>;

/// Returns the newest that counts.
fn newest_of<'a>(members: &[(usize, &'a Entry)]) -> Option<&'a Entry> {
    let mut entries = members.iter().map(|(_, entry)| *entry);
    entries.find(|entry| entry.counts())
}

/// Keeps the last verified and the last proven one of a group. A newer one whose rehearsal failed takes nothing from
/// the one before it, and one that was proven and does not count any more nothing from one that does.
fn protect(entries: &[(usize, &Entry)], keeps: &mut [Vec<Keep>]) {
    let proven = |entry: &Entry| entry.drill.as_ref().is_some_and(|drill| drill.verdict.is_good());
    let mut first = |holds: &dyn Fn(&Entry) -> bool, keep: Keep| {
        let found = entries.iter().find(|(_, entry)| holds(entry));
        if let Some((index, _)) = found
            && !keeps[*index].contains(&keep)
        {
            keeps[*index].push(keep);
        }
    };
    first(&Entry::can_be_drilled, Keep::LastVerified);
    first(&Entry::counts, Keep::LastVerified);
    first(&proven, Keep::LastDrilled);
    first(&|entry| proven(entry) && entry.counts(), Keep::LastDrilled);
}

/// The rules, as they hold for one group.
struct Group<'a> {
    rules: &'a Rules,
    floor: &'a Floor,
    now: DateTime<Utc>,
    /// The time of its newest backup that counts.
    newest: Option<DateTime<Utc>>,
}

impl Group<'_> {
    /// Applies the rules to what counts, the newest first.
    fn apply(
        &self,
        entries: &[(usize, &Entry)],
        zone: &dyn Fn(DateTime<Utc>) -> FixedOffset,
        keeps: &mut [Vec<Keep>],
        removals: &mut [Removal],
    ) {
        let mut seen: BTreeMap<Period, BTreeSet<String>> = BTreeMap::new();
        let counting = entries.iter().filter(|(_, entry)| entry.counts());
        for (place, (index, entry)) in counting.enumerate() {
            let of_floor = (place as u64) < u64::from(self.floor.keep_last)
                || (self.newest).is_some_and(|newest| is_within(self.floor.keep_within, entry, newest));
            if of_floor {
                keeps[*index].push(Keep::Floor);
            }
            let mut kept = Vec::new();
            if (place as u64) < u64::from(self.rules.keep_last.unwrap_or(0)) {
                kept.push(Keep::Last);
            }
            for period in Period::ALL {
                let name = name_of(period, local_time(entry, zone));
                let names = seen.entry(period).or_default();
                let has_room = (names.len() as u64) < u64::from(self.rules.of(period).unwrap_or(0));
                if has_room && names.insert(name.clone()) {
                    kept.push(Keep::Newest(period, shown(period, &name)));
                }
            }
            if self.newest.is_some_and(|newest| self.is_within(entry, newest)) {
                kept.push(Keep::Within);
            }
            let young = self.is_young(entry);
            if !self.rules.has_keep() && young == Some(true) {
                kept.push(Keep::Young);
            }
            if let (Some(false), Some(days)) = (young, self.rules.max_days) {
                removals[*index] = Removal::TooOld(days);
            } else {
                keeps[*index].extend(kept);
            }
        }
    }

    /// Tells whether an entry is younger than `max_days`; none without that rule.
    fn is_young(&self, entry: &Entry) -> Option<bool> {
        let most = chrono::TimeDelta::days(i64::from(self.rules.max_days?));
        Some(self.now - entry.time < most)
    }

    /// Tells whether `keep_within` holds an entry. It is counted from the newest one that counts, and not from now: a
    /// month in which nothing succeeded takes nothing away.
    fn is_within(&self, entry: &Entry, newest: DateTime<Utc>) -> bool {
        is_within(self.rules.keep_within.unwrap_or_default(), entry, newest)
    }

    /// Returns what holds an entry that does not count, though one of the time `by` outlived it.
    fn held_by_age(&self, entry: &Entry, by: DateTime<Utc>) -> Option<Keep> {
        if self.is_young(entry) == Some(true) {
            return Some(Keep::Young);
        }
        if self.is_within(entry, by) {
            return Some(Keep::Within);
        }
        let named_age = self.rules.max_days.is_some() || self.rules.keep_within.is_some();
        let undecided = entry.state == BackupState::Suspicious
            && entry.accepted.is_none()
            && !named_age
            && self.now - entry.time < UNDECIDED;
        undecided.then_some(Keep::Undecided)
    }
}

fn is_within(within: std::time::Duration, entry: &Entry, newest: DateTime<Utc>) -> bool {
    // What no clock can count to holds everything.
    !within.is_zero()
        && chrono::TimeDelta::from_std(within).map_or(true, |within| newest - entry.time <= within)
}

fn local_time(entry: &Entry, zone: &dyn Fn(DateTime<Utc>) -> FixedOffset) -> DateTime<FixedOffset> {
    let recorded = entry.utc_offset().and_then(FixedOffset::east_opt);
    entry
        .time
        .with_timezone(&recorded.unwrap_or_else(|| zone(entry.time)))
}

/// Names the period that a local time lies in; the same period has the same name, and another one another.
fn name_of(period: Period, time: DateTime<FixedOffset>) -> String {
    match period {
        // With the offset: the hour that comes twice in a night of autumn is two hours.
        Period::Hour => format!("{} {:02}:00{}", time.date_naive(), time.hour(), time.offset()),
        Period::Day => time.date_naive().to_string(),
        Period::Week => {
            let week = time.iso_week();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Period::Month => format!("{:04}-{:02}", time.year(), time.month()),
        Period::Year => format!("{:04}", time.year()),
    }
}

fn shown(period: Period, name: &str) -> String {
    match period {
        Period::Hour => name.get(..16).unwrap_or(name).to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
