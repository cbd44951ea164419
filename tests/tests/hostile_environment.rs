//! What a person has in a profile, or in conf/ for other reasons, changes nothing of a backup, a drill or a restore by the shipped scripts.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;

/// Variables that change what tools do; `{}` stands for a folder with files that they begin with.
const HOSTILE: &[(&str, &str)] = &[
    ("BASH_ENV", "{}/startup"),
    ("BASHOPTS", "extglob:nocasematch"),
    ("BLOCK_SIZE", "human-readable"),
    ("BLOCKSIZE", "human-readable"),
    ("CDPATH", "/etc:/usr"),
    ("COLUMNS", "20"),
    ("DF_BLOCK_SIZE", "human-readable"),
    ("ENV", "{}/startup"),
    ("FAKETTY", "1"),
    ("GLOBIGNORE", "*"),
    ("GREP_COLORS", "mt=01;31"),
    ("GREP_OPTIONS", "-v --color=always"),
    ("GZIP", "-1"),
    ("IFS", "aeiou"),
    ("LANG", "de_DE.UTF-8"),
    ("LANGUAGE", "de:fr"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("LC_COLLATE", "de_DE.UTF-8"),
    ("LC_NUMERIC", "de_DE.UTF-8"),
    ("LINES", "3"),
    ("LS_COLORS", "di=01;34"),
    ("MYSQL_HISTFILE", "{}/history"),
    ("MYSQL_PS1", "x"),
    ("PAGER", "false"),
    ("PGAPPNAME", "it's me"),
    ("PGCLIENTENCODING", "LATIN1"),
    ("PGDATESTYLE", "German"),
    ("PGGEQO", "off"),
    (
        "PGOPTIONS",
        "-c statement_timeout=1 -c default_transaction_read_only=on -c quote_all_identifiers=on -c datestyle=German -c search_path=evil",
    ),
    ("PGTZ", "Asia/Kolkata"),
    ("PG_COLOR", "always"),
    ("POSIXLY_CORRECT", "1"),
    ("PSQLRC", "{}/psqlrc"),
    ("PSQL_PAGER", "false"),
    ("PSQL_HISTORY", "{}/history"),
    ("QUOTING_STYLE", "shell-always"),
    ("REDISCLI_HISTFILE", "{}/history"),
    ("REDISCLI_RCFILE", "{}/redisclirc"),
    ("SHELLOPTS", "noglob:xtrace"),
    ("SQLITE_HISTORY", "{}/history"),
    ("TAPE", "/dev/full"),
    ("TAR_OPTIONS", "--exclude=* --totals"),
    ("TIME_STYLE", "+%s"),
    ("TMOUT", "1"),
    ("TZ", "Asia/Kolkata"),
    ("XZ_OPT", "--threads=x"),
    ("ZSTD_CLEVEL", "19"),
    ("ZSTD_NBTHREADS", "x"),
];

/// A host whose conf and whose caller have all of them.
struct Hostile {
    host: Host,
    variables: Vec<(&'static str, String)>,
}

impl Hostile {
    /// Sets them all for a service, and then what it is connected by.
    fn new(service: &str, settings: &[(&str, &str)]) -> Self {
        let host = Host::new();
        let folder = host.scratch().join("profile");
        fs::create_dir(&folder).unwrap();
        let rc = [
            ("startup", "exit 9\n"),
            ("psqlrc", "\\q\n"),
            ("redisclirc", ":set hints\n"),
        ];
        // As the home of the caller has them.
        let home = host.root().join("home");
        fs::create_dir_all(&home).unwrap();
        for (name, text) in rc {
            fs::write(folder.join(name), text).unwrap();
        }
        for (name, text) in [
            (".psqlrc", "\\q\n"),
            (".sqliterc", ".mode html\n.quit\n"),
            (".redisclirc", ":set nohints\n"),
            (".bashrc", "exit 9\n"),
        ] {
            fs::write(host.user_home().join(name), text).unwrap();
        }
        let variables: Vec<(&str, String)> = HOSTILE
            .iter()
            .map(|(name, value)| (*name, value.replace("{}", folder.to_str().unwrap())))
            .collect();
        let mut all: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        all.extend_from_slice(settings);
        host.configure(service, &all);
        Self { host, variables }
    }

    fn batt(&self, arguments: &[&str]) -> Finished {
        let mut command = self.host.batt_command(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Finished::run(&mut command)
    }

    /// Backs up, verifies and drills.
    fn proves(&self, service: &str, items: &[&str]) {
        self.host.promise(service, items);
        self.host.batt(&["enable", service]).code(0);
        self.batt(&["check"]).code(0);
        self.batt(&[service]).code(0);
        self.batt(&["verify"]).code(0);
        self.batt(&["drill", service]).code(0);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files() {
    let hostile = Hostile::new("file", &[("FILE_EXCLUDES", "*.swp")]);
    let tree = hostile.host.scratch().join("tree");
    fs::create_dir_all(tree.join("folder")).unwrap();
    for name in ["aeiou", "it's", "größe", "note.swp"] {
        fs::write(tree.join("folder").join(name), name).unwrap();
    }
    hostile.proves("file", &[text(&tree)]);
    fs::remove_dir_all(&tree).unwrap();
    hostile.batt(&["restore", "file"]).code(0);
    for name in ["aeiou", "it's", "größe"] {
        assert_eq!(fs::read_to_string(tree.join("folder").join(name)).unwrap(), name);
    }
    assert!(!tree.join("folder/note.swp").exists());
}

#[test]
fn databases_of_sqlite() {
    let hostile = Hostile::new("sqlite", &[]);
    let file = hostile.host.scratch().join("a e.db");
    sqlite::sql(
        &file,
        "CREATE TABLE t (n REAL, name TEXT); INSERT INTO t VALUES (1.5, 'größe')",
    );
    let before = sqlite::fingerprint(&file);
    hostile.proves("sqlite", &[text(&file)]);
    fs::remove_file(&file).unwrap();
    hostile.batt(&["restore", "sqlite"]).code(0);
    assert_eq!(sqlite::fingerprint(&file), before);
}

#[test]
fn redis() {
    let server = Redis::start("secret");
    server.run("SET key value\nRPUSH list a b c\nSELECT 3\nSET other 1");
    let socket = server.socket();
    let hostile = Hostile::new(
        "redis",
        &[("REDIS_SOCKET", text(&socket)), ("REDISCLI_AUTH", "secret")],
    );
    let before = [server.fingerprint(0), server.fingerprint(3)];
    hostile.proves("redis", &[]);
    let folder = Redis::empty_folder();
    hostile
        .batt(&["restore", "redis", "--into", text(folder.path())])
        .code(0);
    let restored = Redis::start_on(folder, "secret");
    assert_eq!([restored.fingerprint(0), restored.fingerprint(3)], before);
}

#[test]
fn postgresql() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE DATABASE shop; CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
    );
    server.sql(
        "shop",
        "CREATE TABLE t AS SELECT n, 'größe'::text AS name, '2024-02-29 12:00+01'::timestamptz + n * interval '1 day' AS at, n::float8 / 3 AS part,
         decode(md5(n::text), 'hex') AS bytes FROM generate_series(1, 300) n; CREATE VIEW v AS SELECT * FROM t",
    );
    server.sql("old", "CREATE TABLE t AS SELECT chr(228) AS letter");
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.push(("PG_CHECKSUMS", "yes"));
    let hostile = Hostile::new("postgresql", &settings);
    let before = ["shop", "old"].map(|name| server.fingerprint(name));
    hostile.proves("postgresql", &["shop", "old"]);
    server.sql("postgres", "DROP DATABASE shop");
    server.sql("postgres", "DROP DATABASE old");
    hostile.batt(&["restore", "postgresql"]).code(0);
    assert_eq!(["shop", "old"].map(|name| server.fingerprint(name)), before);
}

#[test]
fn mysql() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE shop; USE shop; CREATE TABLE t (n INT, name TEXT, at TIMESTAMP); INSERT INTO t VALUES (1, 'größe', '2024-02-29 12:00:00')");
    let options = server.option_file("root", "");
    let hostile = Hostile::new("mysql", &[("MYSQL_CREDS", text(&options))]);
    let before = server.fingerprint("shop");
    hostile.proves("mysql", &["shop"]);
    server.sql("DROP DATABASE shop");
    hostile.batt(&["restore", "mysql"]).code(0);
    assert_eq!(server.fingerprint("shop"), before);
}

/// Scripts of one's own get what their settings say.
#[test]
fn a_script_of_ones_own_gets_its_settings() {
    let host = Host::new();
    host.configure("own", &[("ZSTD_CLEVEL", "19"), ("TAR_OPTIONS", "--totals")]);
    let path = host.drop_in(
        "own",
        "batt record seen \"$ZSTD_CLEVEL $TAR_OPTIONS\"; batt store a -- echo a",
    );
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o755);
    host.batt(&["own"]).code(0);
    assert_eq!(host.fact("own", "seen"), "19 --totals");
}

#[test]
fn clusters_of_postgresql() {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE TABLE t AS SELECT generate_series(1, 300) AS n",
    );
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let hostile = Hostile::new("postgresql-base", &settings);
    hostile.proves("postgresql-base", &[]);
    let folder = Postgresql::empty_folder();
    let into = folder.path().join("cluster");
    hostile
        .batt(&["restore", "postgresql-base", "--into", text(&into)])
        .code(0);
    let restored = Postgresql::start_on(&into);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "300\n");
}
