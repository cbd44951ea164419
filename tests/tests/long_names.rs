//! Names that are longer than the name of a file can be: their archives are found by the whole name, from the backup to the restore.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::sqlite;
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns the names that a backup's archives have, and the names of their files.
fn archives(host: &Host, service: &str) -> (BTreeSet<String>, Vec<String>) {
    let manifest = host.manifest(service);
    let archives = manifest["archives"].as_array().unwrap();
    let told = |key: &str| {
        archives
            .iter()
            .map(move |archive| archive[key].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    (told("name").into_iter().collect(), told("file"))
}

/// Asserts that a backup holds archives of these names, that its files are told apart, and that each name stands in its guide.
#[track_caller]
fn assert_named(host: &Host, service: &str, names: &[&str]) {
    let (named, files) = archives(host, service);
    assert_eq!(named, names.iter().map(|name| (*name).to_owned()).collect());
    assert!(files.iter().all(|file| file.len() <= 204), "{files:?}");
    assert_eq!(
        files.iter().collect::<BTreeSet<_>>().len(),
        names.len(),
        "{files:?}"
    );
    let guide = fs::read_to_string(host.backup(service).join("RESTORE.md")).unwrap();
    for name in names {
        assert!(
            guide.contains(&format!("is `{name}`")) || files.contains(&written(name)),
            "no `{name}` in:\n{guide}"
        );
    }
    host.batt(&["verify"]).code(0);
}

/// Returns the name of a file as it is written where it can be written in full.
fn written(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect::<String>() + ".zst"
}

/// Paths whose first 200 bytes are the same, however they are written, and a short one.
fn long_paths(host: &Host) -> [PathBuf; 3] {
    let folder = host.scratch().join("Документы/Бухгалтерия/Отчёты за прошлый год");
    fs::create_dir_all(&folder).unwrap();
    let long = |last: &str| folder.join(format!("{}{last}", "очень длинное имя ".repeat(5)));
    [long("один"), long("два"), host.scratch().join("short")]
}

#[test]
fn files_and_folders() {
    let host = Host::new();
    let paths = long_paths(&host);
    for path in &paths {
        fs::create_dir(path).unwrap();
        fs::write(path.join("content"), text(path)).unwrap();
    }
    let [one, two, short] = paths.each_ref().map(|path| text(path));

    host.batt(&["enable", "file"]).code(0);
    host.promise("file", &[one, two, short]);
    host.batt(&["check"]).code(0);
    host.batt(&["file"]).code(0);
    assert_named(&host, "file", &[one, two, short]);
    host.batt(&["drill", "file"]).code(0);

    for path in &paths {
        fs::remove_dir_all(path).unwrap();
    }
    host.batt(&["restore", "file", "--file", two]).code(0);
    assert_eq!(fs::read_to_string(paths[1].join("content")).unwrap(), two);
    assert!(!paths[0].exists() && !paths[2].exists());
    fs::remove_dir_all(two).unwrap();
    host.batt(&["restore", "file"]).code(0);
    for path in &paths {
        assert_eq!(fs::read_to_string(path.join("content")).unwrap(), text(path));
        fs::remove_dir_all(path).unwrap();
    }
    host.restore(&host.backup("file"), &[("into", "/".to_owned())]);
    for path in &paths {
        assert_eq!(fs::read_to_string(path.join("content")).unwrap(), text(path));
    }
}

#[test]
fn databases_of_sqlite() {
    let host = Host::new();
    let paths = long_paths(&host);
    let table = "таблица ".repeat(200);
    for (number, path) in paths.iter().enumerate() {
        sqlite::sql(
            path,
            &format!("CREATE TABLE \"{table}\" (n INT); INSERT INTO \"{table}\" VALUES ({number})"),
        );
    }
    let [one, two, short] = paths.each_ref().map(|path| text(path));

    host.batt(&["enable", "sqlite"]).code(0);
    host.promise("sqlite", &[one, two, short]);
    host.batt(&["check"]).code(0);
    host.batt(&["sqlite"]).code(0);
    assert_named(&host, "sqlite", &[one, two, short]);
    host.batt(&["drill", "sqlite"]).code(0);

    let rows = |path: &Path| sqlite::sql(path, &format!("SELECT n FROM \"{table}\""));
    for path in &paths {
        fs::remove_file(path).unwrap();
    }
    host.batt(&["restore", "sqlite", "--sqlite-db", two]).code(0);
    assert_eq!(rows(&paths[1]), "1\n");
    assert!(!paths[0].exists() && !paths[2].exists());
    fs::remove_file(two).unwrap();
    host.batt(&["restore", "sqlite"]).code(0);
    for (number, path) in paths.iter().enumerate() {
        assert_eq!(rows(path), format!("{number}\n"));
        fs::remove_file(path).unwrap();
    }
    host.restore(&host.backup("sqlite"), &[("owner", "root".to_owned())]);
    for (number, path) in paths.iter().enumerate() {
        assert_eq!(rows(path), format!("{number}\n"));
    }
}

/// The names of files that a file system just takes: nothing can be put behind them.
#[test]
fn what_is_replaced_is_kept_beside_under_a_name_that_fits() {
    let host = Host::new();
    let tree = host.scratch().join("б".repeat(127));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("content"), "old").unwrap();
    let database = host.scratch().join("n".repeat(240));
    sqlite::sql(&database, "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)");
    host.batt(&["--file", text(&tree), "--sqlite-db", text(&database)])
        .code(0);
    fs::write(tree.join("content"), "new").unwrap();
    sqlite::sql(&database, "UPDATE t SET n = 2");

    for (service, option, path) in [("file", "--file", &tree), ("sqlite", "--sqlite-db", &database)] {
        for _ in 0..2 {
            host.batt(&["restore", service, option, text(path), "--replace"])
                .code(0);
        }
    }
    assert_eq!(fs::read_to_string(tree.join("content")).unwrap(), "old");
    assert_eq!(sqlite::sql(&database, "SELECT n FROM t"), "1\n");
    let kept: Vec<String> = fs::read_dir(host.scratch())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".batt-"))
        .collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    let of = |beginning: char| {
        kept.iter()
            .filter(move |name| name.starts_with(beginning))
            .map(|name| host.scratch().join(name))
    };
    let mut contents: Vec<String> = of('б')
        .map(|path| fs::read_to_string(path.join("content")).unwrap())
        .collect();
    contents.sort();
    assert_eq!(contents, ["new", "old"]);
    let mut rows: Vec<String> = of('n')
        .map(|path| sqlite::sql(&path, "SELECT n FROM t"))
        .collect();
    rows.sort();
    assert_eq!(rows, ["1\n", "2\n"]);
}

