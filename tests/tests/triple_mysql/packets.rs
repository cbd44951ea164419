//! Statements that are longer than what a server takes by itself.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::forgery::Forgery;
use crate::held::{Running, while_loading};

const USUAL: &str = "16777216\n";
/// What 9 MB take in hexadecimal digits, and their server.
const NEEDED: &str = "1887";

/// A server with an unchanged `max_allowed_packet`, and a database with a blob in it of which only one half fits into a packet of a dump.
struct Blob {
    server: MariaDb,
    host: Host,
}

impl Blob {
    fn backed_up() -> Self {
        let server = MariaDb::start();
        assert_eq!(taken(&server), USUAL);
        server.sql(
            "CREATE DATABASE shop; USE shop; CREATE TABLE pictures (id INT PRIMARY KEY, picture LONGBLOB);
             INSERT INTO pictures VALUES (1, REPEAT('x', 9 * 1024 * 1024));
             CREATE TABLE big AS SELECT seq AS id, REPEAT('x', 200) AS t FROM seq_1_to_20000",
        );
        let host = Host::new();
        configure(&host, &server, &[]);
        host.batt_promised("mysql", &["shop"]).code(0);
        Self { server, host }
    }

    fn fingerprint(&self) -> String {
        self.server.fingerprint("shop")
    }

    /// Returns how many notes of restores are left.
    fn traces(&self) -> usize {
        fs::read_dir(self.host.home().join("var/restore-mysql")).map_or(0, Iterator::count)
    }
}

/// Returns what a server takes.
fn taken(server: &MariaDb) -> String {
    server.sql("SELECT @@GLOBAL.max_allowed_packet")
}

