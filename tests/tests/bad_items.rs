//! One bad item is one bad item: the others are published, it is named with its reason, and `batt check` tells of it before.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use batt_tests::drop_in::told;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::sqlite;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns the names of the archives of a backup.
fn names(host: &Host, backup: &Path) -> BTreeSet<String> {
    let manifest = host.manifest_of(backup);
    let archives = manifest["archives"].as_array().unwrap();
    archives
        .iter()
        .map(|archive| archive["name"].as_str().unwrap().to_owned())
        .collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Runs batt as a root that may not read what it could not as the owner of nothing.
const WITHOUT_RIGHTS: [&str; 2] = [
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
];

#[test]
fn paths_are_the_same_however_they_are_written() {
    let host = Host::new();
    let folder = host.scratch();
    let folder = text(&folder);
    let plain = ["one", "two", "three", "four", "five"].map(|name| format!("{folder}/{name}"));
    for path in &plain {
        fs::create_dir(path).unwrap();
        fs::write(format!("{path}/content"), path).unwrap();
    }
    let items = [
        format!("{folder}//one"),
        format!("{folder}/././two"),
        format!("{folder}/three/."),
        format!("{folder}/four//"),
        format!("//{folder}/five/./"),
    ];
    host.batt_promised("file", &items.each_ref().map(String::as_str))
        .code(0);
    let all: BTreeSet<String> = plain.clone().into();
    assert_eq!(names(&host, &host.backup("file")), all);
    host.batt(&["drill", "file"]).code(0);

    for path in &plain {
        fs::remove_dir_all(path).unwrap();
    }
    host.batt(&["restore", "file", "--file", &items[0], "--file", &plain[1]])
        .code(0);
    assert!(Path::new(&plain[0]).exists() && Path::new(&plain[1]).exists() && !Path::new(&plain[2]).exists());
    for path in &plain[..2] {
        fs::remove_dir_all(path).unwrap();
    }
    host.batt(&["restore", "file"]).code(0);
    for path in &plain {
        assert_eq!(&fs::read_to_string(format!("{path}/content")).unwrap(), path);
    }

    // What is missing from a part is what is missing.
    fs::remove_dir_all(&plain[0]).unwrap();
    let partial = host.told("file", &["file"]);
    let path = partial.beside("partial", &[&format!("without `{}`\n", plain[0])]);
    assert_eq!(names(&host, path).len(), 4);
}

/// Asserts that databases whose names look like paths are backed up, drilled and restored each by its own name.
fn assert_names(service: &str, host: &Host, sql: &dyn Fn(&str) -> String) {
    host.promise(service, &["/x/", "gone"]);
    let partial = host.told(service, &[service]);
    let path = partial.beside("partial", &["without `gone`\n"]);
    assert!(names(host, path).contains("/x/"));
    // What has the one database is no backup of the other.
    let option = format!("--{service}-db");
    host.promise(service, &["/x/"]);
    host.batt(&[service]).code(0);
    host.batt(&["drill", service]).code(0);
    host.batt(&["restore", service, &option, "/x"]).code(65);
    sql("DROP DATABASE");
    host.batt(&["restore", service, &option, "/x/"]).code(0);
    assert_eq!(sql("SELECT"), "7\n");
}

#[test]
fn a_database_may_be_called_like_a_path() {
    let server = Postgresql::start();
    server.sql("postgres", "CREATE DATABASE \"/x/\"; CREATE DATABASE \"/x\"");
    server.sql("/x/", "CREATE TABLE t AS SELECT 7 AS n");
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql", &settings);
    assert_names("postgresql", &host, &|what| match what {
        "SELECT" => server.sql("/x/", "SELECT n FROM t"),
        _ => server.sql("postgres", "DROP DATABASE \"/x/\""),
    });

    let server = MariaDb::start();
    server.sql("CREATE DATABASE `/x/`; CREATE DATABASE `/x`; CREATE TABLE `/x/`.t AS SELECT 7 AS n");
    let host = Host::new();
    let options = server.option_file("root", "");
    host.configure("mysql", &[("MYSQL_CREDS", text(&options))]);
    assert_names("mysql", &host, &|what| match what {
        "SELECT" => server.sql("SELECT n FROM `/x/`.t"),
        _ => server.sql("DROP DATABASE `/x/`"),
    });
}

#[test]
fn what_cannot_be_read_of_files_is_named_and_the_rest_is_kept() {
    let host = Host::new();
    let [good, tree, closed] = ["good", "tree", "closed"].map(|name| host.scratch().join(name));
    for folder in [&good, &tree, &closed] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("content"), "x").unwrap();
    }
    fs::create_dir(tree.join("locked folder")).unwrap();
    fs::write(tree.join("locked folder/inner"), "x").unwrap();
    fs::write(tree.join("locked"), "x").unwrap();
    for path in [&closed, &tree.join("locked folder"), &tree.join("locked")] {
        chown(path, Some(61_200), Some(61_200)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let link = host.scratch().join("link");
    symlink(&good, &link).unwrap();
    let gone = host.scratch().join("gone");
    let items = [&good, &tree, &closed, &link, &gone].map(|path| text(path));

    host.batt(&["enable", "file"]).code(0);
    host.promise("file", &items);
    let check = host.batt_within("setpriv", &WITHOUT_RIGHTS, &["check"]);
    let check = check.code(2);
    for item in [
        &closed,
        &link,
        &gone,
        &tree.join("locked"),
        &tree.join("locked folder"),
    ] {
        check.says(text(item));
    }

    let partial = told(
        "file",
        host.batt_within("setpriv", &WITHOUT_RIGHTS, &["--format", "json", "file"]),
    );
    let locked = format!("{} (Permission denied)", text(&tree.join("locked")));
    let path = partial.beside(
        "partial",
        &[
            &format!(
                "without `{}`, `{}` and `{}`",
                text(&closed),
                text(&gone),
                text(&link)
            ),
            &format!(
                "`{}`: it is there without what could not be read, 2 in all: ",
                text(&tree)
            ),
            &locked,
            &format!("{} (Permission denied)", text(&tree.join("locked folder"))),
            &format!("`{}`: it may not be read", text(&closed)),
            &format!("`{}`: there is no such file or folder", text(&gone)),
            &format!("`{}`: it is a symbolic link", text(&link)),
        ],
    );
    assert_eq!(names(&host, path), set([text(&good), text(&tree)]));
    let guide = fs::read_to_string(path.join("RESTORE.md")).unwrap();
    assert!(guide.contains(&locked), "{guide}");

    for folder in [&good, &tree] {
        fs::remove_dir_all(folder).unwrap();
    }
    host.batt(&["restore", "--from", text(path)]).code(0);
    assert!(good.join("content").exists() && tree.join("content").exists() && !tree.join("locked").exists());
}

#[test]
fn what_a_file_is_called_is_no_word_of_tar() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("content"), "x").unwrap();
    let locked = tree.join("this is not recoverable");
    fs::write(&locked, "x").unwrap();
    chown(&locked, Some(61_200), Some(61_200)).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    // Sockets are passed over with a remark that holds their names.
    let _readable = ["readable: Cannot open", "readable: Read error at x: y"]
        .map(|name| UnixListener::bind(tree.join(name)).unwrap());
    host.batt(&["enable", "file"]).code(0);
    host.promise("file", &[text(&tree)]);
    let partial = told(
        "file",
        host.batt_within("setpriv", &WITHOUT_RIGHTS, &["--format", "json", "file"]),
    );
    let path = partial.beside(
        "partial",
        &[&format!(
            "it is there without what could not be read, 1 in all: {} (Permission denied)",
            text(&locked)
        )],
    );
    assert_eq!(names(&host, path), set([text(&tree)]));
}

