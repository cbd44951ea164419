//! Reading the ledger after the script ended. It was written by what the script called, so it is read as data: bounded,
//! and what cannot be read is a failure, never an exception to pass over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::{Entry, Evidence, FILE_NAME, LoadEnded, StoreEnded};
use crate::fact::VALUE_LIMIT;

/// More than the room for facts and all the stores a script may ask for.
const LEDGER_LIMIT: u64 = 128 << 20;
/// A value of control characters takes six bytes each.
const LINE_LIMIT: u64 = (VALUE_LIMIT as u64) * 6 + 4096;
/// A drill compares them one by one, and the manifest holds them all.
const FACTS_LIMIT: usize = 500_000;
/// Enough to show what went wrong.
const FAILURES_LIMIT: usize = 1000;

/// What a script asked batt to store, load and record.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The archives that are complete, in the order in which they were.
    pub(crate) stores: Vec<StoreEnded>,
    /// The archives that were loaded whole, in the order in which they were.
    pub(crate) loads: Vec<LoadEnded>,
    /// The facts; of several with one key, the last.
    pub(crate) facts: BTreeMap<String, String>,
    /// The facts about single archives, by the name that the script gave the archive.
    pub(crate) contents: BTreeMap<String, BTreeMap<String, String>>,
    failures: Vec<Failure>,
}

/// A request of the script that did not succeed. Any of them fails the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A store failed or was refused.
    Store {
        /// The name as the script gave it.
        name: String,
        /// Why.
        reason: String,
    },
    /// The script tells what of an item it could not have.
    Missing {
        /// The name of its archive, whether that is stored or not.
        name: String,
        /// What is missing, and why.
        reason: String,
    },
    /// Facts of an archive were refused: what it is to be held to is not known.
    Fact {
        /// The name of the archive as the script gave it.
        of: String,
        /// Why.
        reason: String,
    },
    /// A load failed or was refused.
    Load {
        /// The name as the script gave it.
        name: String,
        /// Why.
        reason: String,
        /// What that says of the archive.
        evidence: Evidence,
    },
    /// A load began, and nothing is known of its end.
    UnfinishedLoad {
        /// The name as the script gave it.
        name: String,
    },
    /// The script called batt in a way that has no meaning: what it wanted was not done.
    Call {
        /// The first words of the call.
        words: String,
        /// Why it was not understood.
        reason: String,
    },
    /// A store began, and nothing is known of its end: `batt store` was killed, or still ran when the script ended.
    Unfinished {
        /// The name as the script gave it.
        name: String,
    },
    /// The ledger itself cannot be read.
    Ledger {
        /// Why.
        reason: String,
    },
}

impl Failure {
    /// Tells whether it says nothing of other archives than the one that it names.
    fn is_of_one_archive(&self) -> bool {
        matches!(
            self,
            Self::Store { .. } | Self::Unfinished { .. } | Self::Missing { .. } | Self::Fact { .. }
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Store { name, reason } => {
                write!(formatter, "`batt store {}` failed: {reason}", shown(name))
            }
            Failure::Missing { name, reason } => write!(formatter, "`{}`: {reason}", shown(name)),
            Failure::Fact { of, reason } => {
                write!(formatter, "`batt record --of {}` failed: {reason}", shown(of))
            }
            Failure::Load { name, reason, .. } => {
                write!(formatter, "`batt load {}` failed: {reason}", shown(name))
            }
            Failure::UnfinishedLoad { name } => {
                write!(formatter, "`batt load {}` began and never ended", shown(name))
            }
            Failure::Call { words, reason } => {
                write!(formatter, "`batt {}` failed: {reason}", words.escape_debug())
            }
            Failure::Unfinished { name } => {
                write!(formatter, "`batt store {}` began and never ended", shown(name))
            }
            Failure::Ledger { reason } => write!(formatter, "`{FILE_NAME}`: {reason}"),
        }
    }
}

/// Returns a name as a message has it: no longer than a person reads.
fn shown(name: &str) -> String {
    const LONGEST: usize = 400;
    match name.char_indices().nth(LONGEST) {
        None => name.escape_debug().to_string(),
        Some((end, _)) => format!("{}...", name[..end].escape_debug()),
    }
}

impl Ledger {
    /// Reads the ledger in the staging folder. None there is an empty one: the script asked for nothing.
    pub(crate) fn read(staging: &Path) -> Ledger {
        let mut reading = Reading::default();
        let read = reading.file(staging);
        reading.end(read)
    }

