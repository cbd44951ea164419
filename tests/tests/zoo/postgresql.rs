//! The zoo of PostgreSQL.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

use super::difference::assert_same;

/// Databases that are filled with a little.
const LITTLE: [&str; 15] = [
    "read_only",
    "hurried",
    "strange",
    "elsewhere",
    "western",
    "bytes",
    "icu",
    "limited",
    "template_of_ours",
    "closed",
    "postgres",
    "template1",
    "it's \"q\" \\b",
    "größe 動物園",
    "two\nlines",
];

const CLUSTER: &str = include_str!("../../zoo/postgresql/cluster.sql");
const OBJECTS: &str = include_str!("../../zoo/postgresql/objects.sql");
const SMALL: &str = include_str!("../../zoo/postgresql/small.sql");
const LAST: &str = include_str!("../../zoo/postgresql/last.sql");
const SINCE: [(u32, &str); 3] = [
    (16, include_str!("../../zoo/postgresql/since-16.sql")),
    (17, include_str!("../../zoo/postgresql/since-17.sql")),
    (18, include_str!("../../zoo/postgresql/since-18.sql")),
];

/// Everything there is of a server: its dump with all rows, and what a dump does not tell.
fn everything(server: &Postgresql) -> String {
    let databases = server.sql(
        "postgres",
        "SELECT quote_ident(datname), pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datistemplate,
             datallowconn, datconnlimit, spcname, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a), shobj_description(d.oid, 'pg_database')
         FROM pg_database d JOIN pg_tablespace s ON s.oid = dattablespace ORDER BY 1;
         SELECT datname, rolname, setconfig FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase
             LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2;",
    );
    databases + &server.dump_all()
}

#[test]
fn everything_of_a_server_comes_back() {
    let server = Postgresql::start();
    let version: u32 = server
        .sql("postgres", "SHOW server_version_num")
        .trim()
        .parse()
        .unwrap();
    let folder = server.make_folder("space");
    let cluster = CLUSTER.replace(":'folder'", &format!("'{}'", folder.display()));
    server.sql("postgres", &cluster);
    server.sql("zoo", OBJECTS);
    for database in LITTLE {
        server.sql(database, SMALL);
    }
    for (_, more) in SINCE.iter().filter(|(newer, _)| version >= newer * 10_000) {
        server.sql("zoo", more);
    }
    server.sql("postgres", LAST);
    let host = Host::new();
    let configure = |server: &Postgresql| {
        host.lead_to("postgresql", &server.environment());
    };
    configure(&server);

    let backup = host.batt(&["--format", "json", "postgresql"]).code(0);
    backup.says("`closed`");
    host.batt(&["verify"]).code(0);
    host.batt_drill("postgresql").code(0).says("proven");
    assert_eq!(
        host.fact("postgresql", "also_needed.settings-of-all-roles"),
        "log_min_duration_statement=1h"
    );
    // Told, and not in a backup; and the role that restores keeps its own settings.
    server.sql(
        "postgres",
        "ALTER ROLE ALL RESET ALL; ALTER ROLE postgres RESET ALL",
    );
    let before = everything(&server);

    // The same place for tablespaces; the first server is gone.
    server.kill();
    let emptied = Postgresql::start();
    for entry in fs::read_dir(&folder).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    configure(&emptied);
    host.batt_restore(&[], &["postgresql"]).code(0);

    let after = everything(&emptied);
    assert_same("what was restored", &without_closed(&before), &after);
}

/// What is told of a server, without the database that takes no connections and is in no backup.
fn without_closed(told: &str) -> String {
    told.lines()
        .filter(|line| !line.starts_with("closed|"))
        .map(|line| format!("{line}\n"))
        .collect()
}
