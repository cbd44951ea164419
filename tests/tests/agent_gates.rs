//! What a backup is held to against the last good one: what trips a gate is published beside, and counts for nothing
//! until a person accepts it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use batt_tests::drop_in::Told;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;

/// A service that stores what the home's file `stores` says.
fn data(host: &Host) {
    host.drop_in("data", ". $BATT_HOME/stores");
}

/// Backs `data` up, which stores this.
#[track_caller]
fn run(host: &Host, stores: &str) -> Told {
    fs::write(host.home().join("stores"), stores).unwrap();
    host.told("data", &["data"])
}

/// Returns the id of the backup that a run made.
fn id(told: &Told) -> String {
    format!("{}.data", told.run)
}

fn states(host: &Host) -> Vec<String> {
    let state = |backup: &serde_json::Value| backup["state"].as_str().unwrap().to_owned();
    host.listed().iter().map(state).collect()
}

const LARGE: &str = "batt store a -- head -c 4000000 /dev/zero";
const SMALL: &str = "batt store a -- head -c 1000000 /dev/zero";

#[test]
fn one_that_shrank_stands_beside_until_it_is_accepted() {
    let host = Host::new();
    data(&host);
    host.companion("restore-data", "batt load a -- cat >/dev/null");
    let good = run(&host, LARGE);
    let place = good.succeeded().to_owned();
    let before = host.published();

    let first = run(&host, SMALL);
    let path = first.beside(
        "suspicious",
        &[
            "it holds 977 KiB decompressed, and the last good one held 3.8 MiB: 75% less, and `max_shrink` is 50%",
            &format!("`batt accept {}`", id(&first)),
            &id(&good),
        ],
    );
    for (earlier, content) in &before {
        assert!(
            earlier.is_dir() || fs::read(earlier).unwrap() == *content,
            "{earlier:?}"
        );
    }
    let manifest = host.manifest_of(path);
    assert_eq!(manifest["state"], "suspicious");
    assert!(
        manifest["shortcomings"][0]
            .as_str()
            .unwrap()
            .contains("`max_shrink`")
    );
    let guide = fs::read_to_string(path.join("RESTORE.md")).unwrap();
    assert!(guide.contains("**This backup is suspicious.**"), "{guide}");
    let shown = host.batt(&["data"]).code(2);
    assert!(
        shown.stdout.contains("suspicious") && shown.stdout.contains("/data~"),
        "{}",
        shown.said()
    );

    // It is not what is meant, and that is said.
    let told = host.batt(&["restore", "data", "-n"]);
    told.says("2 newer ones are suspicious and passed over");
    // The good one is still what the next one is compared with.
    let third = run(&host, SMALL);
    third.beside("suspicious", &[&id(&good)]);
    assert_eq!(states(&host), ["good", "suspicious", "suspicious", "suspicious"]);
    let told = host.batt(&["restore", "data", "-n"]);
    told.says(&format!(
        "3 newer ones are suspicious and passed over, the newest `{}`: it holds 977 KiB decompressed",
        id(&third)
    ));
    told.says(&format!("`--from {}` takes it all the same", id(&third)));

    let said = host.batt(&["accept", &id(&third)]).success();
    assert!(said.starts_with(&format!("accepted `{}`", id(&third))), "{said}");
    // The newest good one has the usual place; the earlier one stays, under its own name.
    let accepted = &place;
    assert_eq!(host.manifest_of(accepted)["run"], third.run.as_str());
    let aside = place.with_file_name(format!("data~{}", good.run));
    assert_eq!(host.manifest_of(&aside)["run"], good.run.as_str());
    assert!(!third.path.as_deref().unwrap().exists());
    let listed = host.listed();
    let path_of = |id: &str| listed.iter().find(|backup| backup["id"] == id).unwrap()["path"].clone();
    assert_eq!(path_of(&id(&third)), place.to_str().unwrap());
    assert_eq!(path_of(&id(&good)), aside.to_str().unwrap());
    let mark: serde_json::Value =
        serde_json::from_slice(&fs::read(accepted.join("ACCEPTED")).unwrap()).unwrap();
    assert!(mark["at"].is_string() && mark["by"]["user"].is_string(), "{mark}");
    // Twice is no error, and the mark is no damage.
    let said = host.batt(&["accept", &id(&third)]).success();
    assert!(said.contains("accepted already"), "{said}");
    host.assert_sound();

    let next = run(&host, SMALL);
    assert_eq!(next.succeeded(), place);
    let back = run(&host, LARGE);
    back.succeeded();
    host.assert_sound();
}

