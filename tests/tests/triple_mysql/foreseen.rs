//! `batt restore -n` says what the restore would refuse, and changes nothing.

use std::fs;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// What could have been changed in a server.
fn state(server: &MariaDb) -> String {
    server.sql(
        "SELECT schema_name FROM information_schema.schemata; SELECT user, host FROM mysql.user; SELECT @@GLOBAL.max_allowed_packet;
         SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')",
    )
}

/// Asserts that what would be refused is told before, and is refused then, with the same words; and that neither changes anything.
#[track_caller]
fn assert_foreseen(host: &Host, server: &MariaDb, arguments: &[&str], code: i32, said: &[&str]) {
    let before = state(server);
    let dry = host.batt(&[&["restore", "mysql", "-n"], arguments].concat());
    let real = host.batt(&[&["restore", "mysql"], arguments].concat());
    for finished in [dry, real] {
        let finished = finished.code(code);
        for word in said {
            finished.says(word);
        }
        assert_eq!(state(server), before, "{}", finished.said());
    }
    let traces = fs::read_dir(host.home().join("var/restore-mysql")).map_or(0, Iterator::count);
    assert_eq!(traces, 0);
}

/// Two databases, an account, and a blob that is larger than packets are by themselves; and where they may be restored to.
struct Two {
    server: MariaDb,
    other: MariaDb,
    host: Host,
}

impl Two {
    fn backed_up(options: &[&str]) -> Self {
        let server = MariaDb::start();
        server.sql(
            "INSTALL SONAME 'ha_archive'; INSTALL SONAME 'auth_ed25519';
             CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1);
             CREATE DATABASE old; CREATE TABLE old.t (id INT) ENGINE=ARCHIVE;
             CREATE DATABASE media; CREATE TABLE media.t (b LONGBLOB); INSERT INTO media.t VALUES (REPEAT('x', 9 * 1024 * 1024));
             CREATE USER e@localhost IDENTIFIED VIA ed25519 USING PASSWORD('x')",
        );
        let other = MariaDb::start_with(&[&["--skip-log-bin"], options].concat());
        let host = Host::new();
        configure(&host, &server, &[]);
        host.batt(&["mysql"]).code(0);
        let two = Self { server, other, host };
        two.restore_as("root", "");
        two
    }

    fn restore_as(&self, user: &str, password: &str) {
        let options = self.other.option_file(user, password);
        let restore_as = ("MYSQL_RESTORE_CREDS", options.to_str().unwrap());
        configure(&self.host, &self.server, &[restore_as]);
    }

    fn dry(&self, arguments: &[&str]) -> Finished {
        let before = state(&self.other);
        let finished = self.host.batt(&[&["restore", "mysql", "-n"], arguments].concat());
        assert_eq!(state(&self.other), before, "{}", finished.said());
        finished
    }
}

#[test]
fn what_lacks_is_told_at_once() {
    let two = Two::backed_up(&[]);
    let lacks = [
        "the server has no engine `ARCHIVE`, which `old` needs",
        "the server lacks the plugin `ed25519`",
    ];
    assert_foreseen(&two.host, &two.other, &[], 69, &lacks);
    two.other
        .sql("INSTALL SONAME 'ha_archive'; INSTALL SONAME 'auth_ed25519'");
    let ready = two.dry(&[]).code(0);
    ready.says("the server takes packets of 16777216 bytes");
    ready.says("`mysql` would be restored, nothing was done");
    assert!(!ready.said().contains("could not"), "{}", ready.said());
    two.host.batt(&["restore", "mysql"]).code(0);
}

#[test]
fn what_is_there_is_told_before() {
    let two = Two::backed_up(&[]);
    let shop = ["--mysql-db", "shop"];
    two.other
        .sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
    let exists = ["the database `shop` exists, with 1 tables", "--replace"];
    assert_foreseen(&two.host, &two.other, &shop, 2, &exists);
    two.dry(&["--mysql-db", "shop", "--replace"]).code(0);
    two.dry(&["--mysql-db", "shop", "--into", "another"]).code(0);
    two.other.sql(
        "CREATE DATABASE other; CREATE TABLE other.child (id INT, FOREIGN KEY (id) REFERENCES shop.t (id))",
    );
    let refers = ["`shop` cannot be replaced: tables of other databases refer to it: `other`.`child`"];
    assert_foreseen(
        &two.host,
        &two.other,
        &["--mysql-db", "shop", "--replace"],
        2,
        &refers,
    );
}

#[test]
fn what_an_account_may_not_is_told_before() {
    let two = Two::backed_up(&[]);
    two.other.sql(
        "CREATE USER reader@localhost IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO reader@localhost;
         CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO keeper@localhost; REVOKE SUPER, CREATE USER, `READ_ONLY ADMIN` ON *.* FROM keeper@localhost"
            .replace('`', "")
            .as_str(),
    );
    two.restore_as("reader", "x");
    let granted = ["has not been granted what a database needs: INSERT, CREATE, DROP, ALTER"];
    assert_foreseen(&two.host, &two.other, &["--mysql-db", "shop"], 2, &granted);
    two.restore_as("keeper", "x");
    let granted = [
        "has not been granted what accounts need: CREATE USER, GRANT OPTION",
        "the server lacks the plugin `ed25519`",
    ];
    assert_foreseen(&two.host, &two.other, &["--mysql-db", "mysql"], 2, &granted);
    let packets = ["may not raise: nothing was changed"];
    assert_foreseen(&two.host, &two.other, &["--mysql-db", "media"], 69, &packets);
    two.dry(&["--mysql-db", "shop"]).code(0);
    two.other.sql("SET GLOBAL read_only = ON");
    let read_only = ["the server is read-only (read_only)"];
    assert_foreseen(&two.host, &two.other, &["--mysql-db", "shop"], 69, &read_only);
    two.restore_as("root", "");
    two.dry(&["--mysql-db", "shop"]).code(0);
    two.host.batt(&["restore", "mysql", "--mysql-db", "shop"]).code(0);
}
