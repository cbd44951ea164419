//! Whether what is there after a restore is what was recorded when the backup was made: fact by fact, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use batt_protocol::text::quoted;
use serde::Serialize;

use crate::backup::{ArchiveRecord, Manifest};
use crate::fact::{COUNTERS, DEFINITION};
use crate::ledger::Ledger;
use crate::log::Mask;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// The archives that were restored, in the order of the manifest.
    pub(crate) archives: Vec<Compared>,
    /// Facts that were told of what was not to be restored.
    pub(crate) strangers: Vec<String>,
}

/// What a comparison found of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Compared {
    /// The name that it was stored under.
    pub(crate) name: String,
    /// How many recorded facts were compared.
    pub(crate) compared: usize,
    /// What is not as it was.
    pub(crate) differences: Vec<String>,
}

/// One fact that is not as it was.
#[derive(Debug, PartialEq, Eq)]
enum Difference<'a> {
    Other(&'a str, &'a str, &'a str),
    Missing(&'a str, &'a str),
    Unexpected(&'a str, &'a str),
    Behind(&'a str, &'a str, &'a str),
}

impl Comparison {
    /// Compares what was told of each archive with what was recorded of it.
    ///
    /// A backup of which nothing at all was recorded was made by a script that does not tell: there is nothing to compare.
    pub(crate) fn of(manifest: &Manifest, restored: &[ArchiveRecord], ledger: &Ledger) -> Self {
        let tells = manifest
            .archives
            .iter()
            .any(|archive| !archive.content.is_empty());
        let nothing = BTreeMap::new();
        let archives: Vec<Compared> = restored
            .iter()
            .map(|archive| {
                let found = ledger.contents.get(archive.called()).unwrap_or(&nothing);
                let forms = Forms::of(&archive.content, found);
                Compared {
                    name: archive.called().to_owned(),
                    compared: archive.content.keys().filter(|key| forms.tell(key)).count(),
                    differences: if tells {
                        differences(&archive.content, found)
                    } else {
                        Vec::new()
                    },
                }
            })
            .collect();
        let names: BTreeSet<&str> = archives.iter().map(|archive| archive.name.as_str()).collect();
        let strangers = ledger
            .contents
            .keys()
            .filter(|name| !names.contains(name.as_str()))
            .cloned()
            .collect();
        Self { archives, strangers }
    }

    /// Returns what was found as it may be shown: `hide` takes the secrets out.
    pub(crate) fn masked(mut self, mut hide: impl FnMut(&str) -> String) -> Self {
        let differences = self
            .archives
            .iter_mut()
            .flat_map(|archive| &mut archive.differences);
        differences.for_each(|difference| *difference = hide(difference));
        self
    }

    /// Returns how many recorded facts were compared.
    pub(crate) fn compared(&self) -> usize {
        self.archives.iter().map(|archive| archive.compared).sum()
    }

    /// Returns everything that is not as it was, with the archive that it is of.
    pub(crate) fn differences(&self) -> Vec<String> {
        let several = self.archives.len() > 1;
        let mut all = Vec::new();
        for archive in &self.archives {
            for difference in &archive.differences {
                all.push(if several {
                    format!("{}: {difference}", quoted(&archive.name))
                } else {
                    difference.clone()
                });
            }
        }
        all.extend(
            self.strangers
                .iter()
                .map(|name| format!("{} was restored, and not asked for", quoted(name))),
        );
        all
    }
}

/// Returns what is not as it was recorded, of both.
pub(crate) fn differences(
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<String> {
    let forms = Forms::of(expected, found);
    let told = expected.iter().filter(|(key, _)| forms.tell(key));
    let expected_first = told.filter_map(|(key, value)| {
        if is_counter(key) {
            let found = found.get(key).filter(|found| is_behind(found, value))?;
            return Some(Difference::Behind(key, value, found));
        }
        let mut fitting = fitting(key, expected, found).peekable();
        let first = fitting.peek().copied();
        match first {
            None => Some(Difference::Missing(key, value)),
            Some(_) if fitting.any(|other| is_same(value, other)) => None,
            Some(other) => Some(Difference::Other(key, value, other)),
        }
    });
    let masked: Vec<&String> = expected.keys().filter(|key| Mask::is_masked(key)).collect();
    let unexpected = found
        .iter()
        .filter(|(key, _)| !expected.contains_key(*key) && forms.tell(key) && !is_counter(key))
        .filter(|(key, _)| !masked.iter().any(|masked| Mask::may_be(masked, key)))
        .map(|(key, value)| Difference::Unexpected(key, value));
    expected_first
        .chain(unexpected)
        .map(|difference| difference.to_string())
        .collect()
}

/// In which forms both of two sides tell of definitions. Servers of different versions have different words for the same one, which
/// says nothing of it: the form is the first part of such a key, as in `definition-15.table.t`.
struct Forms<'a> {
    of_both: BTreeSet<&'a str>,
}

impl<'a> Forms<'a> {
    fn of(expected: &'a BTreeMap<String, String>, found: &'a BTreeMap<String, String>) -> Self {
        let of = |facts: &'a BTreeMap<String, String>| -> BTreeSet<&'a str> {
            facts.keys().filter_map(|key| form(key)).collect()
        };
        Self {
            of_both: &of(expected) & &of(found),
        }
    }

    /// Tells whether a fact tells something that is to be compared.
    fn tell(&self, key: &str) -> bool {
        form(key).is_none_or(|form| self.of_both.contains(form))
    }
}

/// Returns the form of a definition.
fn form(key: &str) -> Option<&str> {
    let (kind, _) = key.split_once('.')?;
    kind.starts_with(DEFINITION).then_some(kind)
}

/// Tells whether a fact is the number that comes next of something that counts. A restore that does not tell it, and a backup of which it was not
/// told, are compared by the rest.
fn is_counter(key: &str) -> bool {
    COUNTERS.iter().any(|counter| key.starts_with(counter))
}

/// Tells whether a counter gives numbers again which it has given: `5 and down` is ahead of `7 and down`. What is no number is another one.
fn is_behind(found: &str, recorded: &str) -> bool {
    let read = |text: &str| {
        let (number, is_down) = text
            .strip_suffix(" and down")
            .map_or((text, false), |number| (number, true));
        number.parse::<i128>().ok().map(|number| (number, is_down))
    };
    match (read(found), read(recorded)) {
        (Some((found, true)), Some((recorded, true))) => found > recorded,
        (Some((found, false)), Some((recorded, false))) => found < recorded,
        _ => found != recorded,
    }
}

/// Returns the values that were found under a key: the one of that key, or where it holds a secret those of all keys that it
/// may have been.
fn fitting<'a>(
    key: &'a str,
    expected: &'a BTreeMap<String, String>,
    found: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let masked = Mask::is_masked(key);
    let unmasked = found
        .iter()
        .filter(move |(other, _)| masked && !expected.contains_key(*other) && Mask::may_be(key, other))
        .map(|(_, value)| value);
    found.get(key).into_iter().chain(unmasked)
}