#[test]
fn what_is_no_database_of_sqlite_is_named_and_the_others_are_kept() {
    let host = Host::new();
    let [good, other, letter, link, gone] =
        ["good", "other", "letter", "link", "gone"].map(|name| host.scratch().join(name));
    for path in [&good, &other] {
        sqlite::sql(path, "CREATE TABLE t (n INT); INSERT INTO t VALUES (7)");
    }
    fs::write(&letter, "Dear Sir or Madam, ".repeat(1000)).unwrap();
    symlink(&good, &link).unwrap();
    let items = [&good, &letter, &link, &gone, &other].map(|path| text(path));
    host.batt(&["enable", "sqlite"]).code(0);
    host.promise("sqlite", &items);
    let check = host.batt(&["check"]).code(2);
    for item in [&letter, &link, &gone] {
        check.says(text(item));
    }
    let partial = host.told("sqlite", &["sqlite"]);
    let path = partial.beside(
        "partial",
        &[
            &format!(
                "without `{}`, `{}` and `{}`",
                text(&gone),
                text(&letter),
                text(&link)
            ),
            &format!(
                "`{}`: it cannot be copied: Error: file is not a database\n",
                text(&letter)
            ),
            &format!(
                "`{}`: it cannot be copied: `{}` is a symbolic link",
                text(&link),
                text(&link)
            ),
            &format!("`{}`: it cannot be copied: cannot look at ", text(&gone)),
        ],
    );
    assert_eq!(names(&host, path), set([text(&good), text(&other)]));
    host.assert_sound();
}