    /// Reads a ledger from its bytes.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(bytes: &[u8]) -> Ledger {
        let mut reading = Reading::default();
        let read = reading.lines(bytes);
        reading.end(read)
    }

    /// Returns the ledger with the secrets taken out of facts about the whole and of failures, by `hide`. The names of
    /// archives are names of files, and stay. For what a restore is held to see [`Ledger::mask_content`].
    pub(crate) fn masked(self, mut hide: impl FnMut(&str) -> String) -> Ledger {
        let facts = self
            .facts
            .into_iter()
            .map(|(key, value)| (hide(&key), hide(&value)))
            .collect();
        let failures = self.failures.into_iter().map(|failure| match failure {
            Failure::Store { name, reason } => Failure::Store {
                name,
                reason: hide(&reason),
            },
            Failure::Missing { name, reason } => Failure::Missing {
                name,
                reason: hide(&reason),
            },
            Failure::Fact { of, reason } => Failure::Fact {
                of,
                reason: hide(&reason),
            },
            Failure::Load {
                name,
                reason,
                evidence,
            } => Failure::Load {
                name,
                reason: hide(&reason),
                evidence,
            },
            Failure::UnfinishedLoad { name } => Failure::UnfinishedLoad { name },
            Failure::Call { words, reason } => Failure::Call {
                words: hide(&words),
                reason: hide(&reason),
            },
            Failure::Ledger { reason } => Failure::Ledger {
                reason: hide(&reason),
            },
            Failure::Unfinished { name } => Failure::Unfinished { name },
        });
        Ledger {
            failures: failures.collect(),
            stores: self.stores,
            loads: self.loads,
            facts,
            contents: self.contents,
        }
    }

    /// Takes the secrets out of what a restore is held to, by `hide`: of keys and values, and not of counts.
    pub(crate) fn mask_content(&mut self, mut hide: impl FnMut(&str) -> String) {
        let of_stores = self.stores.iter_mut().map(|store| &mut store.facts);
        for facts in of_stores.chain(self.contents.values_mut()) {
            *facts = masked_facts(facts, &mut hide);
        }
    }

    /// Returns the names that stand openly in what was told: of archives, and of the objects in them.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let of_stores = self.stores.iter().map(|store| store.name.as_str());
        let of_facts = self.contents.keys().map(String::as_str);
        let keys = self.contents.values().flat_map(BTreeMap::keys);
        of_stores
            .chain(of_facts)
            .chain(keys.flat_map(|key| key.split('.')))
            .collect()
    }

    /// Returns the store that a file comes from.
    pub(crate) fn store_of(&self, file: &str) -> Option<&StoreEnded> {
        self.stores.iter().rev().find(|store| store.file == file)
    }

    /// Tells whether all of it could be read, and each call had a meaning: only then is known what of an archive is proven, and
    /// what is missing.
    pub(crate) fn is_understood(&self) -> bool {
        self.failures.iter().all(Failure::is_of_one_archive)
    }

    /// Returns every request that failed, was refused or never ended, and everything that could not be read.
    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Tells whether a load failed that says this of its archive.
    pub(crate) fn has(&self, sought: Evidence) -> bool {
        self.failures
            .iter()
            .any(|failure| matches!(failure, Failure::Load { evidence, .. } if *evidence == sought))
    }

    /// Tells whether a load of this archive, or of a part of it, failed or never ended.
    pub(crate) fn has_failed_to_load(&self, archive: &str) -> bool {
        self.failures.iter().any(|failure| {
            matches!(failure, Failure::Load { name, .. } | Failure::UnfinishedLoad { name } if name == archive)
        })
    }
}

/// Returns facts with the secrets taken out, by `hide`: of keys and values, and not of counts.
pub(crate) fn masked_facts(
    facts: &BTreeMap<String, String>,
    mut hide: impl FnMut(&str) -> String,
) -> BTreeMap<String, String> {
    let masked = facts.iter().map(|(key, value)| {
        let is_count = value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if is_count { value.clone() } else { hide(value) };
        (hide(key), value)
    });
    masked.collect()
}

#[derive(Default)]
struct Reading {
    ledger: Ledger,
    /// The stores that began and have not ended: name by file. A file has one store at a time.
    open: BTreeMap<String, String>,
    /// The loads that began and have not ended: name by call.
    open_loads: BTreeMap<u32, String>,
    facts: usize,
}

