//! Tables that the server itself cannot read.

use std::fs;
use std::path::Path;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::held::holding;

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

/// Has the client do something else when these words are among its arguments.
pub(crate) fn replace_client(host: &Host, server: &MariaDb, jobs: &str, cases: &[(&str, &str)]) {
    let tools = host.scratch().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let client = tools.join("mariadb");
    let mut script = "#!/bin/bash\ncase $* in\n".to_owned();
    for (words, statements) in cases {
        script += &format!("*\"{words}\"*) {statements} ;;\n");
    }
    fs::write(&client, script + "esac\nexec /usr/bin/mariadb \"$@\"\n").unwrap();
    chmod(&client, 0o755);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    configure(host, server, &[("MYSQL_JOBS", jobs), ("PATH", &path)]);
}

pub(crate) const TOO_MANY: &str = "echo \"ERROR 1226 (42000): User 'root' has exceeded the 'max_user_connections' resource (current value: 2)\" >&2; exit 1";

#[test]
fn a_database_that_could_not_be_looked_at_is_named_with_why() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT); CREATE DATABASE b; CREATE TABLE b.t (id INT);
         CREATE DATABASE c; CREATE TABLE c.t (id INT) ENGINE=MyISAM",
    );
    for jobs in ["1", "3"] {
        let host = Host::new();
        let look_at_b = ("WHERE schema_name = 'b'", TOO_MANY);
        replace_client(&host, &server, jobs, &[look_at_b]);
        let told = host.batt(&["mysql"]).code(2);
        told.says("3 archives, without `b`");
        told.says(
            "`b` could not be looked at, and is not dumped: ERROR 1226 (42000): User 'root' has exceeded",
        );
        host.batt(&["enable", "mysql"]).code(0);
        host.batt(&["check"])
            .code(2)
            .says("`b` could not be looked at, and is not dumped: ERROR 1226");
    }
    // What dumps `c` is killed.
    let host = Host::new();
    let look_at_c = (
        "WHERE schema_name = 'c'",
        "echo 'the last word' >&2; kill -9 $PPID; exit 1",
    );
    replace_client(&host, &server, "3", &[look_at_c]);
    let told = host.batt(&["mysql"]).code(2);
    told.says("3 archives, without `c`");
    told.says("`c` is not dumped: what was to dump it ended with 137");
}

/// A dump makes tables again that show what lies elsewhere: for that the server has to open them.
#[test]
fn a_table_that_shows_one_that_is_gone_is_foreseen_and_named() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE m1 (id INT) ENGINE=MyISAM; CREATE TABLE m2 (id INT) ENGINE=MyISAM;
         CREATE TABLE mrg (id INT) ENGINE=MRG_MyISAM UNION=(m1, m2); CREATE TABLE whole (id INT) ENGINE=MRG_MyISAM UNION=(m1);
         DROP TABLE m2; CREATE DATABASE e; CREATE TABLE e.t (id INT)",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    let (foreseen, told) = (host.batt(&["check"]).code(2), host.batt(&["mysql"]).code(2));
    for finished in [&foreseen, &told] {
        finished.says("the server cannot read the table `mrg` in `d`, so that `d` cannot be dumped: ");
        let said = finished.said();
        finished.says("hint: bring back what it shows");
        assert!(
            !said.contains("table `whole`") && !said.contains("table `m1`"),
            "{said}"
        );
    }
    told.says("2 archives, without `d`");
}

/// Whoever holds a table, and whatever keeps the server from answering for the moment, says nothing of the table.
#[test]
fn a_table_that_is_held_is_not_broken() {
    let server = MariaDb::start();
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT) ENGINE=MyISAM");
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["enable", "mysql"]).code(0);
    holding(&server, "LOCK TABLES d.t WRITE", || {
        host.batt(&["check"]).code(0);
    });
    for error in [
        "1969 (70100) at line 1: Query execution was interrupted (max_statement_time exceeded)",
        "1317 (70100) at line 1: Query execution was interrupted",
        "1226 (42000) at line 1: User has exceeded a limit",
        "1040 (08004) at line 1: Too many connections",
        "23 (HY000) at line 1: Out of resources when opening file (Errcode: 24 \"Too many open files\")",
    ] {
        let fails = format!("echo 'ERROR {error}' >&2; exit 1");
        replace_client(&host, &server, "1", &[("--force", &fails)]);
        let said = host.batt(&["check"]).said();
        assert!(!said.contains("cannot read the table"), "{said}");
    }
}
