use std::time::Duration;

use super::*;
use crate::backup::manifest_of;
use crate::settings::Settings;

/// What batt.toml says under `[defaults]`.
fn gates(text: &str) -> Gates {
    let text = format!("[defaults]\n{text}\n");
    let settings = Settings::parse(std::path::Path::new("batt.toml"), &text).unwrap();
    settings.service(&"x".parse().unwrap()).gates
}

/// An archive: its name, its decompressed bytes, and its content.
type Archive<'a> = (&'a str, u64, &'a [(&'a str, &'a str)]);

fn backup(archives: &[Archive<'_>]) -> Manifest {
    let files: Vec<&str> = archives.iter().map(|(name, _, _)| *name).collect();
    let mut manifest = manifest_of("20260131T023000Z-00000a", &[], &files);
    for (record, (name, raw_bytes, content)) in manifest.archives.iter_mut().zip(archives) {
        record.name = Some((*name).to_owned());
        record.raw_bytes = *raw_bytes;
        record.content = content
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
    }
    manifest
}

fn suspicions(now: &Manifest, last: &Manifest, text: &str) -> Vec<String> {
    compare(now, last, &gates(text)).suspicions
}

const MIB: u64 = 1 << 20;

#[test]
fn a_backup_that_lost_much_of_its_bytes_is_suspicious() {
    let (last, half, less) = (
        backup(&[("a", 10 * MIB, &[])]),
        backup(&[("a", 5 * MIB, &[])]),
        backup(&[("a", 5 * MIB - 1, &[])]),
    );
    assert_eq!(suspicions(&half, &last, ""), [""; 0]);
    assert_eq!(
        suspicions(&less, &last, ""),
        [
            "it holds 5.0 MiB decompressed, and the last good one held 10.0 MiB: 50% less, and `max_shrink` is 50%"
        ]
    );
    assert_eq!(suspicions(&half, &last, "max_shrink = \"49%\"").len(), 1);
    assert_eq!(suspicions(&less, &last, "max_shrink = \"100%\""), [""; 0]);
    // What grows is not suspicious, and what is tiny comes and goes.
    assert_eq!(suspicions(&last, &less, "max_shrink = \"0%\""), [""; 0]);
    let (tiny, tinier) = (backup(&[("a", 1000, &[])]), backup(&[("a", 10, &[])]));
    assert_eq!(suspicions(&tinier, &tiny, ""), [""; 0]);
    assert_eq!(suspicions(&tinier, &tiny, "max_shrink = \"50%\"").len(), 1);
}

#[test]
fn objects_that_are_gone_are_counted_by_their_kind() {
    let last = backup(&[
        (
            "a",
            9,
            &[
                ("table.one", "InnoDB"),
                ("table.two", "InnoDB"),
                ("procedure.p", "yes"),
                ("rows.one", "1"),
                ("members", "3"),
            ],
        ),
        ("b", 9, &[("table.one", "InnoDB")]),
    ]);
    let without_procedure = backup(&[
        (
            "a",
            9,
            &[("table.one", "InnoDB"), ("table.two", "Aria"), ("rows.one", "1")],
        ),
        ("b", 9, &[("table.one", "InnoDB"), ("view.v", "yes")]),
    ]);
    assert_eq!(
        suspicions(&without_procedure, &last, ""),
        [
            "1 of 1 recorded as `procedure` are gone since the last good one, and `max_lost` is 50%: `a: procedure.p`"
        ]
    );
    let mut one_table = without_procedure.clone();
    one_table.archives[0]
        .content
        .insert("procedure.p".to_owned(), "yes".to_owned());
    one_table.archives[0].content.remove("table.two");
    assert_eq!(suspicions(&one_table, &last, ""), [""; 0], "1 of 3 tables");
    assert_eq!(
        suspicions(&one_table, &last, "max_lost = \"33%\""),
        [
            "1 of 3 recorded as `table` are gone since the last good one, and `max_lost` is 33%: `a: table.two`"
        ]
    );
    assert_eq!(suspicions(&one_table, &last, "max_lost = \"34%\""), [""; 0]);
}

#[test]
fn archives_that_vanished_are_lost_unless_items_were_named() {
    let last = backup(&[("a", 9, &[]), ("b", 9, &[]), ("c", 9, &[]), ("d", 9, &[])]);
    let two = backup(&[("a", 9, &[]), ("b", 9, &[])]);
    let found = compare(&two, &last, &gates(""));
    assert_eq!(found.suspicions, [""; 0]);
    assert_eq!(
        found.warnings,
        ["of the archives of the last good backup it does not hold `c` and `d`"]
    );
    let one = backup(&[("a", 9, &[])]);
    assert_eq!(
        suspicions(&one, &last, ""),
        [
            "it holds 1 archive of `batt store`, and the last good one held 4, and `max_lost` is 50%: \
             gone are `b`, `c` and `d`"
        ]
    );
    let named = Manifest {
        items: vec!["a".to_owned()],
        ..one
    };
    assert_eq!(compare(&named, &last, &gates("")), Comparison::default());
    // Names with a date in them: as many came as went.
    let today = backup(&[("d1", 9, &[]), ("d2", 9, &[]), ("d3", 9, &[]), ("d4", 9, &[])]);
    assert_eq!(suspicions(&today, &last, ""), [""; 0]);
}

#[test]
fn a_table_that_had_many_rows_must_not_have_none() {
    let with = |rows: &str| backup(&[("a", 9, &[("rows.t", rows), ("other.t", rows)])]);
    assert_eq!(suspicions(&with("0"), &with("999"), ""), [""; 0]);
    assert_eq!(
        suspicions(&with("0"), &with("1000"), ""),
        ["`rows.t` of `a` is 0, and was 1000 in the last good one: `emptied_rows` is 1000"]
    );
    assert_eq!(suspicions(&with("1"), &with("1000"), ""), [""; 0]);
    assert_eq!(suspicions(&with("0"), &with("5"), "emptied_rows = 5").len(), 1);
    assert_eq!(suspicions(&with("0"), &with("many"), ""), [""; 0]);

    let names: Vec<String> = (0..50).map(|number| format!("rows.t{number}")).collect();
    let all = |rows| {
        let content: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), rows)).collect();
        backup(&[("a", 9, &content)])
    };
    let told = suspicions(&all("0"), &all("5000"), "");
    assert_eq!(told.len(), MOST_TABLES + 1);
    assert_eq!(told[MOST_TABLES], "40 more are 0 that were not");
}

