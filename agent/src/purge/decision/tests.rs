//! The invariants of a purge, on many histories.

mod examples;

use proptest::prelude::*;

use super::*;
use crate::backup::{Drill, Verdict};

fn counts(entry: &Entry) -> bool {
    entry.counts()
}

/// A backup as a history makes it; `minutes` before now.
#[derive(Debug, Clone)]
struct Made {
    minutes: i64,
    service: u8,
    items: u8,
    state: BackupState,
    verified: bool,
    drill: Option<bool>,
    accepted: bool,
    pinned: bool,
    running: bool,
    ours: bool,
    offset: Option<i32>,
}

fn now() -> DateTime<Utc> {
    "2026-11-24T03:00:00Z".parse().unwrap()
}

fn berlin(_: DateTime<Utc>) -> FixedOffset {
    FixedOffset::east_opt(3_600).unwrap()
}

fn entry_of(made: &Made, number: usize) -> Entry {
    let time = now() - chrono::TimeDelta::minutes(made.minutes);
    let run = batt_protocol::RunId::new(time, [0, (number >> 8) as u8, number as u8]);
    let seen = made.offset.map(|offset| {
        serde_json::from_value(serde_json::json!({
            "inode": 1, "modified": [0, 0], "bytes": 1, "host_id": "1", "utc_offset": offset
        }))
        .unwrap()
    });
    Entry {
        run,
        service: ["mysql", "redis@1"][usize::from(made.service)].parse().unwrap(),
        items: [vec![], vec!["a"], vec!["b", "a"]][usize::from(made.items)]
            .iter()
            .map(ToString::to_string)
            .collect(),
        path: "/b/mysql".into(),
        bytes: 1,
        time,
        state: made.state,
        manifest_sha256: String::new(),
        damaged: false,
        verified: made.verified.then_some(time),
        drill: made.drill.map(|proven| Drill {
            at: time,
            seconds: 1.0,
            verdict: match proven {
                true => Verdict::good(1),
                false => Verdict::Failed {
                    compared: 1,
                    reason: "rows".to_owned(),
                },
            },
            facts: BTreeMap::new(),
        }),
        accepted: made.accepted.then_some(time),
        seen,
    }
}

fn history() -> impl Strategy<Value = Vec<Made>> {
    let state = prop_oneof![
        6 => Just(BackupState::Good),
        1 => Just(BackupState::Partial),
        1 => Just(BackupState::Suspicious),
    ];
    let rarely = || prop::bool::weighted(0.05);
    let made = (
        // Hours apart, and years; some of them in the future.
        prop_oneof![8 => -20i64..100_000, 1 => -3_000_000i64..3_000_000],
        (0u8..2, 0u8..3),
        state,
        prop::bool::weighted(0.85),
        prop::option::weighted(0.2, any::<bool>()),
        any::<bool>(),
        (rarely(), rarely(), prop::bool::weighted(0.95)),
        prop::option::of(prop_oneof![Just(3_600), Just(7_200), Just(-18_000)]),
    );
    let made = made.prop_map(
        |(minutes, (service, items), state, verified, drill, accepted, (pinned, running, ours), offset)| {
            Made {
                minutes,
                service,
                items,
                state,
                verified,
                drill,
                accepted,
                pinned,
                running,
                ours,
                offset,
            }
        },
    );
    prop::collection::vec(made, 0..60)
}

fn rules() -> impl Strategy<Value = Rules> {
    let number = || prop::option::weighted(0.4, 0u32..8);
    (
        prop::option::weighted(0.4, 0u32..90),
        (number(), number(), number(), number(), number(), number()),
        prop::option::weighted(0.3, 0u64..40),
    )
        .prop_map(
            |(max_days, (last, hourly, daily, weekly, monthly, yearly), within)| Rules {
                max_days,
                keep_last: last,
                keep_hourly: hourly,
                keep_daily: daily,
                keep_weekly: weekly,
                keep_monthly: monthly,
                keep_yearly: yearly,
                keep_within: within.map(|days| std::time::Duration::from_secs(days * 86_400)),
            },
        )
}

