//! Holding a backup against the last good ones: what a script cannot know, and an exit code never tells.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use batt_protocol::text::{count, quoted};
use batt_protocol::{BackupState, HumanBytes};
use chrono::{DateTime, Utc};

use super::bounds::Shortcomings;
use super::proven::named;
use crate::backup::{ArchiveRecord, Manifest};
use crate::fact::DEFINITION;
use crate::settings::Gates;
use history::History;
pub(super) use history::REMEMBERED;

/// The most emptied tables that are named one by one.
const MOST_TABLES: usize = 10;

/// Kinds of content that count what there is in something.
const COUNTS: [&str; 4] = ["rows", "keys", "members", "large-objects"];
/// Of these, what is not said when there is none: a database of Redis without keys is not in its dump.
const UNSAID_WHEN_EMPTY: [&str; 2] = ["keys", "large-objects"];
/// Kinds of content that are figures, and not objects that may be lost.
const FIGURES: [&str; 7] = [
    "auto-increment",
    "bytes",
    "functions",
    "keys",
    "large-objects",
    "members",
    "next-value",
];
/// With what kinds begin that are checksums, which come and go with settings and with the size of tables: of whole tables (`checksum`) or of a part (`checksum-1-of-8`).
const CHECKSUM: &str = "checksum";

/// The fact that tells one server from another.
const IDENTITY: &str = "server.identity";

/// What a comparison with the last good backup found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comparison {
    /// What differs so much that a person has to look, with the numbers and the key of batt.toml that says so.
    suspicions: Vec<String>,
    /// What a person should know.
    warnings: Vec<String>,
    /// Since when nothing has changed, when nothing has.
    unchanged_since: Option<DateTime<Utc>>,
}

/// Holds a backup against the last good one of the same service and items, and writes what was found into its manifest. Where something is
/// suspicious, `earlier` returns those before the last one, newest first: what has been so before is usual.
/// Returns why it is suspicious, with what to do.
pub(super) fn apply(
    now: &mut Manifest,
    last: Manifest,
    earlier: impl FnOnce() -> Vec<Manifest>,
    gates: &Gates,
) -> Option<String> {
    let mut backups = vec![last];
    let mut found = compare(now, &backups, gates);
    if !found.suspicions.is_empty() {
        backups.extend(earlier());
        found = compare(now, &backups, gates);
    }
    now.unchanged_since = found.unchanged_since;
    now.warnings.extend(found.warnings);
    if found.suspicions.is_empty() {
        return None;
    }
    now.state = BackupState::Suspicious;
    let mut shortcomings = Shortcomings::default();
    found.suspicions.iter().for_each(|text| shortcomings.add(text));
    now.shortcomings = shortcomings.told();
    Some(format!(
        "{}\nhint: It was compared with `{}`. `batt accept {}` takes it as the new normal.",
        now.shortcomings.join("\n"),
        backups.first().map(Manifest::id).unwrap_or_default(),
        now.id()
    ))
}

/// Compares a backup with the first of the last good ones; the others tell what is usual.
fn compare(now: &Manifest, backups: &[Manifest], gates: &Gates) -> Comparison {
    let mut found = Comparison::default();
    let Some(last) = backups.first() else {
        return found;
    };
    let history = History::of(backups);
    found.suspicions.extend(another_server(now, last, history));
    found.suspicions.extend(shrunk(now, last, history, gates));
    archives(now, last, gates, &mut found);
    found.suspicions.extend(lost(now, last, gates));
    found.suspicions.extend(fallen(now, last, history, gates));
    unchanged(now, last, gates, &mut found);
    found
}

/// Tells that a backup is of a server that none of the last good ones is of: of a copy, or of one that was made anew and has nothing in it yet.
fn another_server(now: &Manifest, last: &Manifest, history: History<'_>) -> Option<String> {
    let (is, was) = (now.facts.get(IDENTITY)?, last.facts.get(IDENTITY)?);
    (!history.knows(IDENTITY, is)).then(|| {
        format!(
            "it is of another server than the last good ones: {}, and that was {}",
            quoted(is),
            quoted(was)
        )
    })
}

/// Returns what a backup holds, but for these archives.
fn raw_bytes(manifest: &Manifest, but_for: &BTreeSet<&str>) -> u64 {
    let counted = manifest
        .archives
        .iter()
        .filter(|archive| !but_for.contains(whose(archive)));
    counted.fold(0, |sum, archive| sum.saturating_add(archive.raw_bytes))
}

