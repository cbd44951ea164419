//! What only MySQL answers, from a server that is played.

use std::process::Command;
use std::sync::Arc;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::fake_mysql::{FakeMysql, Reply};

/// A server of MySQL with the database `shop` and the account `a`.
#[derive(Clone)]
struct Played {
    /// What the account that asks is granted.
    grants: Vec<&'static str>,
    /// The statement that makes `a`.
    account: &'static str,
}

impl Played {
    fn answer(&self, statement: &str) -> Reply {
        let rows = |rows: &[&[&str]]| {
            let row = |row: &&[&str]| row.iter().map(|text| text.as_bytes().to_vec()).collect();
            Reply::Rows(rows.iter().map(row).collect())
        };
        let has = |text: &str| statement.contains(text);
        if has("VERSION()") {
            rows(&[&["8.0.36", "18446744073709551615", "0", "0", "16777216"]])
        } else if has("SHOW VARIABLES") {
            rows(&[&["innodb_page_size", "16384"], &["innodb_strict_mode", "ON"]])
        } else if has("SHOW CREATE USER") {
            Reply::text(self.account)
        } else if has("SHOW GRANTS FOR") {
            Reply::text("GRANT USAGE ON *.* TO `a`@`%`")
        } else if has("SHOW GRANTS") {
            let grants: Vec<[&str; 1]> = self.grants.iter().map(|grant| [*grant]).collect();
            rows(&grants.iter().map(|grant| &grant[..]).collect::<Vec<_>>())
        } else if has("FROM mysql.user") {
            rows(&[&["account", "a", "%"]])
        } else if has("SELECT '--'") {
            Reply::text("--")
        } else if has("SELECT schema_name FROM") {
            Reply::text("shop")
        } else if has("is_versioned,") {
            rows(&[&[
                "utf8mb4",
                "utf8mb4_general_ci",
                "1",
                "InnoDB",
                "0",
                "0",
                "0",
                "0",
                "0 0",
                "0",
                "0",
                "-",
                "",
            ]])
        } else {
            Reply::Done
        }
    }

    /// Backs it up on a new host.
    fn back_up(&self, items: &[&str]) -> (Host, Finished) {
        let played = self.clone();
        let server = FakeMysql::start(Arc::new(move |statement| played.answer(statement)));
        let host = Host::new();
        let port = server.port().to_string();
        host.configure("mysql", &[("MYSQL_HOST", "127.0.0.1"), ("MYSQL_TCP_PORT", &port)]);
        let finished = host.batt(items);
        (host, finished)
    }
}

const ALL: &str = "GRANT SELECT, RELOAD, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER ON *.* TO `root`@`%`";

/// With `partial_revokes` what is granted on everything may be taken back on one database, which is not even named then.
#[test]
fn what_is_revoked_is_not_granted() {
    let revoked = |grants: &[&'static str]| Played {
        grants: [&[ALL], grants].concat(),
        account: "",
    };
    let of_shop = revoked(&["REVOKE SELECT, TRIGGER ON `shop`.* FROM `root`@`%`"]);
    let of_another = revoked(&["REVOKE SELECT ON `shop2`.* FROM `root`@`%`"]);
    let of_writes = revoked(&["REVOKE INSERT, UPDATE ON `mysql`.* FROM `root`@`%`"]);

    let (_, named) = of_shop.back_up(&["--mysql-db", "shop"]);
    named
        .code(2)
        .says("the account lacks privileges (SELECT, TRIGGER) on `shop`");
    for played in [&of_shop, &of_another] {
        let (_, all) = played.back_up(&["mysql"]);
        all.code(2).says(
            "the account may not see all databases: it lacks SELECT on *.*, or it is revoked on some of them",
        );
    }
    let (_, all) = of_writes.back_up(&["mysql"]);
    let (_, named) = of_another.back_up(&["--mysql-db", "shop"]);
    for said in [all.said(), named.said()] {
        assert!(!said.contains("lacks"), "{said}");
    }
}

/// A role that is taken on comes after the roles; a text that reads like one stays what it is.
#[test]
fn default_roles_are_read_outside_of_texts() {
    let backed_up = |account: &'static str| {
        let played = Played {
            grants: vec!["GRANT ALL PRIVILEGES ON *.* TO `root`@`%`"],
            account,
        };
        let (host, finished) = played.back_up(&["--mysql-db", "mysql"]);
        finished.code(0);
        let archive = host.backup("mysql").join("mysql.zst");
        Finished::run(Command::new("zstd").arg("-dc").arg(archive)).success()
    };
    let text = backed_up(
        "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 'x' REQUIRE NONE \
         ATTRIBUTE '{\"comment\": \"one DEFAULT ROLE `x` REQUIRE nothing\"}'",
    );
    assert!(text.contains("one DEFAULT ROLE `x` REQUIRE nothing"), "{text}");
    assert!(!text.contains("SET DEFAULT ROLE"), "{text}");
    let text = backed_up(
        "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 'it''s' DEFAULT ROLE `r ``REQUIRE `@`%`,`s DEFAULT ROLE `@`%` \
         REQUIRE NONE ATTRIBUTE '{\"comment\": \"one DEFAULT ROLE `x` REQUIRE nothing\"}'",
    );
    assert!(
        text.contains("SET DEFAULT ROLE `r ``REQUIRE `@`%`,`s DEFAULT ROLE `@`%` TO 'a'@'%';"),
        "{text}"
    );
    assert!(text.contains("AS 'it''s' REQUIRE NONE ATTRIBUTE"), "{text}");
    assert!(text.contains("one DEFAULT ROLE `x` REQUIRE nothing"), "{text}");
}
