//! Histories that a person can read: nights, days and months that are not as others.

use super::*;

fn good(time: &str, offset: Option<i32>) -> Entry {
    let time: DateTime<Utc> = time.parse().unwrap();
    let made = Made {
        minutes: (now() - time).num_minutes(),
        service: 0,
        items: 0,
        state: BackupState::Good,
        verified: true,
        drill: None,
        accepted: false,
        pinned: false,
        running: false,
        ours: true,
        offset,
    };
    entry_of(&made, 0)
}

/// Returns the times of those that stay.
fn kept(entries: &[Entry], rules: &Rules, zone: &dyn Fn(DateTime<Utc>) -> FixedOffset) -> Vec<String> {
    let candidates: Vec<_> = entries
        .iter()
        .map(|entry| Candidate {
            entry,
            group: entry.scope(),
            pinned: false,
            running: false,
            ours: true,
        })
        .collect();
    let decisions = decide(&candidates, rules, &Floor::default(), now(), zone);
    let both = entries
        .iter()
        .zip(&decisions)
        .filter(|(_, decision)| is_kept(decision));
    both.map(|(entry, _)| entry.time.format("%m-%dT%H:%M").to_string())
        .collect()
}

#[test]
fn the_hour_that_comes_twice_is_two_hours_and_its_day_one() {
    const SUMMER: Option<i32> = Some(7_200);
    const WINTER: Option<i32> = Some(3_600);
    let night = [
        good("2026-10-24T22:30:00Z", SUMMER), // 00:30 on Sunday
        good("2026-10-25T00:30:00Z", SUMMER), // 02:30
        good("2026-10-25T01:30:00Z", WINTER), // 02:30 again
        good("2026-10-25T02:30:00Z", WINTER), // 03:30
        good("2026-10-25T22:30:00Z", WINTER), // 23:30
        good("2026-10-25T23:30:00Z", WINTER), // 00:30 on Monday
    ];
    let hourly = Rules {
        keep_hourly: Some(5),
        ..Rules::default()
    };
    assert_eq!(
        kept(&night, &hourly, &berlin),
        [
            "10-25T00:30",
            "10-25T01:30",
            "10-25T02:30",
            "10-25T22:30",
            "10-25T23:30"
        ]
    );
    let daily = Rules {
        keep_daily: Some(2),
        ..Rules::default()
    };
    // 25 hours, and one day.
    assert_eq!(kept(&night, &daily, &berlin), ["10-25T22:30", "10-25T23:30"]);
}

#[test]
fn the_hour_that_does_not_come_is_missed_by_nobody() {
    // As a zone tells it, for backups that have not recorded their offset: from 01:00 UTC on it is summer.
    let zone = |time: DateTime<Utc>| {
        let summer = time >= "2026-03-29T01:00:00Z".parse::<DateTime<Utc>>().unwrap();
        FixedOffset::east_opt(if summer { 7_200 } else { 3_600 }).unwrap()
    };
    let night = [
        good("2026-03-28T23:30:00Z", None), // 00:30
        good("2026-03-29T00:30:00Z", None), // 01:30
        good("2026-03-29T01:30:00Z", None), // 03:30
        good("2026-03-29T21:30:00Z", None), // 23:30
        good("2026-03-29T22:30:00Z", None), // 00:30 on the day after
    ];
    let rules = |hourly, daily| Rules {
        keep_hourly: hourly,
        keep_daily: daily,
        ..Rules::default()
    };
    assert_eq!(kept(&night, &rules(Some(5), None), &zone).len(), 5);
    assert_eq!(
        kept(&night, &rules(None, Some(2)), &zone),
        ["03-29T21:30", "03-29T22:30"]
    );
    // 23 hours are a day, and an hour more is none.
    let days = Rules {
        keep_daily: Some(1),
        keep_last: Some(1),
        ..Rules::default()
    };
    assert_eq!(kept(&night[..4], &days, &zone), ["03-29T21:30"]);
}

#[test]
fn leap_days_and_the_turn_of_the_year_have_periods_of_their_own() {
    let entries = [
        good("2023-12-31T12:00:00Z", Some(0)), // week 52 of 2023
        good("2024-01-01T12:00:00Z", Some(0)), // week 1 of 2024
        good("2024-02-28T12:00:00Z", Some(0)),
        good("2024-02-29T12:00:00Z", Some(0)),
        good("2024-03-01T12:00:00Z", Some(0)),
        good("2024-12-30T12:00:00Z", Some(0)), // week 1 of 2025
        good("2025-01-02T12:00:00Z", Some(0)), // the same
    ];
    let monthly = Rules {
        keep_monthly: Some(9),
        ..Rules::default()
    };
    assert_eq!(
        kept(&entries, &monthly, &berlin),
        [
            "12-31T12:00",
            "01-01T12:00",
            "02-29T12:00",
            "03-01T12:00",
            "12-30T12:00",
            "01-02T12:00"
        ]
    );
    let yearly = Rules {
        keep_yearly: Some(3),
        ..Rules::default()
    };
    assert_eq!(
        kept(&entries, &yearly, &berlin),
        ["12-31T12:00", "12-30T12:00", "01-02T12:00"]
    );
    let weekly = Rules {
        keep_weekly: Some(9),
        ..Rules::default()
    };
    assert_eq!(
        kept(&entries, &weekly, &berlin),
        ["12-31T12:00", "01-01T12:00", "03-01T12:00", "01-02T12:00"]
    );
}

#[test]
fn a_month_without_a_success_takes_nothing_of_what_was_within() {
    let entries = [
        good("2026-10-01T12:00:00Z", None),
        good("2026-10-20T12:00:00Z", None),
        good("2026-10-21T12:00:00Z", None),
    ];
    let within = Rules {
        keep_within: Some(std::time::Duration::from_secs(2 * 86_400)),
        ..Rules::default()
    };
    assert_eq!(kept(&entries, &within, &berlin), ["10-20T12:00", "10-21T12:00"]);
}

#[test]
fn a_suspicious_one_waits_for_a_person() {
    let state = |entry: Entry| Entry {
        state: BackupState::Suspicious,
        ..entry
    };
    let entries = [
        state(good("2026-10-01T12:00:00Z", None)),
        state(good("2026-11-10T12:00:00Z", None)),
        good("2026-11-20T12:00:00Z", None),
        state(good("2026-11-21T12:00:00Z", None)),
    ];
    let last = Rules {
        keep_last: Some(1),
        ..Rules::default()
    };
    // Outlived and 30 days old; outlived and younger; good; not outlived.
    assert_eq!(
        kept(&entries, &last, &berlin),
        ["11-10T12:00", "11-20T12:00", "11-21T12:00"]
    );
    let aged = Rules {
        max_days: Some(7),
        ..last
    };
    assert_eq!(kept(&entries, &aged, &berlin), ["11-20T12:00", "11-21T12:00"]);
}
