//! What a server of Redis counts just before and just after it has sent its data set (`INFO`): how many keys its snapshot may hold.
//!
//! A server that is written to counts its changes: by so many keys its snapshot may differ, and by those that ended by themselves or were
//! evicted. A save starts that count anew. One that the script itself has asked for leaves what was changed behind it; what another one
//! leaves says nothing of the snapshot, and then nothing is compared.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What ends keys without a command.
const ENDED: [&str; 4] = [
    "expired_keys",
    "evicted_keys",
    "expired_subkeys",
    "expired_fields",
];
/// What is not zero while a data set comes into the server from elsewhere.
const LOADING: [&str; 3] = ["loading", "async_loading", "master_sync_in_progress"];
/// The line by which a script says how often the server has saved its data set for it.
const SAVES: &str = "saves_of_ours";

/// The answers to `INFO`, the first and the last of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    answers: Vec<Answer>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    fields: BTreeMap<String, String>,
    keys: BTreeMap<u64, u64>,
}

/// How a snapshot is held to what the server counts.
#[derive(Debug, PartialEq, Eq)]
enum Bounds {
    /// The keys of each database that is named, and the most of any other one.
    Known(BTreeMap<u64, RangeInclusive<u64>>, u64),
    /// Why nothing is known.
    Unknown(&'static str),
}

impl Counts {
    /// Begins the next answer.
    pub(super) fn begin(&mut self) {
        self.answers.push(Answer::default());
    }

    /// Takes a line of the answer.
    pub(super) fn take(&mut self, line: &str) {
        if let (Some(answer), Some((field, value))) =
            (self.answers.last_mut(), line.trim_end().split_once(':'))
        {
            answer.take(field, value);
        }
    }

    /// Holds the keys of a snapshot, by database, to what the server counts. Returns how they were held.
    pub(super) fn hold(&self, counted: Option<&BTreeMap<u64, u64>>) -> Result<String, String> {
        let Some(counted) = counted else {
            return Ok("no: they could not be counted".to_owned());
        };
        let (bounds, others) = match self.bounds() {
            Bounds::Known(bounds, others) => (bounds, others),
            Bounds::Unknown(reason) => return Ok(format!("no: {reason}")),
        };
        let others = 0..=others;
        let databases = bounds.keys().chain(counted.keys());
        for database in databases {
            let keys = counted.get(database).copied().unwrap_or(0);
            let bounds = bounds.get(database).unwrap_or(&others);
            if !bounds.contains(&keys) {
                return Err(format!(
                    "the server counts {} keys in database {database}, and it holds {keys}",
                    told(bounds)
                ));
            }
        }
        Ok("yes".to_owned())
    }

