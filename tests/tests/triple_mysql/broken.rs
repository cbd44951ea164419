//! Tables that the server itself cannot read.

use std::fs;
use std::path::Path;

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

#[test]
fn tables_that_cannot_be_read_are_foreseen_and_named_and_cost_no_other_database() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE good (id INT PRIMARY KEY); INSERT INTO good VALUES (1);
         CREATE TABLE gone (id INT PRIMARY KEY); ALTER TABLE gone DISCARD TABLESPACE;
         CREATE TABLE `odd``\\nname` (id INT);
         CREATE TABLE crashed (id INT, KEY (id)) ENGINE=MyISAM; INSERT INTO crashed VALUES (1); FLUSH TABLES;
         CREATE DATABASE e; CREATE TABLE e.t (id INT); INSERT INTO e.t VALUES (1)",
    );
    let data = server.sql("SELECT @@datadir");
    let index = Path::new(data.trim_end()).join("d/crashed.MYI");
    fs::write(index, "garbage").unwrap();
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);

    let named = [
        "the server cannot read the table `crashed` in `d`, so that `d` cannot be dumped: ",
        "the server cannot read the table `gone` in `d`, so that `d` cannot be dumped: Tablespace has been discarded",
        "hint: repair it (REPAIR TABLE), bring it back from a backup, or drop it",
    ];
    let (foreseen, told) = (host.batt(&["check"]).code(2), host.batt(&["mysql"]).code(2));
    for words in named {
        foreseen.says(words);
        told.says(words);
    }
    for finished in [&foreseen, &told] {
        let said = finished.said();
        assert!(!said.contains("`good`") && !said.contains("`odd"), "{said}");
    }
    told.says("2 archives, without `d`");

    server.sql_all("DROP TABLE d.crashed; DROP TABLE d.gone");
    host.batt(&["check"]).code(0);
    host.batt(&["mysql"]).code(0);
}