/// A history with everything that is decided on it.
struct Case {
    made: Vec<Made>,
    entries: Vec<Entry>,
    /// What is promised of each service: everything in half of all cases, else one item.
    promise: Scope,
}

impl Case {
    fn of(made: Vec<Made>) -> Self {
        let entries = made
            .iter()
            .enumerate()
            .map(|(number, made)| entry_of(made, number))
            .collect();
        let promised: &[String] = if made.len().is_multiple_of(2) {
            &[]
        } else {
            &["a".to_owned()]
        };
        let promise = Scope::as_named(promised);
        Self {
            made,
            entries,
            promise,
        }
    }

    fn candidates(&self) -> Vec<Candidate<'_>> {
        let both = self.made.iter().zip(&self.entries);
        both.map(|(made, entry)| Candidate {
            entry,
            group: entry.scope().within(&self.promise),
            pinned: made.pinned,
            running: made.running,
            ours: made.ours,
        })
        .collect()
    }

    fn decide(&self, rules: &Rules) -> Vec<Decision> {
        decide(&self.candidates(), rules, &Floor::default(), now(), &berlin)
    }

    /// Decides on a part of the history, as if the rest had never been; others have no decision.
    fn decide_on(&self, rules: &Rules, part: impl Fn(usize) -> bool) -> Vec<Option<Decision>> {
        let candidates = self.candidates();
        let chosen: Vec<usize> = (0..candidates.len()).filter(|index| part(*index)).collect();
        let some: Vec<_> = chosen.iter().map(|index| candidates[*index].clone()).collect();
        let mut all = vec![None; candidates.len()];
        for (index, decision) in chosen
            .iter()
            .zip(decide(&some, rules, &Floor::default(), now(), &berlin))
        {
            all[*index] = Some(decision);
        }
        all
    }

    /// Returns the groups that rules are counted in, with their members, the newest first.
    fn groups(&self) -> Vec<Vec<usize>> {
        self.members(|entry| entry.scope().within(&self.promise))
    }

    /// Returns those that were asked for the same, the newest first.
    fn selections(&self) -> Vec<Vec<usize>> {
        self.members(Entry::scope)
    }

    fn members(&self, scope: impl Fn(&Entry) -> Scope) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if self.made[index].ours && entry.time <= now() + AHEAD {
                groups
                    .entry((&entry.service, scope(entry)))
                    .or_default()
                    .push(index);
            }
        }
        for members in groups.values_mut() {
            members.sort_by_key(|index| {
                let entry = &self.entries[*index];
                std::cmp::Reverse((entry.time, entry.run.clone()))
            });
        }
        groups.into_values().collect()
    }
}

