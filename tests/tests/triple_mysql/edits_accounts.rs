//! An edit of what an account may do, or of how it gets in, is found; its password is not looked at.

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// The account or role, what makes it, and the edit.
const EDITS: [(&str, &str, &str); 18] = [
    (
        "a1",
        "CREATE USER a1@h; GRANT SELECT (a) ON d.t TO a1@h",
        "GRANT SELECT (b) ON d.t TO a1@h",
    ),
    (
        "a2",
        "CREATE USER a2@h; GRANT EXECUTE ON PROCEDURE d.p TO a2@h",
        "GRANT ALTER ROUTINE ON PROCEDURE d.p TO a2@h",
    ),
    (
        "a3",
        "CREATE USER a3@h; GRANT SELECT ON d.* TO a3@h",
        "GRANT INSERT ON d.* TO a3@h",
    ),
    ("a4", "CREATE USER a4@h", "GRANT SUPER ON *.* TO a4@h"),
    (
        "a5",
        "CREATE USER a5@h; GRANT SELECT ON d.t TO a5@h",
        "GRANT SELECT ON d.t TO a5@h WITH GRANT OPTION",
    ),
    ("a6", "CREATE USER a6@h", "GRANT r1 TO a6@h"),
    (
        "a7",
        "CREATE USER a7@h; GRANT r1 TO a7@h",
        "GRANT r1 TO a7@h WITH ADMIN OPTION",
    ),
    (
        "a8",
        "CREATE USER a8@h; GRANT r1 TO a8@h",
        "SET DEFAULT ROLE r1 FOR a8@h",
    ),
    (
        "a9",
        "CREATE USER a9@h IDENTIFIED BY 'x' REQUIRE SSL",
        "ALTER USER a9@h REQUIRE NONE",
    ),
    (
        "b1",
        "CREATE USER b1@h IDENTIFIED VIA ed25519 USING PASSWORD('x') REQUIRE SSL",
        "ALTER USER b1@h REQUIRE NONE",
    ),
    (
        "b2",
        "CREATE USER b2@h IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 3",
        "ALTER USER b2@h WITH MAX_USER_CONNECTIONS 0",
    ),
    (
        "b3",
        "CREATE USER b3@h IDENTIFIED VIA ed25519 USING PASSWORD('x') WITH MAX_QUERIES_PER_HOUR 3",
        "ALTER USER b3@h WITH MAX_QUERIES_PER_HOUR 0",
    ),
    (
        "b4",
        "CREATE USER b4@h ACCOUNT LOCK",
        "ALTER USER b4@h ACCOUNT UNLOCK",
    ),
    (
        "b5",
        "CREATE USER b5@h IDENTIFIED VIA ed25519 USING PASSWORD('x')",
        "ALTER USER b5@h IDENTIFIED VIA unix_socket",
    ),
    (
        "b6",
        "CREATE USER b6@h IDENTIFIED BY 'x'",
        "ALTER USER b6@h IDENTIFIED BY PASSWORD ''",
    ),
    (
        "b7",
        "CREATE USER b7@h REQUIRE ISSUER '/CN=x'",
        "ALTER USER b7@h REQUIRE ISSUER '/CN=y'",
    ),
    ("r2", "CREATE ROLE r2", "GRANT DELETE ON d.* TO r2"),
    (
        "PUBLIC",
        "GRANT SELECT ON d.t TO PUBLIC",
        "GRANT ALL ON d.* TO PUBLIC",
    ),
];
const KEPT: [(&str, &str); 2] = [
    ("c1", "CREATE USER c1@h IDENTIFIED BY 'it''s \\\\ USING'"),
    (
        "c2",
        "CREATE USER c2@h IDENTIFIED VIA ed25519 USING PASSWORD('x') OR unix_socket",
    ),
];

/// Returns what is recorded of each account, as one text.
fn recorded(host: &Host) -> std::collections::BTreeMap<String, String> {
    let mut told = std::collections::BTreeMap::<String, String>::new();
    for (key, value) in host.content("mysql", "mysql") {
        let name = key.rsplit('.').next().unwrap().replace("@h", "");
        told.entry(name).or_default().push_str(&value);
    }
    told
}

#[test]
fn edits_of_accounts_are_found() {
    let server = MariaDb::start();
    server.sql(
        "INSTALL SONAME 'auth_ed25519'; CREATE DATABASE d; CREATE TABLE d.t (a INT, b INT); CREATE PROCEDURE d.p() SELECT 1; CREATE ROLE r1",
    );
    for make in EDITS
        .iter()
        .map(|edit| edit.1)
        .chain(KEPT.iter().map(|kept| kept.1))
    {
        server.sql(make);
    }
    let backed_up = || {
        let host = Host::new();
        configure(&host, &server, &[]);
        host.batt(&["mysql"]).code(0);
        host
    };
    let before = backed_up();
    for (_, _, edit) in EDITS {
        server.sql(edit);
    }
    // Of another password nothing is told.
    server.sql("ALTER USER c1@h IDENTIFIED BY 'y'; ALTER USER c2@h IDENTIFIED VIA ed25519 USING PASSWORD('y') OR unix_socket");
    let after = backed_up();
    let (first, second) = (recorded(&before), recorded(&after));
    let is_same = |name: &&str| first[*name] == second[*name];
    let not_found: Vec<&str> = EDITS.iter().map(|edit| edit.0).filter(is_same).collect();
    assert_eq!(not_found, [""; 0]);
    assert!(KEPT.iter().all(|(name, _)| is_same(name)));

    // And what comes back is what was.
    before.batt_drill("mysql").code(0).says("proven");
    server.sql("DROP USER a1@h, a9@h, b1@h, b3@h, b4@h, b5@h, b6@h, b7@h; DROP ROLE r2; REVOKE ALL ON d.* FROM PUBLIC; ALTER USER b2@h WITH MAX_USER_CONNECTIONS 3");
    let told = before
        .batt(&["restore", "mysql", "--mysql-db", "mysql"])
        .code(2)
        .said();
    for name in ["a3", "a4", "a5", "a6", "a7"] {
        assert!(told.contains(&format!("account.{name}@h` is ")), "{told}");
    }
    for name in ["a1", "a9", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "c1", "c2"] {
        assert!(!told.contains(&format!("account.{name}@h")), "{name}\n{told}");
    }
}