#[test]
fn what_was_accepted_is_so_when_the_catalogue_is_lost() {
    let host = Host::new();
    data(&host);
    run(&host, LARGE).succeeded();
    let small = run(&host, SMALL);
    small.beside("suspicious", &[]);
    host.batt(&["accept", &id(&small)]).code(0);
    let another = run(&host, LARGE);
    let path = another.succeeded().to_owned();
    let accepted = || {
        let listed = host.listed();
        let entry = listed.iter().find(|backup| backup["id"] == id(&small).as_str());
        entry.unwrap()["accepted"].clone()
    };
    let before = accepted();
    assert!(before.is_string(), "{before}");

    fs::remove_file(host.home().join("var/catalogue.jsonl")).unwrap();
    host.batt(&["backups", "--rebuild"]).code(0);
    assert_eq!(accepted(), before);
    // It is what the next one is compared with, once the later one is gone.
    fs::remove_dir_all(path).unwrap();
    run(&host, SMALL).succeeded();
    host.assert_sound();
}

#[test]
fn what_is_not_suspicious_and_whole_is_not_accepted() {
    let host = Host::new();
    data(&host);
    let good = run(&host, LARGE);
    let said = host.batt(&["accept", &id(&good)]).success();
    assert!(said.contains("is good already"), "{said}");

    let partial = run(&host, &format!("{LARGE}; batt store b -- false"));
    partial.beside("partial", &[]);
    host.batt(&["accept", &id(&partial)]).code(77).says("is partial");

    let suspicious = run(&host, SMALL);
    let path = suspicious.beside("suspicious", &[]).to_owned();
    let almost = id(&suspicious).replace(".data", ".date");
    let unknown = host.batt(&["accept", &almost]).code(65);
    unknown.says(&format!("Did you mean `{}`?", id(&suspicious)));
    host.batt(&["accept"]).code(64);

    let archive = path.join("a.zst");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, &bytes).unwrap();
    host.batt(&["accept", &id(&suspicious)]).code(2).says("`a.zst`");
    assert!(!path.join("ACCEPTED").exists());
    run(&host, SMALL).beside("suspicious", &[&id(&good)]);

    fs::remove_dir_all(&path).unwrap();
    host.batt(&["accept", &id(&suspicious)])
        .code(65)
        .says("is not at");
}

/// Stores `a` with facts of its content.
fn with_content(facts: &str) -> String {
    let lines: String = facts
        .split(' ')
        .map(|fact| fact.replace('=', "\\t") + "\\n")
        .collect();
    format!("batt store a -- echo a; printf '{lines}' | batt record --of a --lines")
}

#[test]
fn objects_that_are_gone_and_tables_that_are_empty_are_suspicious() {
    let host = Host::new();
    data(&host);
    host.settings("[service.data]\nemptied_rows = 100\n");
    let all = with_content("table.x=InnoDB table.y=InnoDB procedure.p=yes rows.x=100 rows.y=5");
    run(&host, &all).succeeded();
    run(&host, &with_content("table.x=InnoDB table.y=InnoDB rows.x=100 rows.y=5")).beside(
        "suspicious",
        &["1 of 1 recorded as `procedure` are gone since the last good one, and `max_lost` is 50%: `a: procedure.p`"],
    );
    let empty = with_content("table.x=InnoDB table.y=InnoDB procedure.p=yes rows.x=0 rows.y=0");
    run(&host, &empty).beside(
        "suspicious",
        &["`rows.x` of `a` is 0, and was 100 in the last good one: `emptied_rows` is 100"],
    );
    // One of two tables may go, and one that had a few rows may have none.
    let less = with_content("table.x=InnoDB procedure.p=yes rows.x=99");
    run(&host, &less).succeeded();

    host.settings("[service.data]\nmax_lost = \"100%\"\n");
    run(&host, &with_content("table.x=InnoDB rows.x=99")).succeeded();
}

#[test]
fn archives_that_vanish_are_lost_and_a_noon_run_is_compared_with_its_like() {
    let host = Host::new();
    host.drop_in_raw(
        "data",
        b"#!/bin/bash\nfor item in \"${@:-$(cat $BATT_HOME/stores)}\"; do for i in $item; do batt store $i -- echo $i; done; done\n",
        0o755,
    );
    let night = run(&host, "a b c");
    night.succeeded();
    // One of three is not there any more: said, and kept by the earlier one.
    let one_less = run(&host, "a b");
    one_less.succeeded();
    assert!(one_less.warnings.contains("does not hold `c`"), "{one_less:?}");
    run(&host, "a b c").succeeded();
    run(&host, "a").beside("suspicious", &["and `max_lost` is 50%: gone are `b` and `c`"]);
    // Asked for one, it is no loss that it is one.
    let noon = host.told("data", &["--data-db", "a"]);
    noon.succeeded();
    host.assert_sound();
}