#[test]
fn databases_of_mysql() {
    // As long as a name can be: 64 characters, of which each takes three bytes as the name of a file of the server, or five.
    let chinese = |last: &str| format!("{}{last}", "数".repeat(47));
    let [one, two, table] = ["一", "二", "表"].map(chinese);
    let cyrillic = "б".repeat(64);
    let server = MariaDb::start();
    for (number, name) in [&one, &two, &cyrillic].into_iter().enumerate() {
        server.sql(&format!(
            "CREATE DATABASE `{name}`; USE `{name}`; CREATE TABLE `{table}` (`{table}` INT PRIMARY KEY); INSERT INTO `{table}` VALUES ({number});
             CREATE TRIGGER `{table}` BEFORE INSERT ON `{table}` FOR EACH ROW SET @x = 1; CREATE VIEW `{cyrillic}` AS SELECT 1 AS `{table}`;
             CREATE PROCEDURE `{table}`() SELECT 1"
        ));
    }
    let host = Host::new();
    let file = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", text(&file))]);
    let before: Vec<String> = [&one, &two, &cyrillic]
        .map(|name| server.fingerprint(name))
        .to_vec();

    host.batt(&["enable", "mysql"]).code(0);
    host.promise("mysql", &[&one, &two, &cyrillic]);
    host.batt(&["check"]).code(0);
    host.batt(&["mysql"]).code(0);
    assert_named(&host, "mysql", &[&one, &two, &cyrillic]);
    host.batt(&["drill", "mysql"]).code(0);

    for name in [&one, &two, &cyrillic] {
        server.sql(&format!("DROP DATABASE `{name}`"));
    }
    host.batt(&["restore", "mysql", "--mysql-db", &two]).code(0);
    assert_eq!(server.fingerprint(&two), before[1]);
    assert_eq!(
        server.sql("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE '%一'"),
        "0\n"
    );
    server.sql(&format!("DROP DATABASE `{two}`"));
    host.batt(&["restore", "mysql"]).code(0);
    for (name, before) in [&one, &two, &cyrillic].into_iter().zip(&before) {
        assert_eq!(&server.fingerprint(name), before);
    }
}

#[test]
fn databases_of_postgresql() {
    // As long as PostgreSQL lets a name be: 63 bytes. Written as the name of a file each takes three.
    let names = [
        format!("{}б", "'".repeat(61)),
        format!("{}я", "'".repeat(61)),
        "shop".to_owned(),
    ];
    let [table, column] = ["т".repeat(31), "数".repeat(21)];
    let server = Postgresql::start();
    for (number, name) in names.iter().enumerate() {
        server.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        server.sql(
            name,
            &format!("CREATE TABLE \"{table}\" (\"{column}\" int PRIMARY KEY CHECK (\"{column}\" > -1)); INSERT INTO \"{table}\" VALUES ({number})"),
        );
    }
    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    let before: Vec<String> = names.iter().map(|name| server.fingerprint(name)).collect();

    host.batt_promised("postgresql", &names.each_ref().map(String::as_str))
        .code(0);
    let (named, files) = archives(&host, "postgresql");
    assert!(
        names.iter().all(|name| named.contains(name)) && files.iter().all(|file| file.len() <= 204),
        "{named:?}: {files:?}"
    );
    host.batt(&["verify"]).code(0);
    host.batt(&["drill", "postgresql"]).code(0);

    for name in &names {
        server.sql("postgres", &format!("DROP DATABASE \"{name}\""));
    }
    host.batt(&["restore", "postgresql", "--postgresql-db", &names[1]])
        .code(0);
    assert_eq!(server.fingerprint(&names[1]), before[1]);
    server.sql("postgres", &format!("DROP DATABASE \"{}\"", names[1]));
    host.batt(&["restore", "postgresql"]).code(0);
    for (name, before) in names.iter().zip(&before) {
        assert_eq!(&server.fingerprint(name), before);
    }
}

#[test]
fn a_name_longer_than_any_path_and_a_fact_too_long_fail_alone() {
    let host = Host::new();
    let script = "#!/bin/bash
batt store good -- echo good
batt store $(printf 'x%.0s' {1..5000}) -- echo bad
batt store half -- echo good
batt record --of half rows.$(printf 'x%.0s' {1..50000}) 1
exit 0
";
    host.drop_in_raw("own", script.as_bytes(), 0o755);
    let told = host.told("own", &["own"]);
    let path = told.beside(
        "partial",
        &[
            "the name of the archive has 5000 bytes, at most 4096 are possible",
            "`batt record --of half` failed: a key of 50005 bytes",
        ],
    );
    let manifest: Value = serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap();
    let archives = manifest["archives"].as_array().unwrap();
    assert_eq!(archives.len(), 1, "{archives:?}");
    assert_eq!(archives[0]["name"], "good");
}
