//! `batt drill mysql`.

use std::fs;
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use serde_json::Value;

use crate::content::{DATABASES, Shop};
use crate::forgery::Forgery;

/// Runs a drill and returns its exit code and what is told of it.
fn drill(shop: &Shop) -> (i32, Value, String) {
    let finished = shop.host.batt(&["--format", "json", "drill", "mysql"]);
    let report: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.said()));
    (
        finished.code.unwrap(),
        report["drills"][0].clone(),
        finished.said(),
    )
}

#[test]
fn a_whole_backup_is_proven_and_the_running_server_is_not_touched() {
    let shop = Shop::backed_up();
    shop.server.sql("FLUSH TABLES");
    let before = (
        Shop::fingerprints(&shop.server),
        shop.server.sql("SHOW GLOBAL STATUS LIKE 'Connections'"),
    );

    let (exit, told, said) = drill(&shop);

    assert_eq!((exit, told["outcome"].as_str()), (0, Some("proven")), "{said}");
    let expected: usize = DATABASES
        .iter()
        .chain(&["mysql"])
        .map(|name| shop.content(name).len())
        .sum();
    assert_eq!(told["compared"].as_u64(), Some(expected as u64), "{said}");
    // Only our own two looks at it came between.
    let connections = |text: &str| -> u64 { text.split_whitespace().last().unwrap().parse().unwrap() };
    let now = shop.server.sql("SHOW GLOBAL STATUS LIKE 'Connections'");
    assert_eq!(connections(&now), connections(&before.1) + 1);
    assert_eq!(Shop::fingerprints(&shop.server), before.0);
    let catalogue = fs::read_to_string(shop.host.home().join("var/catalogue.jsonl")).unwrap();
    assert!(catalogue.contains("\"engine\":\"MariaDB 10."), "{catalogue}");
}

#[test]
fn a_drill_needs_a_server_that_is_no_older() {
    let shop = Shop::backed_up();
    let forgery = Forgery::of(&shop.host.backup("mysql"))
        .doctor("\"server.version\": \"1", "\"server.version\": \"991");
    forgery.drill().code(8).says("which is older");
}

/// The path of the socket would be too long for one, too.
#[test]
fn a_drill_leaves_nothing_behind() {
    let shop = Shop::backed_up();
    let place = tempfile::Builder::new()
        .prefix(&"a-long-name-".repeat(6))
        .tempdir_in("/tmp")
        .unwrap();
    chmod(place.path(), 0o711);
    shop.host
        .settings(&format!("[drill]\nscratch = \"{}\"\n", place.path().display()));
    shop.host.batt(&["drill", "mysql"]).code(0);

    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    let sockets = fs::read_dir("/tmp").unwrap().flatten();
    let left: Vec<_> = sockets
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("batt-drill."))
        .collect();
    assert_eq!(left, [""; 0]);
    let processes = Finished::run(Command::new("ps").args(["-eo", "args"])).success();
    assert!(!processes.contains(place.path().to_str().unwrap()), "{processes}");
}
