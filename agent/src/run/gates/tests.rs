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
    compare(now, std::slice::from_ref(last), &gates(text)).suspicions
}

fn applied(now: &mut Manifest, last: &Manifest, gates: &Gates) -> Option<String> {
    apply(now, last.clone(), Vec::new, gates)
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
fn an_archive_in_another_format_is_not_compared_by_its_size() {
    let last = backup(&[("a", 30 * MIB, &[]), ("b", 10 * MIB, &[])]);
    let mut now = backup(&[("a", MIB, &[]), ("b", 10 * MIB, &[])]);
    assert_eq!(suspicions(&now, &last, "").len(), 1);
    now.archives[0].check = Some(crate::archive::Kind::PostgresqlDirectory);
    assert_eq!(suspicions(&now, &last, ""), [""; 0]);
    now.archives[1].raw_bytes = MIB;
    assert_eq!(
        suspicions(&now, &last, ""),
        [
            "it holds 1.0 MiB decompressed, and the last good one held 10.0 MiB: 90% less, and `max_shrink` is 50%"
        ]
    );
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
    assert_eq!(
        suspicions(&one_table, &last, "max_lost = \"34%\""),
        ["1 of 2 recorded as `table` of `a` are gone since the last good one, and `max_lost` is 34%"]
    );
}

#[test]
fn archives_that_vanished_are_lost_unless_items_were_named() {
    let last = backup(&[("a", 9, &[]), ("b", 9, &[]), ("c", 9, &[]), ("d", 9, &[])]);
    let two = backup(&[("a", 9, &[]), ("b", 9, &[])]);
    let found = compare(&two, std::slice::from_ref(&last), &gates(""));
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
    assert_eq!(
        compare(&named, std::slice::from_ref(&last), &gates("")),
        Comparison::default()
    );
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
    assert_eq!(suspicions(&with("500"), &with("1000"), ""), [""; 0]);
    assert_eq!(suspicions(&with("0"), &with("5"), "emptied_rows = 5").len(), 1);
    assert_eq!(suspicions(&with("0"), &with("many"), ""), [""; 0]);

    let names: Vec<String> = (0..50).map(|number| format!("rows.t{number}")).collect();
    let all = |rows| {
        let content: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), rows)).collect();
        backup(&[("a", 9, &content)])
    };
    let told = suspicions(&all("0"), &all("5000"), "");
    assert_eq!(told.len(), MOST_TABLES + 1);
    assert_eq!(told[MOST_TABLES], "40 more have lost as much");
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
    let two = redis(&[("keys.db0", "2"), ("keys.db1", "3")]);
    assert_eq!(suspicions(&two, &many, "").len(), 1);
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
    // One that is of another part of a table now has another name.
    let sums = backup(&[(
        "a",
        9,
        &[
            ("checksum.t", "77"),
            ("checksum-1-of-2.u", "7"),
            ("checksum-text.v", "7"),
            ("rows.t", "5"),
        ],
    )]);
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
    assert_eq!(applied(&mut second, &at(0, "1"), &gates), None);
    assert_eq!((second.unchanged_since, second.warnings.len()), (Some(day(0)), 0));
    let mut third = at(3, "1");
    assert_eq!(applied(&mut third, &second, &gates), None);
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
    applied(&mut changed, &third, &gates);
    assert_eq!((changed.unchanged_since, changed.warnings.len()), (None, 0));
}

#[test]
fn what_is_suspicious_says_so_and_how_to_accept_it() {
    let last = backup(&[("a", 10 * MIB, &[])]);
    let mut now = backup(&[("a", MIB, &[])]);
    now.run = "20260201T023000Z-00000b".parse().unwrap();
    let reason = applied(&mut now, &last, &gates("")).unwrap();
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

/// A backup of a shop with so many orders and customers.
fn shop(orders: u64, customers: u64) -> Manifest {
    let (orders, customers) = (orders.to_string(), customers.to_string());
    backup(&[("shop", 9, &[("rows.orders", &orders), ("rows.cust", &customers)])])
}

#[test]
fn a_table_that_lost_most_of_its_rows_is_suspicious_though_it_is_not_empty() {
    let last = shop(50_000, 40_000);
    assert_eq!(
        suspicions(&shop(50_000, 3), &last, ""),
        ["`rows.cust` of `shop` is 3, and was 40000 in the last good one: 99% less, and `max_shrink` is 50%"]
    );
    assert_eq!(suspicions(&shop(50_000, 20_000), &last, ""), [""; 0]);
    assert_eq!(suspicions(&shop(50_000, 19_999), &last, "").len(), 1);
    assert_eq!(
        suspicions(&shop(50_000, 19_999), &last, "max_shrink = \"60%\""),
        [""; 0]
    );
    assert_eq!(
        suspicions(&shop(9, 19_999), &shop(999, 20_000), ""),
        [""; 0],
        "it had too few to count"
    );
    assert_eq!(
        suspicions(&shop(0, 3), &last, "max_shrink = \"100%\"").len(),
        1,
        "one is empty"
    );
}

#[test]
fn what_has_fallen_before_is_usual() {
    let told = |now: &Manifest, earlier: &[Manifest]| compare(now, earlier, &gates("")).suspicions;
    let (full, empty) = (shop(50_000, 40_000), shop(0, 40_000));
    assert_eq!(told(&empty, &[full.clone(), full.clone(), full.clone()]).len(), 1);
    let nights = [full.clone(), full.clone(), empty.clone(), full.clone()];
    assert_eq!(
        told(&empty, &nights),
        [""; 0],
        "a queue that is empty every fourth night"
    );
    assert_eq!(
        told(&shop(0, 3), &nights).len(),
        1,
        "and customers that never were"
    );
    // What has but grown is no excuse.
    assert_eq!(
        told(&empty, &[full.clone(), shop(900, 40_000), shop(0, 40_000)]).len(),
        1
    );

    let bytes = |bytes: u64| backup(&[("a", bytes * MIB, &[])]);
    assert_eq!(told(&bytes(1), &[bytes(9), bytes(9)]).len(), 1);
    assert_eq!(told(&bytes(1), &[bytes(9), bytes(1), bytes(9)]), [""; 0]);
}

#[test]
fn another_server_is_suspicious_until_it_was_accepted() {
    let of = |server: &str| {
        let mut backup = shop(5, 5);
        backup.facts.insert(IDENTITY.to_owned(), server.to_owned());
        backup
    };
    let told = |now: &Manifest, earlier: &[Manifest]| compare(now, earlier, &gates("")).suspicions;
    assert_eq!(
        told(&of("two"), &[of("one"), of("one")]),
        ["it is of another server than the last good ones: `two`, and that was `one`"]
    );
    assert_eq!(
        told(&of("two"), &[of("one"), of("two")]),
        [""; 0],
        "now this, now that of a pair"
    );
    assert_eq!(told(&of("two"), &[shop(5, 5)]), [""; 0], "it was not known");
    assert_eq!(told(&shop(5, 5), &[of("one")]), [""; 0]);
}