#[test]
fn what_does_not_change_is_a_warning() {
    let host = Host::new();
    data(&host);
    host.settings("[service.data]\nmax_unchanged = \"0s\"\n");
    let first = run(&host, "batt store a -- echo one");
    first.succeeded();
    assert_eq!(first.warnings, "");
    let second = run(&host, "batt store a -- echo two");
    second.succeeded();
    assert!(second.warnings.contains("has changed since"), "{second:?}");
    let guide = fs::read_to_string(second.succeeded().join("RESTORE.md")).unwrap();
    assert!(guide.contains("has changed since"), "{guide}");
    let third = run(&host, "batt store a -- echo other");
    third.succeeded();
    assert_eq!(third.warnings, "");
}

/// Tells whether the newest backup is verified, as `batt backups` has it.
fn newest_is_verified(host: &Host) -> bool {
    host.listed().last().unwrap()["verified"].is_string()
}

fn verified_in(host: &Host, backup: &Path) -> bool {
    host.manifest_of(backup)["verified"].as_bool().unwrap()
}

#[test]
fn what_is_not_read_again_is_not_called_verified() {
    let host = Host::new();
    data(&host);
    host.settings("[service.data]\nreread_every = \"7d\"\n");
    // Changed after it was stored, at the same length: only reading tells.
    let changed = format!("{LARGE}; printf X | dd of=$BATT_DEST/data/a.zst bs=1 seek=30 conv=notrunc");
    let own = "echo x > $BATT_DEST/data/own";
    // The first one is read.
    run(&host, &changed).failed(&["`a.zst`"]);
    let first = run(&host, &format!("{LARGE}; {own}"));
    let place = first.succeeded().to_owned();
    assert!(verified_in(&host, &place) && newest_is_verified(&host));
    assert_eq!(first.warnings, "");

    let second = run(&host, &format!("{LARGE}; {own}"));
    // It replaces nothing until it is proven.
    assert_eq!(
        second.succeeded(),
        place.with_file_name(format!("data~{}", second.run))
    );
    assert!(second.warnings.contains("was not read again"), "{second:?}");
    assert!(!verified_in(&host, second.succeeded()) && !newest_is_verified(&host));
    host.batt(&["verify", "data"]).success();
    assert!(newest_is_verified(&host));
    host.assert_sound();

    let unread = run(&host, &format!("{changed}; {own}"));
    assert!(unread.warnings.contains("`batt verify data`"), "{unread:?}");
    let path = unread.succeeded().to_owned();
    host.batt(&["verify", "data"]).code(2).says("a.zst");
    assert!(!newest_is_verified(&host));
    fs::remove_dir_all(path).unwrap();

    // The length is compared, and what the script wrote by itself is read.
    run(&host, &format!("{LARGE}; printf X >> $BATT_DEST/data/a.zst")).failed(&["`a.zst`"]);
    run(&host, &format!("{LARGE}; echo x > $BATT_DEST/data/own.gz")).beside("partial", &["`own.gz`"]);

    // Without the setting each is read again, and takes the place.
    host.settings("");
    let last = run(&host, &format!("{LARGE}; {own}"));
    assert_eq!(last.succeeded(), place);
    assert!(newest_is_verified(&host));
}

#[test]
fn a_database_that_lost_its_procedure_and_its_rows_is_suspicious() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE article AS SELECT seq FROM seq_1_to_3000;
         CREATE TABLE part AS SELECT seq FROM seq_1_to_10; CREATE PROCEDURE tidy() SELECT 1;
         CREATE VIEW recent AS SELECT seq FROM article;",
    );
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let place = host.told("mysql", &["mysql"]).succeeded().to_owned();

    server.sql("USE shop; DROP PROCEDURE tidy; DELETE FROM article; DELETE FROM part;");
    let lost = host.told("mysql", &["mysql"]);
    lost.beside(
        "suspicious",
        &[
            "1 of 1 recorded as `procedure` are gone since the last good one, and `max_lost` is 50%: `shop: procedure.tidy`",
            "`rows.article` of `shop` is 0, and was 3000",
        ],
    );
    assert!(!lost.reason.contains("rows.part"), "{lost:?}");
    host.batt(&["accept", &format!("{}.mysql", lost.run)]).code(0);
    assert_eq!(host.told("mysql", &["mysql"]).succeeded(), place);
    host.assert_sound();
}