#[test]
fn a_large_statement_comes_back_and_the_server_takes_what_it_took() {
    let blob = Blob::backed_up();
    let before = blob.fingerprint();
    let archive = &blob.host.manifest("mysql")["archives"][0];
    let largest: u64 = archive["facts"]["largest-statement"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((18_874_368..18_876_000).contains(&largest), "{largest}");
    let guide = fs::read_to_string(blob.host.backup("mysql").join("RESTORE.md")).unwrap();
    assert!(
        guide.contains("max_allowed_packet of the server: at least 1887"),
        "{guide}"
    );

    blob.host.batt_drill("mysql").code(0).says("proven");
    blob.server.sql("DROP DATABASE shop");
    let told = blob.host.batt(&["restore", "mysql"]).code(0);
    told.says("the server takes packets of 16777216 bytes (max_allowed_packet): it takes 1887");
    assert_eq!(blob.fingerprint(), before);
    assert_eq!((taken(&blob.server).as_str(), blob.traces()), (USUAL, 0));
}

#[test]
fn who_may_not_raise_what_a_server_takes_changes_nothing() {
    let blob = Blob::backed_up();
    blob.server.sql(
        "CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO keeper@localhost WITH GRANT OPTION;
         REVOKE SUPER ON *.* FROM keeper@localhost; DROP DATABASE shop",
    );
    let options = blob.server.option_file("keeper", "x");
    configure(
        &blob.host,
        &blob.server,
        &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
    );
    let refused = blob.host.batt(&["restore", "mysql"]).code(69);
    refused.says("may not raise: nothing was changed");
    refused.says(&format!("SET GLOBAL max_allowed_packet = {NEEDED}"));
    assert_eq!(blob.server.sql("SHOW DATABASES LIKE 'shop'"), "");
    assert_eq!((taken(&blob.server).as_str(), blob.traces()), (USUAL, 0));
    // Who says it at the server is heard.
    blob.server
        .sql("SET GLOBAL max_allowed_packet = 32 * 1024 * 1024");
    blob.host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(taken(&blob.server), "33554432\n");
}

/// Starts to load on a server that takes less than it did, and says what is done to the restore then.
fn ended_by(blob: &Blob, end: impl FnOnce(&Running)) -> batt_tests::finished::Finished {
    blob.server.sql("DROP DATABASE shop");
    let (running, ()) = while_loading(
        &blob.host,
        &blob.server,
        "shop",
        &["restore", "mysql"],
        |running, _| {
            assert!(taken(&blob.server).starts_with(NEEDED));
            end(running);
        },
    );
    running.end()
}

#[test]
fn an_interrupted_restore_puts_back_what_a_server_takes() {
    let blob = Blob::backed_up();
    let ended = ended_by(&blob, Running::interrupt).code(130);
    assert_eq!(
        (taken(&blob.server).as_str(), blob.traces()),
        (USUAL, 0),
        "{}",
        ended.said()
    );
}

#[test]
fn after_a_kill_the_next_restore_puts_back_what_a_server_takes() {
    let blob = Blob::backed_up();
    let before = blob.fingerprint();
    ended_by(&blob, Running::kill);
    assert!(taken(&blob.server).starts_with(NEEDED));
    blob.server.sql("DROP DATABASE shop");
    // Another server, which takes as much by itself, is left alone.
    let other = MariaDb::start_with(&["--skip-log-bin", "--max-allowed-packet=32M"]);
    let raised = taken(&blob.server);
    other.sql(&format!("SET GLOBAL max_allowed_packet = {raised}"));
    let options = other.option_file("root", "");
    configure(
        &blob.host,
        &blob.server,
        &[("MYSQL_RESTORE_CREDS", options.to_str().unwrap())],
    );
    blob.host.batt(&["restore", "mysql"]).code(0);
    assert_eq!(taken(&other), raised);

    configure(&blob.host, &blob.server, &[]);
    let told = blob.host.batt(&["restore", "mysql"]).code(0);
    told.says("is what it was before an interrupted restore");
    assert_eq!(blob.fingerprint(), before);
    assert_eq!((taken(&blob.server).as_str(), blob.traces()), (USUAL, 0));
}

/// A blob that is larger still, in a database of its own.
fn add_films(blob: &Blob) {
    blob.server.sql(
        "CREATE DATABASE films; USE films; CREATE TABLE pictures (id INT PRIMARY KEY, picture LONGBLOB);
         INSERT INTO pictures VALUES (1, REPEAT('x', 11 * 1024 * 1024));
         CREATE TABLE big AS SELECT seq AS id, REPEAT('x', 200) AS t FROM seq_1_to_20000",
    );
    blob.host.batt_promised("mysql", &["films", "shop"]).code(0);
    blob.server.sql("DROP DATABASE films; DROP DATABASE shop");
}

#[test]
fn a_dry_run_sets_nothing_of_the_server() {
    let blob = Blob::backed_up();
    add_films(&blob);
    blob.server
        .sql("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON");
    let set = "SELECT argument FROM mysql.general_log WHERE argument REGEXP '^SET GLOBAL max_allowed_packet *= *[0-9@]'";
    let dry = ["restore", "mysql", "--mysql-db", "films", "-n"];
    blob.host
        .batt(&dry)
        .code(0)
        .says("the server takes packets of 16777216 bytes (max_allowed_packet): it takes 2306");
    assert_eq!(blob.server.sql(set), "");
    let (running, ()) = while_loading(
        &blob.host,
        &blob.server,
        "shop",
        &["restore", "mysql", "--mysql-db", "shop"],
        |_, _| {
            blob.server.sql("TRUNCATE mysql.general_log");
            blob.host
                .batt(&dry)
                .code(0)
                .says("the server takes packets of 16777216 bytes (max_allowed_packet): it takes 2306");
            assert_eq!(blob.server.sql(set), "");
            assert!(taken(&blob.server).starts_with(NEEDED));
        },
    );
    running.end().code(0);
    assert_eq!((taken(&blob.server).as_str(), blob.traces()), (USUAL, 0));
}

/// What an older version has backed up does not say how large its statements are; and a drill believes what is recorded no more than a server does.
#[test]
fn a_drill_takes_what_the_server_took() {
    let blob = Blob::backed_up();
    let backup = blob.host.backup("mysql");
    let older = Forgery::of(&backup).doctor("\"largest-statement\"", "\"smallest-statement\"");
    older.drill().code(0).says("proven");
    let archive = &blob.host.manifest("mysql")["archives"][0];
    let largest = archive["facts"]["largest-statement"].as_str().unwrap();
    let lies = Forgery::of(&backup).doctor(
        &format!("\"largest-statement\": \"{largest}\""),
        "\"largest-statement\": \"5000\"",
    );
    lies.drill().code(2).says("`shop` is not whole now");
}
