//! Database files of SQLite are lost and come back, also those that somebody was writing to.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Stdio};

use batt_tests::host::Host;
use batt_tests::server::sqlite;

const SCHEMA: &str = "
    CREATE TABLE article (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, picture BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO article (title, picture) SELECT 'näme 🙂 ' || i, randomblob(20) FROM n;
    CREATE TABLE \"it's \"\"odd\"\"\ttwo
lines\" (id INTEGER PRIMARY KEY) WITHOUT ROWID;
    CREATE INDEX titles ON article (title);
    CREATE VIEW recent AS SELECT * FROM article WHERE id > 1990;
    CREATE TRIGGER shout AFTER INSERT ON article BEGIN UPDATE article SET title = upper(title) WHERE id = NEW.id; END;
    CREATE VIRTUAL TABLE words USING fts5(body);
    INSERT INTO words VALUES ('hello');
    PRAGMA user_version = 42;
";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Names of what is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A writer that inserts pairs of rows, one transaction each, until it is killed.
struct Writer(Child);

impl Writer {
    /// Starts, and returns when it has written for a while.
    fn start(file: &Path) -> Self {
        let mut client = sqlite::client(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = client.stdin.take().unwrap();
        std::thread::spawn(move || {
            let pair = "BEGIN IMMEDIATE; INSERT INTO one VALUES (randomblob(100)); INSERT INTO two VALUES (randomblob(100)); \
                        COMMIT; SELECT 'pair';\n";
            while pipe
                .write_all(format!(".timeout 10000\n{pair}").as_bytes())
                .is_ok()
            {}
        });
        let mut answers = BufReader::new(client.stdout.take().unwrap()).lines();
        for _ in 0..200 {
            assert_eq!(answers.next().unwrap().unwrap(), "pair");
        }
        std::thread::spawn(move || answers.for_each(drop));
        Self(client)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_database_under_write_load_comes_back_as_it_was_at_one_moment() {
    let host = Host::new();
    let file = host.scratch().join("busy.db");
    sqlite::sql(
        &file,
        "PRAGMA journal_mode = WAL; CREATE TABLE one (x); CREATE TABLE two (x)",
    );
    let writer = Writer::start(&file);
    host.batt_promised("sqlite", &[text(&file)]).code(0);
    let content = host.content("sqlite", text(&file));
    assert!(content["rows.one"].parse::<u32>().unwrap() >= 200);
    assert_eq!(content["rows.one"], content["rows.two"]);
    assert_eq!(content["journal_mode"], "wal");
    host.batt_drill("sqlite").code(0).says("proven");
    drop(writer);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", text(&file)));
    }

    let finished = host.batt_restore(&[], &["sqlite"]).code(0);
    finished.says("no difference");
    assert_eq!(names(&host.scratch()), ["busy.db"]);
    let told = sqlite::sql(
        &file,
        "PRAGMA integrity_check; PRAGMA journal_mode; SELECT count(*) FROM one; SELECT count(*) FROM two",
    );
    assert_eq!(
        told,
        format!("ok\nwal\n{0}\n{0}\n", content["rows.one"]),
        "what was recorded is not what is there"
    );
}

#[test]
fn everything_comes_back_equal_and_every_object_is_recorded() {
    let host = Host::new();
    let names_of_files = [
        "plain.db",
        "it's \"quoted\".db",
        "a?mode=memory#x%41.db",
        "two\nlines",
        "-readonly",
    ];
    let files: Vec<_> = names_of_files
        .iter()
        .map(|name| host.scratch().join(name))
        .collect();
    for file in &files {
        sqlite::sql(file, SCHEMA);
    }
    let before: Vec<String> = files.iter().map(|file| sqlite::fingerprint(file)).collect();
    let items: Vec<&str> = files.iter().map(|file| text(file)).collect();
    host.batt_promised("sqlite", &items).code(0);

    let content = host.content("sqlite", text(&files[3]));
    for (key, value) in [
        ("table.article", "table"),
        ("rows.article", "2000"),
        ("table.it%27s %22odd%22%09two%0Alines", "table"),
        ("rows.it%27s %22odd%22%09two%0Alines", "0"),
        ("index.titles", "article"),
        ("view.recent", "view"),
        ("trigger.shout", "article"),
        ("table.words", "virtual"),
        ("rows.words_content", "1"),
        ("user_version", "42"),
        ("journal_mode", "delete"),
        ("foreign-key-violations", "0"),
    ] {
        assert_eq!(
            content.get(key).map(String::as_str),
            Some(value),
            "{key} in {content:#?}"
        );
    }
    assert!(!content.contains_key("rows.words") && !content.contains_key("table.sqlite_sequence"));
    host.batt_drill("sqlite").code(0).says("proven");

    for file in &files {
        fs::remove_file(file).unwrap();
    }
    host.batt_restore(&[], &["sqlite"]).code(0).says("no difference");
    let after: Vec<String> = files.iter().map(|file| sqlite::fingerprint(file)).collect();
    assert_eq!(after, before);
    assert_eq!(names(&host.scratch()).len(), files.len());
    assert_eq!(fs::metadata(&files[0]).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn one_of_many_goes_into_a_folder_or_a_file_of_another_name() {
    let host = Host::new();
    let (here, there) = (host.scratch().join("here"), host.scratch().join("there"));
    for (folder, table) in [(&here, "one"), (&there, "two")] {
        fs::create_dir(folder).unwrap();
        sqlite::sql(&folder.join("app.db"), &format!("CREATE TABLE {table} (x)"));
    }
    let one = here.join("app.db");
    host.batt_promised("sqlite", &[text(&one), text(&there.join("app.db"))])
        .code(0);
    let into = host.scratch().join("into");
    fs::create_dir(&into).unwrap();

    let finished = host.batt_restore(&[], &["sqlite", "--into", text(&into)]).code(2);
    finished.says("two databases are called `app.db`");
    assert_eq!(names(&into), [""; 0]);

    host.batt_restore(&[], &["--sqlite-db", text(&one), "--into", text(&into)])
        .code(0);
    assert_eq!(names(&into), ["app.db"]);
    assert_eq!(
        sqlite::fingerprint(&into.join("app.db")),
        sqlite::fingerprint(&one)
    );
    let other = into.join("another name.db");
    host.batt_restore(&[], &["--sqlite-db", text(&one), "--into", text(&other)])
        .code(0);
    assert_eq!(sqlite::fingerprint(&other), sqlite::fingerprint(&one));
    host.batt_restore(&[], &["--sqlite-db", text(&one), "--into", "relative.db"])
        .code(2)
        .says("no absolute path");
}

#[test]
fn what_is_there_is_kept_and_only_replaced_when_that_is_asked_for() {
    let host = Host::new();
    let folder = host.scratch().join("app");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("app.db");
    sqlite::sql(&file, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(12345), Some(54321)).unwrap();
    }
    host.batt_promised("sqlite", &[text(&file)]).code(0);
    // A writer that is there still, with rows that are but in the write-ahead log.
    let mut writer = sqlite::client(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = writer.stdin.take().unwrap();
    pipe.write_all(b"PRAGMA journal_mode = WAL;\nPRAGMA wal_autocheckpoint = 0;\nINSERT INTO t VALUES (2);\nSELECT 'ready';\n")
        .unwrap();
    let mut answers = BufReader::new(writer.stdout.take().unwrap()).lines();
    assert!(answers.by_ref().any(|line| line.unwrap() == "ready"));
    let before = names(&folder);
    assert_eq!(before, ["app.db", "app.db-shm", "app.db-wal"]);

    host.batt_restore(&[], &["sqlite"])
        .code(2)
        .says("is there already");
    assert_eq!(names(&folder), before);

    let finished = host.batt_restore(&[], &["sqlite", "--replace"]).code(0);
    finished.says(&format!("is open in {}", writer.id()));
    drop(pipe);
    writer.wait().unwrap();
    assert_eq!(sqlite::sql(&file, "SELECT x FROM t"), "1\n");
    let new = fs::metadata(&file).unwrap();
    assert_eq!(new.mode() & 0o777, 0o640);
    if rustix::process::geteuid().is_root() {
        assert_eq!((new.uid(), new.gid()), (12345, 54321));
    }
    let kept: Vec<String> = names(&folder)
        .into_iter()
        .filter(|name| name.contains(".batt-") && !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    assert_eq!(kept.len(), 1, "{:?}", names(&folder));
    assert_eq!(
        sqlite::sql(&folder.join(&kept[0]), "SELECT x FROM t"),
        "1\n2\n",
        "the log of the old file was lost"
    );
}

/// A database without its log, or a log without its database, would be taken for one whole.
#[test]
fn a_log_that_was_left_behind_is_not_given_to_another_database() {
    let host = Host::new();
    let file = host.scratch().join("app.db");
    sqlite::sql(&file, "CREATE TABLE t (x)");
    host.batt_promised("sqlite", &[text(&file)]).code(0);
    fs::remove_file(&file).unwrap();
    for suffix in ["-wal", "-journal"] {
        let log = host.scratch().join(format!("app.db{suffix}"));
        fs::write(&log, "of a database that is gone").unwrap();
        host.batt_restore(&[], &["sqlite"])
            .code(2)
            .says(&format!("app.db{suffix}` is there already"));
        assert!(!file.exists());
        host.batt_restore(&[], &["sqlite", "--replace"]).code(0);
        assert!(!log.exists());
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn rows_that_break_foreign_keys_are_a_warning_and_come_back() {
    let host = Host::new();
    let file = host.scratch().join("app.db");
    sqlite::sql(
        &file,
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id)); INSERT INTO b VALUES (1), (2)",
    );
    let finished = host.batt_promised("sqlite", &[text(&file)]).code(0);
    finished.says("rows that break foreign keys: 2");
    fs::remove_file(&file).unwrap();
    host.batt_restore(&[], &["sqlite"]).code(0).says("no difference");
    assert_eq!(sqlite::sql(&file, "SELECT count(*) FROM b"), "2\n");
}

#[test]
fn a_database_that_cannot_be_read_is_found_before_the_night() {
    let host = Host::new();
    let (file, other) = (host.scratch().join("app.db"), host.scratch().join("other.db"));
    sqlite::sql(&file, "CREATE TABLE t (x)");
    fs::write(&other, "no database ".repeat(1000)).unwrap();
    let both = format!("{} {}", text(&file), text(&other));
    host.configure("sqlite", &[("SQLITE_DATABASES", &both)]);
    host.batt(&["enable", "sqlite"]).code(0);
    host.batt(&["check"])
        .code(2)
        .says(&format!("`{}`: it cannot be read: ", text(&other)));
    assert!(host.backups("sqlite").is_empty());
    host.configure("sqlite", &[("SQLITE_DATABASES", text(&file))]);
    host.batt(&["check"]).code(0);
}

/// SQLite calls some of its own functions unsafe in a schema that is not trusted.
#[test]
fn an_index_over_a_function_of_sqlite_that_a_schema_is_not_trusted_with_comes_back() {
    let host = Host::new();
    let file = host.scratch().join("app.db");
    sqlite::sql(
        &file,
        "CREATE TABLE t (doc, word AS (json_extract(doc, '$.word')));
         CREATE INDEX i ON t (json_extract(doc, '$.a')); INSERT INTO t VALUES ('{\"a\": 1, \"word\": \"x\"}')",
    );
    host.batt_promised("sqlite", &[text(&file)]).code(0);
    host.batt_drill("sqlite").code(0).says("proven");
    fs::remove_file(&file).unwrap();
    host.batt_restore(&[], &["sqlite"]).code(0).says("no difference");
    assert_eq!(
        sqlite::sql(&file, "SELECT word FROM t WHERE json_extract(doc, '$.a') = 1"),
        "x\n"
    );
}

#[test]
fn one_that_cannot_be_restored_keeps_no_other_from_it() {
    let host = Host::new();
    let small = host.scratch().join("small");
    fs::create_dir(&small).unwrap();
    let files = [
        host.scratch().join("a.db"),
        small.join("b.db"),
        host.scratch().join("c.db"),
    ];
    for file in &files {
        sqlite::sql(
            file,
            "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000))",
        );
    }
    host.batt_promised("sqlite", &files.each_ref().map(|file| text(file)))
        .code(0);
    for file in &files {
        fs::remove_file(file).unwrap();
    }
    let mounted = format!(
        "mount -t tmpfs -o size=64k none {} && batt restore sqlite",
        text(&small)
    );
    let Some(finished) = host.in_mounts(&mounted) else {
        return;
    };
    assert_ne!(finished.code, Some(0), "{}", finished.stderr);
    finished.says("No space left on device");
    assert_eq!(
        files.each_ref().map(|file| file.exists()),
        [true, false, true],
        "{}",
        finished.stderr
    );
}

/// Both scripts must mean the same by the same key.
#[test]
fn what_is_recorded_and_what_is_compared_are_counted_by_the_same_lines() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts-available");
    let function = |script: &str, name: &str| {
        let text = fs::read_to_string(scripts.join(script)).unwrap();
        let from = text.find(&format!("\n{name}() {{")).unwrap();
        let length = text[from..].find("\n}\n").unwrap();
        text[from..from + length].to_owned()
    };
    for name in ["lacks_of", "contents_of_each", "contents", "record_contents"] {
        assert_eq!(function("backup-sqlite", name), function("restore-sqlite", name));
    }
}
