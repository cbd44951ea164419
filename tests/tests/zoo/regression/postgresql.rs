//! What the regression suite of PostgreSQL leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

use crate::difference::assert_same;

/// Runs the suite in its own order. Many of its statements are meant to fail; what it asserts is none of our business.
fn run(server: &Postgresql, suite: &Path) {
    let room = server.make_folder("suite");
    server.make_folder("suite/results");
    let mut copy = Command::new("cp");
    copy.args(["-r", "--"])
        .args([suite.join("sql"), suite.join("data")])
        .arg(&room);
    Finished::run(&mut copy).success();
    Finished::run(Command::new("chmod").args(["-R", "a+rX"]).arg(&room)).success();
    let room_text = room.to_str().unwrap();
    let environment = [
        ("PG_ABS_SRCDIR", room_text),
        ("PG_ABS_BUILDDIR", room_text),
        // No library of the suite is built: what needs one is left out by errors.
        ("PG_LIBDIR", room_text),
        ("PG_DLSUFFIX", ".so"),
        ("PGTZ", "PST8PDT"),
        ("PGDATESTYLE", "Postgres, MDY"),
    ];
    let schedule = fs::read_to_string(suite.join("parallel_schedule")).unwrap();
    let lines = schedule.lines().filter_map(|line| line.strip_prefix("test:"));
    for name in lines.flat_map(str::split_whitespace) {
        let sql = fs::read(suite.join("sql").join(format!("{name}.sql"))).unwrap();
        server.sql_all("regression", &sql, &environment);
    }
}

/// Returns what is in a database, whatever the order is: pg_dump writes the columns of inheriting tables in another one when they came
/// back, and heaps have none.
fn content(server: &Postgresql, database: &str) -> String {
    let schema = server.schema(database);
    let mut lines: Vec<&str> = schema
        .lines()
        .map(|line| line.strip_suffix(',').unwrap_or(line))
        .collect();
    lines.sort_unstable();
    let tables = server.sql(
        database,
        "SELECT string_agg(format('%I.%I', nspname, relname), E'\x01' ORDER BY nspname, relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'",
    );
    let mut content = lines.join("\n");
    for table in tables.trim_end().split_terminator('\u{1}') {
        // By name, since columns may come in another order.
        let rows = server.sql(
            database,
            &format!(
                "SELECT count(*), md5(string_agg(j, E'\\n' ORDER BY j COLLATE \"C\")) FROM (SELECT to_jsonb(t)::text AS j FROM ONLY {table} t) x"
            ),
        );
        content += &format!("\n{table} {rows}");
    }
    content
}

#[test]
#[ignore = "needs the sources of PostgreSQL: `make regression` fetches them"]
fn what_the_suite_of_postgresql_creates_comes_back() {
    let suite = PathBuf::from(
        std::env::var_os("BATT_REGRESSION_POSTGRESQL").expect("the folder of the suite is named"),
    );
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE DATABASE regression TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
    );
    run(&server, &suite);
    let objects: u32 = server
        .sql(
            "regression",
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        )
        .trim()
        .parse()
        .unwrap();
    assert!(objects > 500, "the suite left {objects} relations");

    let host = Host::new();
    host.lead_to("postgresql", &server.environment());
    host.batt(&["postgresql"]).code(0);
    host.batt(&["verify"]).code(0);
    host.batt_drill("postgresql").code(0).says("proven");

    let before = (content(&server, "regression"), server.roles());
    server.sql("postgres", "DROP DATABASE regression");
    let roles = server.sql(
        "postgres",
        "SELECT format('DROP ROLE %I;', rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'",
    );
    server.sql("postgres", &roles);
    host.batt(&["restore", "postgresql"])
        .code(0)
        .says("no difference");
    assert_same("regression", &before.0, &content(&server, "regression"));
    assert_same("the roles", &before.1, &server.roles());
}