#[test]
fn a_database_in_wal_mode_on_a_medium_that_cannot_be_written_is_copied() {
    let host = Host::new();
    let folder = host.scratch().join("medium");
    fs::create_dir(&folder).unwrap();
    let [closed, open] = ["closed.db", "open.db"].map(|name| folder.join(name));
    for path in [&closed, &open] {
        sqlite::sql(
            path,
            "PRAGMA journal_mode = wal; CREATE TABLE t (n INT); INSERT INTO t VALUES (7)",
        );
    }
    // As a snapshot of a file system has one that was in use: what was written last is in the log alone.
    let log = folder.join("open.db-wal");
    sqlite::sql(
        &open,
        &format!(
            "INSERT INTO t VALUES (8); .system cp '{0}' '{0}.kept' && cp '{1}' '{1}.kept'",
            text(&log),
            text(&open)
        )
        .replace("; .system", ";\n.system"),
    );
    fs::rename(folder.join("open.db-wal.kept"), &log).unwrap();
    fs::rename(folder.join("open.db.kept"), &open).unwrap();
    host.batt(&["enable", "sqlite"]).code(0);
    host.promise("sqlite", &[text(&closed), text(&open)]);
    let read_only = format!(
        "mount --bind '{0}' '{0}'\nmount -o remount,ro,bind '{0}'\nbatt check\nbatt sqlite",
        text(&folder)
    );
    let Some(finished) = host.in_mounts(&read_only) else {
        return;
    };
    finished.code(0);
    for path in [&closed, &open, &log] {
        fs::remove_file(path).unwrap();
    }
    host.batt(&["restore", "sqlite"]).code(0);
    assert_eq!(sqlite::sql(&closed, "SELECT n FROM t"), "7\n");
    assert_eq!(sqlite::sql(&open, "SELECT n FROM t"), "7\n8\n");
}

#[test]
fn a_database_of_postgresql_that_cannot_be_dumped_is_named_and_the_others_are_kept() {
    let server = Postgresql::start();
    for name in ["first", "broken", "half", "odd", "third"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        server.sql(name, "CREATE TABLE t AS SELECT generate_series(1, 3) AS id");
    }
    // A catalogue that is damaged, a database whose DROP was interrupted, and a name in Latin 1.
    server.sql(
        "broken",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW v AS SELECT f(); DELETE FROM pg_proc WHERE proname = 'f'",
    );
    server.sql(
        "postgres",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'",
    );
    server.sql(
        "postgres",
        "CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
    );
    server.sql(
        "plain",
        "UPDATE pg_database SET datname = (chr(228) || 'd')::name WHERE datname = 'odd'",
    );
    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    host.batt(&["enable", "postgresql"]).code(0);
    let check = host.batt(&["check"]).code(2);
    for told in [
        "`half` is what an interrupted DROP",
        "`broken`: it cannot be dumped: pg_dump: ",
        "its name is not in UTF-8",
    ] {
        check.says(told);
    }

    let partial = host.told("postgresql", &["postgresql"]);
    let path = partial.beside(
        "partial",
        &[
            "without `broken` and ",
            "`broken`: it cannot be dumped: pg_dump: ",
            "its name is not in UTF-8",
        ],
    );
    assert!(
        partial
            .warnings
            .contains("`half` is what an interrupted DROP DATABASE has left"),
        "{partial:?}"
    );
    assert_eq!(
        names(&host, path),
        set(["first", "pg_dumpall-globals", "plain", "postgres", "third"])
    );
    host.assert_sound();
    let named = host.told(
        "postgresql",
        &["--postgresql-db", "half", "--postgresql-db", "first"],
    );
    named.beside(
        "partial",
        &["`half`: it is what an interrupted DROP DATABASE has left"],
    );
}