    fn bounds(&self) -> Bounds {
        let [before, after] = self.answers.as_slice() else {
            return Bounds::Unknown("the server was not asked before and after");
        };
        let run = |answer: &Answer| answer.fields.get("run_id").cloned();
        if run(before).is_none() || run(before) != run(after) {
            return Bounds::Unknown("the server was started anew meanwhile");
        }
        if LOADING
            .iter()
            .any(|field| before.number(field).max(after.number(field)) > Some(0))
        {
            return Bounds::Unknown("the server got its data set from elsewhere meanwhile");
        }
        let ended = ENDED
            .iter()
            .map(|field| grown(before, after, field).unwrap_or(0))
            .sum::<u64>();
        let dirty = "rdb_changes_since_last_save";
        let is_same = before.fields.get("rdb_last_save_time") == after.fields.get("rdb_last_save_time");
        let saves = grown(before, after, "rdb_saves").or(is_same.then_some(0));
        let ours = after.number(SAVES).unwrap_or(0);
        let (anchors, changed) = match saves {
            Some(0) if is_same => ([before, after], grown(before, after, dirty)),
            Some(saves) if saves == ours => ([after, after], after.number(dirty)),
            _ => return Bounds::Unknown("the server has saved its data set meanwhile"),
        };
        let Some(changed) = changed.map(|changed| changed.saturating_add(ended)) else {
            return Bounds::Unknown("the server does not count its changes");
        };
        let databases = before.keys.keys().chain(after.keys.keys());
        let bounds = databases.map(|database| {
            let [one, other] = anchors.map(|answer| answer.keys.get(database).copied().unwrap_or(0));
            let least = one.min(other).saturating_sub(changed);
            (*database, least..=one.max(other).saturating_add(changed))
        });
        Bounds::Known(bounds.collect(), changed)
    }
}

impl Answer {
    fn take(&mut self, field: &str, value: &str) {
        let database = field.strip_prefix("db").and_then(|number| number.parse().ok());
        let keys = value.strip_prefix("keys=");
        if let (Some(database), Some(keys)) = (database, keys) {
            let keys = keys.split(',').next().and_then(|keys| keys.parse().ok());
            self.keys.insert(database, keys.unwrap_or(0));
        } else {
            self.fields.insert(field.to_owned(), value.to_owned());
        }
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.fields.get(field)?.parse().ok()
    }
}

/// Returns by how much a count has grown; nothing where it is none, or has not.
fn grown(before: &Answer, after: &Answer, field: &str) -> Option<u64> {
    after.number(field)?.checked_sub(before.number(field)?)
}

fn told(bounds: &RangeInclusive<u64>) -> String {
    if bounds.start() == bounds.end() {
        bounds.start().to_string()
    } else {
        format!("{} to {}", bounds.start(), bounds.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: &str = "run_id:a\r\nloading:0\r\nrdb_changes_since_last_save:7\r\nrdb_last_save_time:100\r\nrdb_saves:2\r\n\
        expired_keys:1\r\nevicted_keys:0\r\ndb0:keys=10,expires=0,avg_ttl=0\r\ndb40:keys=5,expires=1,avg_ttl=9,subexpiry=0\r\n";

    /// Holds a snapshot with these keys in databases 0 and 40 to an answer before and one after.
    fn held(before: &str, after: &str, keys: (u64, u64)) -> Result<String, String> {
        let mut counts = Counts::default();
        for answer in [before, after] {
            counts.begin();
            answer.lines().for_each(|line| counts.take(line));
        }
        counts.hold(Some(&[(0, keys.0), (40, keys.1)].into()))
    }

    #[test]
    fn nothing_has_changed_and_each_key_is_missed() {
        assert_eq!(held(QUIET, QUIET, (10, 5)), Ok("yes".to_owned()));
        for (keys, said) in [
            ((9, 5), "counts 10 keys in database 0, and it holds 9"),
            ((11, 5), "counts 10 keys in database 0, and it holds 11"),
            ((10, 0), "counts 5 keys in database 40, and it holds 0"),
        ] {
            let reason = held(QUIET, QUIET, keys).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
        let without = QUIET.replace("db40:", "x:");
        assert!(
            held(&without, &without, (10, 1))
                .unwrap_err()
                .contains("counts 0 keys in database 40")
        );
    }

    #[test]
    fn what_was_changed_has_ended_or_was_evicted_meanwhile_may_differ() {
        let after = QUIET
            .replace("save:7", "save:9")
            .replace("expired_keys:1", "expired_keys:2")
            .replace("evicted_keys:0", "evicted_keys:1")
            .replace("keys=10", "keys=8");
        for (keys, is_good) in [
            ((4, 5), true),
            ((3, 5), false),
            ((14, 9), true),
            ((15, 5), false),
            ((8, 0), false),
        ] {
            assert_eq!(held(QUIET, &after, keys).is_ok(), is_good, "{keys:?}");
        }
    }

    #[test]
    fn a_save_of_ours_leaves_what_was_changed_behind_it() {
        let saved = QUIET
            .replace("save:7", "save:1")
            .replace("time:100", "time:101")
            .replace("keys=10", "keys=30");
        let once = saved.replace("rdb_saves:2", "rdb_saves:3");
        let ours = |answer: &str| format!("{answer}saves_of_ours:1\r\n");
        assert_eq!(held(QUIET, &ours(&once), (31, 5)), Ok("yes".to_owned()));
        assert!(held(QUIET, &ours(&once), (28, 5)).is_err());
        // Of somebody else, or another one beside ours.
        let twice = saved.replace("rdb_saves:2", "rdb_saves:4");
        for answer in [once.clone(), ours(&twice), saved.replace("rdb_saves:2\r\n", "")] {
            assert_eq!(
                held(QUIET, &answer, (2, 5)),
                Ok("no: the server has saved its data set meanwhile".to_owned())
            );
        }
    }

    #[test]
    fn where_nothing_is_known_nothing_is_compared() {
        for (after, reason) in [
            (QUIET.replace("run_id:a", "run_id:b"), "started anew"),
            (QUIET.replace("loading:0", "loading:1"), "from elsewhere"),
            (format!("{QUIET}master_sync_in_progress:1\r\n"), "from elsewhere"),
            (QUIET.replace("save:7", "save:6"), "does not count"),
            (String::new(), "started anew"),
        ] {
            let how = held(QUIET, &after, (0, 0)).unwrap();
            assert!(how.contains(reason), "{how}");
        }
        assert!(Counts::default().hold(None).unwrap().starts_with("no: "));
    }
}