/// Returns the archives of another kind than the last one of that name: one format may be compressed in itself and the other not, so that their
/// sizes say nothing.
fn of_another_kind<'a>(now: &'a Manifest, last: &Manifest) -> BTreeSet<&'a str> {
    let kinds: BTreeMap<&str, _> = last
        .archives
        .iter()
        .map(|archive| (whose(archive), archive.check))
        .collect();
    let names = now.archives.iter().filter(|archive| {
        kinds
            .get(whose(archive))
            .is_some_and(|kind| *kind != archive.check)
    });
    names.map(whose).collect()
}

fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))) as u64
}

fn shrunk(now: &Manifest, last: &Manifest, history: History<'_>, gates: &Gates) -> Option<String> {
    let but_for = of_another_kind(now, last);
    let held = |manifest: &Manifest| raw_bytes(manifest, &but_for);
    let (is, was) = (held(now), held(last));
    let (gone, most) = (was.saturating_sub(is), gates.max_shrink(was));
    (most.is_exceeded_by(gone, was) && !history.has_fallen(is, most, held)).then(|| {
        format!(
            "it holds {} decompressed, and the last good one held {}: {}% less, and `max_shrink` is {most}",
            HumanBytes(is),
            HumanBytes(was),
            percent(gone, was)
        )
    })
}

/// Compares which archives there are. Only those that `batt store` named: scripts of old put dates into names of files.
fn archives(now: &Manifest, last: &Manifest, gates: &Gates, found: &mut Comparison) {
    // Where items were named, a script that leaves one out fails by itself.
    if !now.items.is_empty() {
        return;
    }
    let names = |manifest: &Manifest| -> BTreeSet<String> {
        let names = manifest
            .archives
            .iter()
            .filter_map(|archive| archive.name.clone());
        names.collect()
    };
    let (is, was) = (names(now), names(last));
    let gone: Vec<String> = was.difference(&is).cloned().collect();
    if gone.is_empty() {
        return;
    }
    let (lost, most) = (was.len().saturating_sub(is.len()), gates.max_lost());
    if most.is_exceeded_by(lost as u64, was.len() as u64) {
        found.suspicions.push(format!(
            "it holds {} of `batt store`, and the last good one held {}, and `max_lost` is {most}: gone are {}",
            count(is.len(), "archive"),
            was.len(),
            named(&gone)
        ));
    } else {
        found.warnings.push(format!(
            "of the archives of the last good backup it does not hold {}",
            named(&gone)
        ));
    }
}

/// The objects of one kind in one archive, `table` of `table.users`.
#[derive(Debug, Default)]
struct Objects<'a> {
    names: BTreeSet<&'a str>,
    /// How many there are, where a script counts them because they are too many to name: `count.table`.
    counted: u64,
}

impl Objects<'_> {
    fn number(&self) -> u64 {
        self.counted.max(self.names.len() as u64)
    }
}

/// Returns all objects, by kind and archive. What is in an archive that is gone is gone with it.
fn objects(manifest: &Manifest) -> BTreeMap<&str, BTreeMap<&str, Objects<'_>>> {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, Objects<'_>>> = BTreeMap::new();
    for archive in &manifest.archives {
        for (key, value) in &archive.content {
            let Some((kind, name)) = key.split_once('.') else {
                continue;
            };
            if kind == "count" {
                let of_kind = kinds.entry(name).or_default();
                of_kind.entry(whose(archive)).or_default().counted = value.parse().unwrap_or(0);
            } else if !FIGURES.contains(&kind) && !kind.starts_with(DEFINITION) && !kind.starts_with(CHECKSUM)
            {
                let of_kind = kinds.entry(kind).or_default();
                of_kind.entry(whose(archive)).or_default().names.insert(name);
            }
        }
    }
    kinds
}

fn whose(archive: &ArchiveRecord) -> &str {
    archive.name.as_deref().unwrap_or(&archive.file)
}