#[test]
fn customers_that_are_gone_are_suspicious_though_the_backup_is_as_large_as_before() {
    let orders = "INSERT INTO orders SELECT seq, 'an order' FROM seq_1_to_50000; INSERT INTO cust SELECT seq, 'a name' FROM seq_1_to_40000;";
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; USE shop; CREATE TABLE orders (id int, what text); CREATE TABLE cust (id int, name text);");
    server.sql(&format!("USE shop; {orders}"));
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.told("mysql", &["mysql"]).succeeded();

    server.sql("USE shop; DELETE FROM cust WHERE id > 3");
    let lost = host.told("mysql", &["mysql"]);
    lost.beside(
        "suspicious",
        &["`rows.cust` of `shop` is 3, and was 40000 in the last good one: 99% less, and `max_shrink` is 50%"],
    );
    assert!(!lost.reason.contains("rows.orders"), "{lost:?}");

    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE orders AS SELECT n AS id, 'an order' AS what FROM generate_series(1, 50000) AS n;
         CREATE TABLE cust AS SELECT n AS id, 'a name' AS name FROM generate_series(1, 40000) AS n",
    );
    host.lead_to("postgresql", &server.environment());
    host.told("postgresql", &["postgresql"]).succeeded();
    let identity = server.sql("postgres", "SELECT system_identifier FROM pg_control_system()");
    assert_eq!(
        host.fact("postgresql", "server.identity"),
        format!("system identifier {}", identity.trim_end())
    );
    server.sql("shop", "DELETE FROM cust WHERE id > 3");
    host.told("postgresql", &["postgresql"]).beside(
        "suspicious",
        &["`rows.public.cust` of `shop` is 3, and was 40000 in the last good one: 99% less"],
    );

    let server = Redis::start("a password");
    let socket = server.socket().display().to_string();
    host.configure(
        "redis",
        &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", "a password")],
    );
    server.run("EVAL \"for n = 1, 22023 do redis.call('SET', n, n) end\" 0\n");
    host.told("redis", &["redis"]).succeeded();
    server.run("FLUSHALL\nMSET a 1 b 2\n");
    host.told("redis", &["redis"]).beside(
        "suspicious",
        &["`keys.db0` of `dump.rdb` is 2, and was 22023 in the last good one: 99% less"],
    );
}

#[test]
fn a_queue_that_is_empty_now_and_then_is_usual_once_it_was_accepted() {
    let host = Host::new();
    data(&host);
    let night = |rows: u32| {
        let stores = format!(
            "batt store a -- echo x; batt record --of a rows.queue {rows}; batt record --of a rows.cust 40000"
        );
        run(&host, &stores)
    };
    for _ in 0..3 {
        night(5000).succeeded();
    }
    let empty = night(0);
    empty.beside("suspicious", &["`rows.queue` of `a` is 0"]);
    host.batt(&["accept", &id(&empty)]).code(0);
    for rows in [5000, 6000, 5000, 0, 5000, 5000, 7000, 0, 3] {
        night(rows).succeeded();
    }
}

#[test]
fn another_server_under_the_same_settings_is_suspicious_until_it_is_accepted() {
    let host = Host::new();
    let (first, second) = (MariaDb::start(), MariaDb::start());
    let run = |server: &MariaDb| {
        let options = server.option_file("root", "");
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        host.told("mysql", &["mysql"])
    };
    run(&first).succeeded();
    let other = run(&second);
    other.beside(
        "suspicious",
        &["it is of another server than the last good ones: `datadir /"],
    );
    host.batt(&["accept", &format!("{}.mysql", other.run)]).code(0);
    run(&second).succeeded();
    run(&first).succeeded();
}

#[test]
fn what_is_accepted_and_is_not_the_newest_stays_beside() {
    let host = Host::new();
    data(&host);
    run(&host, LARGE).succeeded();
    let small = run(&host, SMALL);
    small.beside("suspicious", &[]);
    let newest = run(&host, LARGE);
    let place = newest.succeeded().to_owned();

    host.batt(&["accept", &id(&small)]).code(0);

    assert_eq!(host.manifest_of(&place)["run"], newest.run.as_str());
    assert!(small.path.as_deref().unwrap().join("ACCEPTED").exists());
    host.assert_sound();
}

#[test]
fn what_is_accepted_while_the_service_runs_stays_beside_and_counts() {
    let host = Host::new();
    data(&host);
    run(&host, LARGE).succeeded();
    let small = run(&host, SMALL);
    small.beside("suspicious", &[]);
    let lock = fs::File::open(host.home().join("var/locks/data.lock")).unwrap();
    lock.lock().unwrap();

    host.batt(&["accept", &id(&small)])
        .code(0)
        .says("it stays where it is: another run of `data` holds its lock");

    drop(lock);
    assert!(small.path.as_deref().unwrap().join("ACCEPTED").exists());
    run(&host, SMALL).succeeded();
    host.assert_sound();
}