/// Tells whether what was found is what was recorded. Of a value that holds a secret only what stands around it is known.
fn is_same(recorded: &str, found: &str) -> bool {
    recorded == found || Mask::is_masked(recorded) && Mask::may_be(recorded, found)
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Other(key, expected, found) => write!(
                formatter,
                "{} is {} instead of {}",
                quoted(key),
                quoted(found),
                quoted(expected)
            ),
            Difference::Behind(key, expected, found) => write!(
                formatter,
                "{} is {} instead of {}: numbers would be given twice",
                quoted(key),
                quoted(found),
                quoted(expected)
            ),
            Difference::Missing(key, expected) => {
                write!(
                    formatter,
                    "{} is missing, it was {}",
                    quoted(key),
                    quoted(expected)
                )
            }
            Difference::Unexpected(key, found) => {
                write!(
                    formatter,
                    "{} is there, {}, and was not before",
                    quoted(key),
                    quoted(found)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::example_manifest;

    fn facts(facts: &[(&str, &str)]) -> BTreeMap<String, String> {
        facts
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn differences_are_found_both_ways_and_named() {
        let mut manifest = example_manifest(&["a.zst", "b.zst"]);
        manifest.archives[0].name = Some("a".to_owned());
        manifest.archives[0].content = facts(&[("rows.t", "7"), ("rows.u", "1"), ("table.t", "InnoDB")]);
        let mut ledger = Ledger::default();
        let as_told = |ledger: &Ledger| Comparison::of(&manifest, &manifest.archives, ledger);
        ledger
            .contents
            .insert("a".to_owned(), manifest.archives[0].content.clone());
        assert_eq!(as_told(&ledger).differences(), [""; 0]);
        assert_eq!(as_told(&ledger).compared(), 3);
        ledger.contents.insert(
            "a".to_owned(),
            facts(&[("rows.t", "8"), ("rows.u", "1"), ("view.v", "yes")]),
        );
        ledger
            .contents
            .insert("b.zst".to_owned(), facts(&[("rows.x", "1")]));
        ledger.contents.insert("c".to_owned(), facts(&[("rows.x", "1")]));
        assert_eq!(
            as_told(&ledger).differences(),
            [
                "`a`: `rows.t` is `8` instead of `7`",
                "`a`: `table.t` is missing, it was `InnoDB`",
                "`a`: `view.v` is there, `yes`, and was not before",
                "`b.zst`: `rows.x` is there, `1`, and was not before",
                "`c` was restored, and not asked for"
            ]
        );
    }

    #[test]
    fn what_holds_a_secret_is_compared_by_what_stands_around_it() {
        let recorded = facts(&[
            ("rows.x_********", "7"),
            ("source", "pg://u:********@h"),
            ("v", "1"),
        ]);
        let compared = |found: &[(&str, &str)]| differences(&recorded, &facts(found));
        let as_it_was = [
            ("rows.x_hunter2", "7"),
            ("source", "pg://u:hunter2@h"),
            ("v", "1"),
        ];
        assert_eq!(compared(&as_it_was), [""; 0]);
        // Another secret, which nobody recorded, would look the same. Another place or another number does not.
        assert_eq!(
            compared(&[
                ("rows.y_hunter2", "7"),
                ("source", "pg://u:hunter2@i"),
                ("v", "1")
            ]),
            [
                "`rows.x_********` is missing, it was `7`",
                "`source` is `pg://u:hunter2@i` instead of `pg://u:********@h`",
                "`rows.y_hunter2` is there, `7`, and was not before",
            ]
        );
        assert_eq!(
            compared(&[("rows.x_hunter2", "8"), ("source", "pg://u:a@h"), ("v", "1")]),
            ["`rows.x_********` is `8` instead of `7`"]
        );
    }

    #[test]
    fn definitions_are_compared_with_those_of_the_same_form_alone() {
        let recorded = facts(&[("table.t", "yes"), ("definition-15.table.t", "a1")]);
        let compared = |found: &[(&str, &str)]| differences(&recorded, &facts(found));
        assert_eq!(
            compared(&[("table.t", "yes"), ("definition-15.table.t", "a1")]),
            [""; 0]
        );
        assert_eq!(
            compared(&[("table.t", "yes"), ("definition-17.table.t", "b2")]),
            [""; 0]
        );
        assert_eq!(compared(&[("table.t", "yes")]), [""; 0]);
        assert_eq!(
            compared(&[
                ("table.t", "yes"),
                ("definition-15.table.t", "b2"),
                ("definition-15.view.v", "c3")
            ]),
            [
                "`definition-15.table.t` is `b2` instead of `a1`",
                "`definition-15.view.v` is there, `c3`, and was not before",
            ]
        );
        // What was recorded by an earlier version holds nothing of the kind.
        assert_eq!(
            differences(
                &facts(&[("v", "1")]),
                &facts(&[("v", "1"), ("definition-15.table.t", "a1")])
            ),
            [""; 0]
        );
    }

    #[test]
    fn a_counter_may_be_ahead_and_not_behind() {
        let recorded = facts(&[
            ("auto-increment.t", "18446744073709551615"),
            ("auto-increment.u", "5"),
            ("next-value.down", "-5 and down"),
            ("next-value.s", "7"),
        ]);
        let compared = |found: &[(&str, &str)]| differences(&recorded, &facts(found));
        assert_eq!(compared(&[]), [""; 0]);
        assert_eq!(
            compared(&[
                ("auto-increment.t", "18446744073709551615"),
                ("auto-increment.u", "6"),
                ("auto-increment.v", "6"),
                ("next-value.down", "-6 and down"),
                ("next-value.s", "1007"),
            ]),
            [""; 0]
        );
        assert_eq!(
            compared(&[
                ("auto-increment.t", "18446744073709551614"),
                ("auto-increment.u", "4"),
                ("next-value.down", "-4 and down"),
                ("next-value.s", "9 and down"),
            ]),
            [
                "`auto-increment.t` is `18446744073709551614` instead of `18446744073709551615`: numbers would be given twice",
                "`auto-increment.u` is `4` instead of `5`: numbers would be given twice",
                "`next-value.down` is `-4 and down` instead of `-5 and down`: numbers would be given twice",
                "`next-value.s` is `9 and down` instead of `7`: numbers would be given twice",
            ]
        );
    }

    #[test]
    fn a_backup_of_which_nothing_was_recorded_has_nothing_to_compare() {
        let manifest = example_manifest(&["a.zst"]);
        let mut ledger = Ledger::default();
        ledger
            .contents
            .insert("a.zst".to_owned(), facts(&[("rows.t", "7")]));
        let told = Comparison::of(&manifest, &manifest.archives, &ledger);
        assert_eq!((told.compared(), told.differences().len()), (0, 0));
    }
}