impl Reading {
    /// Returns what was read, with whatever is not as it must be as failures.
    fn end(mut self, read: io::Result<()>) -> Ledger {
        if let Err(error) = read {
            self.fail(Failure::Ledger {
                reason: error.to_string(),
            });
        }
        for name in std::mem::take(&mut self.open).into_values() {
            self.fail(Failure::Unfinished { name });
        }
        for name in std::mem::take(&mut self.open_loads).into_values() {
            self.fail(Failure::UnfinishedLoad { name });
        }
        self.ledger
    }

    fn file(&mut self, staging: &Path) -> io::Result<()> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(staging.join(FILE_NAME));
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        self.lines(file)
    }

    fn lines(&mut self, source: impl Read) -> io::Result<()> {
        let mut lines = BufReader::new(source.take(LEDGER_LIMIT + 1));
        let (mut total, mut number) = (0, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = lines.by_ref().take(LINE_LIMIT + 1).read_until(b'\n', &mut line)? as u64;
            total += length;
            number += 1;
            if length == 0 {
                return Ok(());
            }
            if total > LEDGER_LIMIT || length > LINE_LIMIT {
                return Err(io::Error::other(format!("line {number}: it is too long")));
            }
            match line.strip_suffix(b"\n").map(serde_json::from_slice) {
                Some(Ok(entry)) => self.entry(entry, number),
                Some(Err(error)) => self.fail(Failure::Ledger {
                    reason: format!("line {number}: {error}"),
                }),
                None => self.fail(Failure::Ledger {
                    reason: format!("line {number}: it is cut"),
                }),
            }
        }
    }

    fn entry(&mut self, entry: Entry, number: u64) {
        match entry {
            Entry::StoreBegan { name, file } => {
                // Left by a store that was killed, with its file removed by the script.
                if let Some(name) = self.open.insert(file, name) {
                    self.fail(Failure::Unfinished { name });
                }
            }
            Entry::StoreEnded(ended) => {
                if self.open.remove(&ended.file).is_none() {
                    let reason = format!("line {number}: a store ended that had not begun");
                    self.fail(Failure::Ledger { reason });
                }
                self.ledger.stores.push(ended);
            }
            Entry::StoreFailed { name, file, reason } => {
                self.open.remove(&file);
                self.fail(Failure::Store { name, reason });
            }
            Entry::LoadBegan { name, call } => {
                // The number of one that was killed may come again.
                if let Some(name) = self.open_loads.insert(call, name) {
                    self.fail(Failure::UnfinishedLoad { name });
                }
            }
            Entry::LoadEnded(ended) => {
                if self.open_loads.remove(&ended.call).as_ref() == Some(&ended.name) {
                    self.ledger.loads.push(ended);
                } else {
                    let reason = format!("line {number}: a load ended that had not begun");
                    self.fail(Failure::Ledger { reason });
                }
            }
            Entry::LoadFailed {
                name,
                call,
                reason,
                evidence,
            } => {
                self.open_loads.remove(&call);
                let failure = Failure::Load {
                    name,
                    reason,
                    evidence,
                };
                // What goes on behind a part that was refused may fail in the same way again.
                if self.ledger.failures.last() != Some(&failure) {
                    self.fail(failure);
                }
            }
            Entry::CallRefused { words, reason } => self.fail(Failure::Call { words, reason }),
            Entry::StoreRefused { name, reason } => self.fail(Failure::Store { name, reason }),
            Entry::Missing { name, reason } => self.fail(Failure::Missing { name, reason }),
            Entry::FactRefused { of, reason } => self.fail(Failure::Fact { of, reason }),
            Entry::Fact { value, .. } if value.len() > VALUE_LIMIT => {
                self.fail(Failure::Ledger {
                    reason: format!("line {number}: its value is too long"),
                });
            }
            Entry::Fact { of, key, value } => self.fact(of, String::from(key), value),
        }
    }

    fn fact(&mut self, of: Option<String>, key: String, value: String) {
        let facts = match of {
            None => &mut self.ledger.facts,
            Some(archive) => self.ledger.contents.entry(archive).or_default(),
        };
        if self.facts == FACTS_LIMIT && !facts.contains_key(&key) {
            return self.fail(Failure::Ledger {
                reason: format!("it holds more than {FACTS_LIMIT} facts"),
            });
        }
        if facts.insert(key, value).is_none() {
            self.facts += 1;
        }
    }

    fn fail(&mut self, failure: Failure) {
        if self.ledger.failures.len() < FAILURES_LIMIT {
            self.ledger.failures.push(failure);
        } else if !failure.is_of_one_archive()
            && let Some(last) = self.ledger.failures.last_mut()
        {
            // Of so many nobody misses one, but that not all is understood must not go by.
            *last = failure;
        }
    }
}

#[cfg(test)]
mod tests;