fn lost(now: &Manifest, last: &Manifest, gates: &Gates) -> Vec<String> {
    let (all, none) = (objects(now), Objects::default());
    let most = gates.max_lost();
    let mut told = Vec::new();
    for (kind, was) in objects(last) {
        let (mut number, mut lost, mut gone, mut of_one) = (0, 0, Vec::new(), Vec::new());
        for (archive, was) in was {
            let before = lost;
            let is = all.get(kind).and_then(|is| is.get(archive)).unwrap_or(&none);
            number += was.number();
            if was.counted.max(is.counted) > 0 {
                lost += was.number().saturating_sub(is.number());
            } else {
                let names = was.names.difference(&is.names);
                let known = gone.len();
                gone.extend(names.map(|name| format!("{archive}: {kind}.{name}")));
                lost += (gone.len() - known) as u64;
            }
            // A small database among large ones.
            if kind == "table" && most.is_exceeded_by(lost - before, was.number()) {
                of_one.push(format!(
                    "{} of {} recorded as `{kind}` of {} are gone since the last good one, and `max_lost` is {most}",
                    lost - before,
                    was.number(),
                    quoted(archive)
                ));
            }
        }
        if most.is_exceeded_by(lost, number) {
            let names = if gone.is_empty() {
                String::new()
            } else {
                format!(": {}", named(&gone))
            };
            told.push(format!(
                "{lost} of {number} recorded as `{kind}` are gone since the last good one, and `max_lost` is {most}{names}"
            ));
        } else {
            told.extend(of_one);
        }
    }
    told
}

/// Finds what had many and has none, or lost most of them: rows of a table, keys of a database, files of a folder.
fn fallen(now: &Manifest, last: &Manifest, history: History<'_>, gates: &Gates) -> Vec<String> {
    let (least, most) = (gates.emptied_rows(), gates.max_fall());
    let mut told = Vec::new();
    let mut others = 0;
    for archive in &now.archives {
        let Some(earlier) = last.archives.iter().find(|earlier| earlier.file == archive.file) else {
            continue;
        };
        for key in earlier.content.keys() {
            let (Some(is), Some(was)) = (number(archive, key), number(earlier, key)) else {
                continue;
            };
            let gone = was.saturating_sub(is);
            if was < least || is > 0 && !most.is_exceeded_by(gone, was) {
                continue;
            }
            let earlier_numbers = |archive: &ArchiveRecord| number(archive, key);
            if history.has_fallen_in(&archive.file, is, most, least, earlier_numbers) {
                continue;
            }
            if told.len() == MOST_TABLES {
                others += 1;
                continue;
            }
            let limit = if is == 0 {
                format!(": `emptied_rows` is {least}")
            } else {
                format!(": {}% less, and `max_shrink` is {most}", percent(gone, was))
            };
            told.push(format!(
                "{} of {} is {is}, and was {was} in the last good one{limit}",
                quoted(key),
                quoted(whose(archive))
            ));
        }
    }
    if others > 0 {
        told.push(format!("{others} more have lost as much"));
    }
    told
}

/// Returns how many there are of what a key counts, where it counts something and that is known.
fn number(archive: &ArchiveRecord, key: &str) -> Option<u64> {
    let kind = key.split('.').next().unwrap_or_default();
    if !COUNTS.contains(&kind) {
        return None;
    }
    match archive.content.get(key) {
        Some(number) => number.parse().ok(),
        None => UNSAID_WHEN_EMPTY.contains(&kind).then_some(0),
    }
}

/// Returns of each archive what tells whether it has changed.
fn looks(manifest: &Manifest) -> BTreeMap<&str, (u64, &BTreeMap<String, String>)> {
    manifest
        .archives
        .iter()
        .map(|archive| (archive.file.as_str(), (archive.raw_bytes, &archive.content)))
        .collect()
}

fn unchanged(now: &Manifest, last: &Manifest, gates: &Gates, found: &mut Comparison) {
    if looks(now) != looks(last) {
        return;
    }
    let since = last.unchanged_since.unwrap_or(last.started);
    found.unchanged_since = Some(since);
    let age = (now.started - since).to_std().unwrap_or_default();
    if let Some(most) = gates.max_unchanged.filter(|most| age >= *most) {
        found.warnings.push(format!(
            "neither the content nor the size of its archives has changed since {} (UTC): `max_unchanged` is {} seconds",
            since.format("%Y-%m-%d %H:%M"),
            most.as_secs()
        ));
    }
}

#[cfg(test)]
mod tests;
