//! A server that follows another one: what is recorded of where it is, and when it is said that it does not follow.

use batt_tests::host::Host;
use batt_tests::process::{address_of_our_own, until};
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// A server and one that follows it.
struct Pair {
    first: MariaDb,
    follower: MariaDb,
    host: Host,
}

impl Pair {
    /// Starts both; the second has got all of the first.
    fn start() -> Self {
        let (address, port) = address_of_our_own();
        let first = MariaDb::start_with(&[
            "--log-bin",
            "--server-id=1",
            "--skip-networking=0",
            &format!("--bind-address={address}"),
            &format!("--port={port}"),
        ]);
        first.sql(
            "CREATE USER follower@'%' IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE ON *.* TO follower@'%';
             CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)",
        );
        let follower = MariaDb::start_with(&["--skip-log-bin", "--server-id=2"]);
        follower.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='{address}', MASTER_PORT={port}, MASTER_USER='follower', MASTER_PASSWORD='secret'; START SLAVE"
        ));
        follower.wait_until("SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop'");
        let host = Host::new();
        configure(&host, &follower, &[]);
        let pair = Self {
            first,
            follower,
            host,
        };
        pair.catch_up();
        pair
    }

    /// Waits until the follower has done all that the first has.
    fn catch_up(&self) {
        let at = self.first.sql("SHOW MASTER STATUS");
        let at: Vec<&str> = at.trim_end().split('\t').collect();
        let reached = self
            .follower
            .sql(&format!("SELECT MASTER_POS_WAIT('{}', {}, 60)", at[0], at[1]));
        assert!(!matches!(reached.trim(), "NULL" | "-1"), "{reached}");
    }

    /// Backs the follower up, and returns the warnings.
    fn warnings(&self) -> String {
        self.host.batt(&["mysql"]).code(0);
        self.host.manifest("mysql")["warnings"].to_string()
    }
}

#[test]
fn one_that_follows_is_not_told_that_it_does_not() {
    let pair = Pair::start();
    let warnings = pair.warnings();
    assert!(!warnings.contains("does not follow"), "{warnings}");
    assert_eq!(pair.host.fact("mysql", "server.role"), "replica");
    assert_eq!(pair.host.fact("mysql", "replica.seconds_behind"), "0");
    let at = pair.first.sql("SHOW MASTER STATUS");
    let at: Vec<&str> = at.trim_end().split('\t').collect();
    assert_eq!(
        pair.host.fact("mysql", "replica.position"),
        format!("{} {}", at[0], at[1])
    );
}

#[test]
fn one_that_lags_is_recorded_with_its_seconds() {
    let pair = Pair::start();
    pair.follower
        .sql("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=3600; START SLAVE");
    pair.first.sql("INSERT INTO shop.t VALUES (2)");
    pair.follower.wait_until(
        "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting until MASTER_DELAY seconds%' AND time > 1",
    );
    let warnings = pair.warnings();
    assert!(!warnings.contains("does not follow"), "{warnings}");
    let behind: u64 = pair.host.fact("mysql", "replica.seconds_behind").parse().unwrap();
    assert!((1..3600).contains(&behind), "{behind}");
}

#[test]
fn one_that_was_stopped_is_told() {
    let pair = Pair::start();
    pair.follower.sql("STOP SLAVE");
    let warnings = pair.warnings();
    assert!(warnings.contains("does not follow"), "{warnings}");
    assert_ne!(pair.host.fact("mysql", "replica.position"), " ");
}

#[test]
fn one_that_cannot_get_in_is_told_with_the_reason() {
    let pair = Pair::start();
    pair.follower
        .sql("STOP SLAVE; CHANGE MASTER TO MASTER_PASSWORD='wrong', MASTER_CONNECT_RETRY=3600; START SLAVE");
    until("it was refused", || {
        pair.follower.sql("SHOW SLAVE STATUS").contains("Access denied")
    });
    let warnings = pair.warnings();
    assert!(warnings.contains("does not follow"), "{warnings}");
    assert!(warnings.contains("Access denied"), "{warnings}");
}