fn is_kept(decision: &Decision) -> bool {
    matches!(decision, Decision::Kept(_))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_verified_and_the_last_proven_of_each_group_are_never_removed(made in history(), rules in rules()) {
        let case = Case::of(made);
        let decisions = case.decide(&rules);
        for group in case.groups().into_iter().chain(case.selections()) {
            let entries = || group.iter().map(|index| (*index, &case.entries[*index]));
            let verified = entries().find(|(_, entry)| entry.can_be_drilled());
            let counting = entries().find(|(_, entry)| counts(entry));
            let proven = entries().find(|(_, entry)| entry.drill.as_ref().is_some_and(|drill| drill.verdict.is_good()));
            for (index, _) in verified.into_iter().chain(counting).chain(proven) {
                prop_assert!(is_kept(&decisions[index]), "{:?}", case.made[index]);
            }
        }
    }

    #[test]
    fn what_the_floor_holds_stays_whatever_the_rules_say(
        made in history(),
        rules in rules(),
        keep_last in 0u32..5,
        days in prop::option::of(0u64..60),
    ) {
        let case = Case::of(made);
        let keep_within = std::time::Duration::from_secs(days.unwrap_or_default() * 86_400);
        let floor = Floor { keep_last, keep_within };
        let without = case.decide(&rules);
        let with = decide(&case.candidates(), &rules, &floor, now(), &berlin);
        for (index, (before, after)) in without.iter().zip(&with).enumerate() {
            // It never takes, and takes nothing from what a rule keeps.
            prop_assert!(!is_kept(before) || is_kept(after), "{:?}", case.made[index]);
        }
        let mut held = 0;
        for group in case.groups() {
            let counting: Vec<&Entry> =
                group.iter().map(|index| &case.entries[*index]).filter(|entry| counts(entry)).collect();
            for (place, entry) in counting.iter().enumerate() {
                let is_young = !keep_within.is_zero()
                    && counting[0].time - entry.time <= chrono::TimeDelta::from_std(keep_within).unwrap();
                if place < keep_last as usize || is_young {
                    let index = case.entries.iter().position(|other| other.run == entry.run).unwrap();
                    prop_assert!(is_kept(&with[index]), "{:?}", case.made[index]);
                    held += 1;
                }
            }
        }
        let told = with.iter().filter(|decision| matches!(decision, Decision::Kept(keeps) if keeps.contains(&Keep::Floor)));
        prop_assert_eq!(told.count(), held);
    }

    #[test]
    fn what_is_pinned_running_from_elsewhere_or_from_the_future_is_never_removed(made in history(), rules in rules()) {
        let case = Case::of(made);
        for (index, decision) in case.decide(&rules).iter().enumerate() {
            let (made, entry) = (&case.made[index], &case.entries[index]);
            if made.pinned || made.running || !made.ours || entry.time > now() + AHEAD {
                prop_assert!(is_kept(decision), "{made:?}");
            }
            if let Decision::Kept(keeps) = decision {
                prop_assert!(!keeps.is_empty());
            }
        }
    }

    #[test]
    fn a_group_that_had_a_backup_that_counts_has_the_newest_of_them_afterwards(made in history(), rules in rules()) {
        let case = Case::of(made);
        let decisions = case.decide(&rules);
        for group in case.groups().into_iter().chain(case.selections()) {
            let counting = group.iter().find(|index| counts(&case.entries[**index]));
            if let Some(newest) = counting {
                prop_assert!(is_kept(&decisions[*newest]));
            }
        }
    }

    #[test]
    fn what_does_not_count_changes_nothing_for_what_does(made in history(), rules in rules()) {
        let case = Case::of(made);
        let all = case.decide(&rules);
        let good = case.decide_on(&rules, |index| counts(&case.entries[index]));
        for (index, decision) in good.iter().enumerate() {
            let proven = case.entries[index].drill.as_ref().is_some_and(|drill| drill.verdict.is_good());
            // One that was proven and does not count may have had the last proof before.
            if let Some(decision) = decision && !proven {
                prop_assert_eq!(is_kept(decision), is_kept(&all[index]), "{:?}", &case.made[index]);
            }
        }
    }

    #[test]
    fn what_does_not_count_goes_only_when_a_newer_one_that_stays_covers_it(made in history(), rules in rules()) {
        let case = Case::of(made);
        let decisions = case.decide(&rules);
        for (index, decision) in decisions.iter().enumerate() {
            let entry = &case.entries[index];
            if counts(entry) || is_kept(decision) {
                continue;
            }
            let covered = case.entries.iter().enumerate().any(|(other, newer)| {
                counts(newer)
                    && newer.service == entry.service
                    && newer.time > entry.time
                    && newer.scope().covers(&entry.scope())
                    && is_kept(&decisions[other])
            });
            prop_assert!(covered, "{:?}", case.made[index]);
            let age = now() - entry.time;
            if let Some(days) = rules.max_days {
                prop_assert!(age >= chrono::TimeDelta::days(i64::from(days)));
            } else if entry.state == BackupState::Suspicious && entry.accepted.is_none() && rules.keep_within.is_none() {
                prop_assert!(age >= UNDECIDED);
            }
        }
    }

    #[test]
    fn what_stays_once_stays_the_next_time(made in history(), rules in rules()) {
        let case = Case::of(made);
        let decisions = case.decide(&rules);
        let again = case.decide_on(&rules, |index| is_kept(&decisions[index]));
        for (index, decision) in again.iter().enumerate() {
            if let Some(decision) = decision {
                prop_assert!(is_kept(decision), "{:?}", case.made[index]);
            }
        }
    }

    #[test]
    fn a_rule_that_is_added_or_raised_takes_nothing_away(made in history(), rules in rules(), more in 0u32..5, which in 0usize..7) {
        prop_assume!(rules.has_keep());
        let case = Case::of(made);
        let raised = |number: Option<u32>| Some(number.unwrap_or(0) + more);
        let mut wider = rules.clone();
        match which {
            0 => wider.keep_last = raised(rules.keep_last),
            1 => wider.keep_hourly = raised(rules.keep_hourly),
            2 => wider.keep_daily = raised(rules.keep_daily),
            3 => wider.keep_weekly = raised(rules.keep_weekly),
            4 => wider.keep_monthly = raised(rules.keep_monthly),
            5 => wider.keep_yearly = raised(rules.keep_yearly),
            // Without an upper bound more stays, except of what waits for a person: an age was named.
            _ => wider.max_days = rules.max_days.map(|days| days + more),
        }
        let (before, after) = (case.decide(&rules), case.decide(&wider));
        for index in 0..before.len() {
            prop_assert!(!is_kept(&before[index]) || is_kept(&after[index]), "{:?}", case.made[index]);
        }
    }

    #[test]
    fn max_days_alone_keeps_what_is_younger_and_is_an_upper_bound_otherwise(made in history(), rules in rules(), days in 0u32..90) {
        let case = Case::of(made);
        let alone = Rules { max_days: Some(days), ..Rules::default() };
        let young = |entry: &Entry| now() - entry.time < chrono::TimeDelta::days(i64::from(days));
        for (index, decision) in case.decide(&alone).iter().enumerate() {
            if young(&case.entries[index]) {
                prop_assert!(is_kept(decision), "{:?}", case.made[index]);
            }
        }
        let bounded = Rules { max_days: Some(days), ..rules };
        for (index, decision) in case.decide(&bounded).iter().enumerate() {
            let Decision::Kept(keeps) = decision else { continue };
            let by_rule = |keep: &Keep| matches!(keep, Keep::Last | Keep::Newest(..) | Keep::Young);
            if !young(&case.entries[index]) {
                prop_assert!(!keeps.iter().any(by_rule), "{keeps:?}");
            }
        }
    }

    #[test]
    fn keep_last_and_keep_daily_keep_what_they_say(made in history(), number in 0u32..10) {
        let case = Case::of(made);
        let last = case.decide(&Rules { keep_last: Some(number), ..Rules::default() });
        let daily = case.decide(&Rules { keep_daily: Some(number), ..Rules::default() });
        for group in case.groups() {
            let counting: Vec<usize> =
                group.into_iter().filter(|index| counts(&case.entries[*index])).collect();
            for index in counting.iter().take(number as usize) {
                prop_assert!(is_kept(&last[*index]));
            }
            let mut days = Vec::new();
            for index in counting {
                let day = local_time(&case.entries[index], &berlin).date_naive();
                if !days.contains(&day) && days.len() < number as usize {
                    days.push(day);
                    prop_assert!(is_kept(&daily[index]), "{day}");
                }
            }
        }
    }

    #[test]
    fn the_order_of_what_is_there_means_nothing(made in history(), rules in rules()) {
        let case = Case::of(made);
        let candidates = case.candidates();
        let straight = decide(&candidates, &rules, &Floor::default(), now(), &berlin);
        let reversed: Vec<_> = candidates.into_iter().rev().collect();
        let mut back = decide(&reversed, &rules, &Floor::default(), now(), &berlin);
        back.reverse();
        prop_assert_eq!(straight, back);
    }
}