#[test]
fn what_is_counted_may_be_unsaid_when_there_is_none_and_is_no_object() {
    let redis = |keys: &[(&str, &str)]| backup(&[("dump", 9, keys)]);
    let (many, few, none) = (
        redis(&[("keys.db0", "5000"), ("keys.db1", "3")]),
        redis(&[("keys.db0", "4000")]),
        redis(&[]),
    );
    assert_eq!(suspicions(&few, &many, ""), [""; 0]);
    assert_eq!(suspicions(&none, &redis(&[("keys.db0", "3")]), ""), [""; 0]);
    assert_eq!(
        suspicions(&none, &many, ""),
        ["`keys.db0` of `dump` is 0, and was 5000 in the last good one: `emptied_rows` is 1000"]
    );
    // A folder whose file system was not mounted.
    let folder = |members: &str| {
        backup(&[(
            "/srv",
            9,
            &[("members.others", members), ("members.folders", "1")],
        )])
    };
    assert_eq!(suspicions(&folder("0"), &folder("20000"), "").len(), 1);
    let sums = backup(&[("a", 9, &[("checksum.t", "77"), ("rows.t", "5")])]);
    assert_eq!(
        suspicions(&backup(&[("a", 9, &[("rows.t", "5")])]), &sums, ""),
        [""; 0]
    );
}

#[test]
fn objects_that_are_too_many_to_name_are_counted() {
    let named = backup(&[("a", 9, &[("index.x", "t"), ("index.y", "t"), ("index.z", "t")])]);
    let counted = |number: &str| backup(&[("a", 9, &[("count.index", number)])]);
    assert_eq!(suspicions(&counted("30000"), &named, ""), [""; 0]);
    assert_eq!(suspicions(&counted("2"), &named, ""), [""; 0]);
    assert_eq!(
        suspicions(&named, &counted("30000"), ""),
        ["29997 of 30000 recorded as `index` are gone since the last good one, and `max_lost` is 50%"]
    );
    assert_eq!(
        suspicions(&backup(&[("a", 9, &[])]), &counted("30000"), "").len(),
        1
    );
}

#[test]
fn what_has_not_changed_for_long_is_a_warning() {
    let day = |number: i64| DateTime::<Utc>::default() + chrono::Duration::days(number);
    let at = |number: i64, rows: &str| Manifest {
        started: day(number),
        ..backup(&[("a", 9, &[("rows.t", rows)])])
    };
    let gates = gates("max_unchanged = \"3d\"");
    let mut second = at(2, "1");
    assert_eq!(apply(&mut second, &at(0, "1"), &gates), None);
    assert_eq!((second.unchanged_since, second.warnings.len()), (Some(day(0)), 0));
    let mut third = at(3, "1");
    assert_eq!(apply(&mut third, &second, &gates), None);
    assert_eq!(third.unchanged_since, Some(day(0)), "from backup to backup");
    assert_eq!(
        third.warnings,
        [format!(
            "neither the content nor the size of its archives has changed since 1970-01-01 00:00 (UTC): \
             `max_unchanged` is {} seconds",
            Duration::from_secs(3 * 86_400).as_secs()
        )]
    );
    let mut changed = at(9, "2");
    apply(&mut changed, &third, &gates);
    assert_eq!((changed.unchanged_since, changed.warnings.len()), (None, 0));
}

#[test]
fn what_is_suspicious_says_so_and_how_to_accept_it() {
    let last = backup(&[("a", 10 * MIB, &[])]);
    let mut now = backup(&[("a", MIB, &[])]);
    now.run = "20260201T023000Z-00000b".parse().unwrap();
    let reason = apply(&mut now, &last, &gates("")).unwrap();
    assert_eq!(now.state, BackupState::Suspicious);
    assert_eq!(now.shortcomings.len(), 1);
    let (first, hint) = reason.split_once('\n').unwrap();
    assert_eq!(first, now.shortcomings[0]);
    assert_eq!(
        hint,
        "hint: It was compared with `20260131T023000Z-00000a.mysql`. `batt accept 20260201T023000Z-00000b.mysql` \
         takes it as the new normal."
    );
}
