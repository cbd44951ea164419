//! The promise as a whole: a host with every service that is shipped is backed up, read again and rehearsed; then everything
//! is dropped, and each service comes back by one command, compared outside of batt.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod odd;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{living_with, until};
use batt_tests::server::mariadb::MariaDb;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;
use rustix::process::{Pid, Signal, kill_process_group};

const SHOP: &str = "
    CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; USE shop;
    CREATE TABLE article (id INT PRIMARY KEY AUTO_INCREMENT, title TEXT, picture BLOB, twice INT AS (id * 2)) ENGINE=InnoDB;
    INSERT INTO article (title, picture) SELECT CONCAT('it''s \\\\ \\n 🙂 (', seq, '),('), UNHEX(MD5(seq)) FROM seq_1_to_3000;
    CREATE TABLE visit (id INT, day INT) ENGINE=MyISAM;
    INSERT INTO visit SELECT seq, seq % 7 FROM seq_1_to_2000;
    CREATE TABLE note (id INT, body TEXT) ENGINE=Aria; INSERT INTO note VALUES (1, 'a'), (2, NULL);
    CREATE TABLE part (id INT, year INT) ENGINE=InnoDB PARTITION BY RANGE (year)
        (PARTITION old VALUES LESS THAN (2000), PARTITION new VALUES LESS THAN MAXVALUE);
    INSERT INTO part VALUES (1, 1990), (2, 2020);
    CREATE TABLE empty_one (id INT) ENGINE=InnoDB;
    CREATE SEQUENCE number START WITH 100; SELECT NEXTVAL(number);
    CREATE VIEW recent AS SELECT id FROM article WHERE id > 2990;
    CREATE PROCEDURE tidy() DELETE FROM note WHERE body IS NULL;
    CREATE FUNCTION double_of(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;
    CREATE TRIGGER stamp BEFORE INSERT ON note FOR EACH ROW SET NEW.body = UPPER(NEW.body);
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM note WHERE id < 0;
    CREATE DATABASE wiki; CREATE TABLE wiki.page (id INT PRIMARY KEY, body TEXT); INSERT INTO wiki.page VALUES (1, 'home');
    CREATE USER 'app'@'localhost' IDENTIFIED BY 'secret of app'; GRANT SELECT ON shop.* TO 'app'@'localhost';
    CREATE ROLE reader; GRANT SELECT ON wiki.* TO reader;
";

const LIBRARY: &str = "
    CREATE TABLE book (id serial PRIMARY KEY, title text, cover bytea);
    INSERT INTO book (title, cover) SELECT E'näme\\t\\n\\\\. ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 3000) n;
    CREATE TABLE loan (id int, year int) PARTITION BY RANGE (year);
    CREATE TABLE loan_old PARTITION OF loan FOR VALUES FROM (0) TO (2000);
    INSERT INTO loan VALUES (1, 1990), (2, 1991);
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE SEQUENCE shelf START 500; SELECT nextval('shelf');
    CREATE VIEW recent AS SELECT id FROM book WHERE id > 2990;
    CREATE MATERIALIZED VIEW counted AS SELECT year, count(*) FROM loan GROUP BY year;
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := upper(NEW.title); RETURN NEW; END $$;
    CREATE TRIGGER shout BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION shout();
    ALTER TABLE book ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON book FOR SELECT TO readers USING (id < 10);
    GRANT SELECT ON book TO readers;
    SELECT lo_from_bytea(4711, '\\x00ff10');
";

/// Everything that runs on the host.
struct Services {
    mariadb: MariaDb,
    postgresql: Postgresql,
    redis: Redis,
    database: PathBuf,
    tree: PathBuf,
}

impl Services {
    fn start(host: &Host) -> Self {
        let tree = host.scratch().join("etc of the host");
        make_tree(&tree);
        let database = host.scratch().join("app.db");
        sqlite::sql(
            &database,
            "PRAGMA journal_mode=WAL; CREATE TABLE post (id INTEGER PRIMARY KEY, body TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             INSERT INTO post (body) SELECT 'post ' || i FROM n; PRAGMA user_version = 7;",
        );
        let services = Self {
            mariadb: MariaDb::start(),
            postgresql: Postgresql::start(),
            redis: Redis::start(""),
            database,
            tree,
        };
        services.mariadb.sql(SHOP);
        services.postgresql.sql(
            "postgres",
            "CREATE ROLE readers; CREATE ROLE app LOGIN PASSWORD 'secret of app'; GRANT readers TO app;",
        );
        for database in ["library", "archive"] {
            services.postgresql.sql(
                "postgres",
                &format!(
                    "CREATE DATABASE {database} OWNER app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
                ),
            );
        }
        services.postgresql.sql("library", LIBRARY);
        services
            .postgresql
            .sql("archive", "CREATE TABLE t AS SELECT generate_series(1, 100) AS n");
        services
            .redis
            .run("SET greeting hello\nRPUSH list a b c\nHSET hash f v\nSELECT 3\nSADD set x y\n");
        services.configure(host);
        services
    }

    fn configure(&self, host: &Host) {
        let options = self.mariadb.option_file("root", "");
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        host.lead_to("postgresql", &self.postgresql.environment());
        host.configure(
            "redis",
            &[("REDIS_SOCKET", self.redis.socket().to_str().unwrap())],
        );
        host.configure("sqlite", &[("SQLITE_DATABASES", self.database.to_str().unwrap())]);
        let settings = format!("[service.file]\nitems = ['{}']\n", self.tree.display());
        host.settings(&settings);
        host.batt(&["enable", "mysql", "postgresql", "redis", "sqlite", "file"])
            .code(0);
    }
}

/// Files of every kind that a backup may lose: a hole, links, modes, an access list, an attribute, odd names.
fn make_tree(tree: &Path) {
    let script = r#"
        mkdir -p "$1/deep/er" "$1/empty folder" && cd "$1"
        printf 'one\n' >one; printf 'line\nbreak\n' >$'odd\nname'; : >empty
        ln one hard; ln -s one soft; ln -s /nowhere/at/all dangling
        truncate -s 8M hole; printf end >>hole
        chmod 4755 one; chmod 0600 empty; chown 12345:23456 deep/er; mkfifo pipe
        setfacl -m u:12345:r one; setfattr -n user.colour -v blue one
        touch -d '2001-02-03 04:05:06.789' deep
    "#;
    Finished::run(Command::new("bash").args(["-euc", script, "bash"]).arg(tree)).success();
}

/// Everything about a tree that can be seen: names, kinds, modes, owners, sizes, times, links, contents, access lists, attributes.
fn fingerprint(tree: &Path) -> String {
    let script = r#"
        cd "$1"
        find . -printf '%p|%y|%m|%U:%G|%n|%l|' \( -type f -printf '%s|%T@|' -o -type d -printf '%T@|' -o -true \) -printf '\n' | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        getfacl -R -p . ; getfattr -R -h -d -m - .
        find . -links +1 -type f -printf '%i %p\n' | sort | awk '{print $2}'
        find . -name hole -printf '%b blocks\n'
    "#;
    Finished::run(
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", script, "bash"])
            .arg(tree),
    )
    .success()
}

/// Writes rows into a SQLite database until it is dropped.
struct Writer {
    child: Child,
    database: String,
}

impl Writer {
    fn start(database: &Path) -> Self {
        let script = r#"n=0; while :; do n=$((n + 1)); sqlite3 -cmd '.timeout 10000' "$1" "INSERT INTO post (body) VALUES ('live $n')"; done"#;
        let mut writer = Command::new("bash");
        writer.args(["-c", script, "bash"]).arg(database);
        // A group of its own, so that no client of it writes on when it is killed.
        writer.process_group(0);
        let writer = writer.stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            child: writer.spawn().unwrap(),
            database: database.display().to_string(),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        kill_process_group(Pid::from_child(&self.child), Signal::KILL).unwrap();
        self.child.wait().unwrap();
        until("nobody of it is left", || living_with(&self.database).is_empty());
    }
}

#[test]
fn everything_of_a_host_comes_back_after_everything_was_dropped() {
    let host = Host::new();
    let services = Services::start(&host);
    let Services {
        mariadb,
        postgresql,
        redis,
        database,
        tree,
    } = &services;

    let writer = Writer::start(database);
    host.batt(&[]).code(0);
    drop(writer);
    host.batt(&["verify", "--all"]).code(0);
    host.batt(&["drill"]).code(0);

    let before = (
        ["shop", "wiki"].map(|name| mariadb.fingerprint(name)),
        mariadb.accounts(),
        ["library", "archive"].map(|name| postgresql.fingerprint(name)),
        postgresql.roles(),
        [0, 3].map(|number| redis.fingerprint(number)),
        fingerprint(tree),
    );

    mariadb.sql(
        "DROP DATABASE shop; DROP DATABASE wiki; DROP USER 'app'@'localhost'; DROP ROLE reader; FLUSH PRIVILEGES;",
    );
    postgresql.sql("postgres", "DROP DATABASE library");
    postgresql.sql("postgres", "DROP DATABASE archive");
    postgresql.sql("postgres", "DROP ROLE app; DROP ROLE readers");
    fs::remove_dir_all(tree).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", database.display()));
    }
    redis.kill();

    let folder = Redis::empty_folder();
    let target = folder.path().to_str().unwrap().to_owned();
    thread::scope(|scope| {
        for arguments in [
            vec!["restore", "mysql"],
            vec!["restore", "postgresql"],
            vec!["restore", "sqlite"],
            vec!["restore", "file"],
            vec!["restore", "redis", "--into", &target],
        ] {
            let host = &host;
            scope.spawn(move || host.batt(&arguments).code(0));
        }
    });

    let redis = Redis::start_on(folder, "");
    let after = (
        ["shop", "wiki"].map(|name| mariadb.fingerprint(name)),
        mariadb.accounts(),
        ["library", "archive"].map(|name| postgresql.fingerprint(name)),
        postgresql.roles(),
        [0, 3].map(|number| redis.fingerprint(number)),
        fingerprint(tree),
    );
    assert_eq!(after, before);
    let rows = sqlite::sql(
        database,
        "SELECT count(*) >= 1000 FROM post; PRAGMA integrity_check; PRAGMA user_version",
    );
    assert_eq!(rows, "1\nok\n7\n");
    host.assert_nowhere("secret of app");
}
