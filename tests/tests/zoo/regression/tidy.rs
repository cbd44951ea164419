//! What is made of what a suite left behind, before it is backed up: nothing that the server itself cannot open, and few databases.

use std::collections::BTreeMap;

use batt_tests::server::mariadb::MariaDb;

/// Databases of the server.
const NOT_OURS: &str = "('information_schema', 'performance_schema', 'sys', 'mysql')";
/// As many databases with little in them share one.
const TOGETHER: usize = 60;
/// As many tables are little.
const LITTLE: usize = 3;

/// Takes away what the server itself cannot open, and returns why.
pub(super) fn take_away_what_is_broken(server: &MariaDb) -> Vec<String> {
    let mut reasons = Vec::new();
    // A view over a view may be broken by that.
    loop {
        let names = server.sql(&format!(
            "SELECT CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`'), table_type = 'VIEW'
             FROM information_schema.tables WHERE table_schema NOT IN {NOT_OURS} AND table_name NOT LIKE '%\\n%'"
        ));
        let names: Vec<(&str, &str)> = names
            .lines()
            .map(|line| line.rsplit_once('\t').unwrap())
            .collect();
        let script: Vec<String> = names
            .iter()
            .map(|(name, is_view)| {
                // A view may call what changes something; of a table whose file is gone the first row tells.
                let rows = if *is_view == "1" { 0 } else { 1 };
                format!(
                    "SHOW CREATE TABLE {name}; SHOW FIELDS FROM {name}; SELECT * FROM {name} LIMIT {rows};\n"
                )
            })
            .collect();
        let told = server.sql_all(&script.concat()).stderr;
        let mut broken = BTreeMap::new();
        for line in told.lines().filter(|line| line.starts_with("ERROR ")) {
            let place = line.split_once(" at line ");
            let number = place.and_then(|(_, rest)| rest.split(':').next()).unwrap();
            broken.insert(number.parse::<usize>().unwrap() - 1, line);
        }
        if broken.is_empty() {
            return reasons;
        }
        for (at, line) in broken {
            reasons.push(format!("{}: {line}", names[at].0));
            server.sql_all(&format!(
                "DROP VIEW IF EXISTS {0}; DROP TABLE IF EXISTS {0};",
                names[at].0
            ));
        }
    }
}

/// Takes away what no dump can carry, and returns what that was: characters that do not survive a way through Unicode, and tables of ARCHIVE that
/// count in several parts, whose rows a dump has in an order in which that engine does not take them, and tables whose history is kept by transactions.
pub(super) fn take_away_what_no_dump_carries(server: &MariaDb) -> Vec<String> {
    let quoted = |column: &str| format!("CONCAT('`', REPLACE({column}, '`', '``'), '`')");
    let lost = server.sql(&format!(
        "SELECT CONCAT('SELECT ', QUOTE(CONCAT({0}, '.', {1})), ' FROM ', {0}, '.', {1}, ' WHERE HEX(', {2}, ') <> HEX(CONVERT(CONVERT(', {2},
             ' USING utf8mb4) USING ', character_set_name, ')) LIMIT 1;')
         FROM information_schema.columns WHERE table_schema NOT IN {NOT_OURS} AND table_name NOT LIKE '%\n%'
             AND character_set_name IN ('big5', 'cp932', 'eucjpms', 'euckr', 'gb2312', 'gbk', 'sjis', 'ujis')",
        quoted("table_schema"),
        quoted("table_name"),
        quoted("column_name")
    ));
    let mut names = server.sql_all(&lost).stdout;
    names += &server.sql(&format!(
        "SELECT CONCAT({}, '.', {}) FROM information_schema.tables WHERE table_schema NOT IN {NOT_OURS}
             AND engine = 'ARCHIVE' AND create_options LIKE '%partitioned%' AND auto_increment IS NOT NULL",
        quoted("table_schema"),
        quoted("table_name")
    ));
    names += &server.sql(&format!(
        "SELECT CONCAT({}, '.', {}) FROM information_schema.columns WHERE table_schema NOT IN {NOT_OURS}
             AND generation_expression = 'ROW START' AND data_type = 'bigint'",
        quoted("table_schema"),
        quoted("table_name")
    ));
    let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
    names.sort();
    names.dedup();
    for name in &names {
        server.sql_all(&format!(
            "DROP VIEW IF EXISTS {name}; DROP TABLE IF EXISTS {name};"
        ));
    }
    names
}

/// Puts the tables of databases with little else into few databases, under names that tell where they are from.
pub(super) fn gather(server: &MariaDb) {
    let little = server.sql(&format!(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN {NOT_OURS}
             AND schema_name NOT IN (SELECT routine_schema FROM information_schema.routines)
             AND schema_name NOT IN (SELECT trigger_schema FROM information_schema.triggers)
             AND schema_name NOT IN (SELECT event_schema FROM information_schema.events)
             AND schema_name NOT IN (SELECT table_schema FROM information_schema.tables WHERE table_type NOT IN ('BASE TABLE', 'SYSTEM VERSIONED'))
             AND schema_name NOT IN (SELECT table_schema FROM information_schema.tables GROUP BY 1 HAVING COUNT(*) > {LITTLE})
         ORDER BY schema_name"
    ));
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let mut script = String::new();
    for (number, database) in little.lines().enumerate() {
        let target = format!("few_{}", number / TOGETHER);
        script += &format!("CREATE DATABASE IF NOT EXISTS {target};\n");
        let tables = server.sql(&format!(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'"
        ));
        for table in tables.lines() {
            let from = format!("{}.{}", quoted(database), quoted(table));
            let name: String = format!("{database}.{table}").chars().take(64).collect();
            script += &format!("RENAME TABLE {from} TO {target}.{};\n", quoted(&name));
        }
    }
    server.sql_all(&script);
    // What did not go stays where it is.
    let emptied = server.sql(&format!(
        "SELECT CONCAT('DROP DATABASE `', schema_name, '`;') FROM information_schema.schemata WHERE schema_name NOT IN {NOT_OURS}
             AND schema_name NOT IN (SELECT table_schema FROM information_schema.tables)
             AND schema_name NOT IN (SELECT routine_schema FROM information_schema.routines)
             AND schema_name NOT IN (SELECT event_schema FROM information_schema.events)"
    ));
    server.sql_all(&emptied);
}

/// Takes away what a server holds and makes no more, by its own words for it, and returns what that was with the error: tables with keys to others,
/// triggers on a column that is gone, and tables with rows that are not of the shape that their column is for.
pub(super) fn take_away_what_is_made_no_more(server: &MariaDb) -> Vec<String> {
    const SCRATCH: &str = "tidy_scratch";
    let quoted = |column: &str| format!("CONCAT('`', REPLACE({column}, '`', '``'), '`')");
    let mut taken = Vec::new();
    let mut take = |what: &str, why: &str, statement: &str| {
        taken.push(format!("{what}: {why}"));
        server.sql_all(statement);
    };
    server.sql(&format!("CREATE DATABASE {SCRATCH}"));
    let tables = server.sql(&format!(
        "SELECT DISTINCT CONCAT({}, '.', {}) FROM information_schema.key_column_usage WHERE referenced_table_name IS NOT NULL
             AND table_schema NOT IN {NOT_OURS} AND table_name NOT LIKE '%\n%'",
        quoted("table_schema"),
        quoted("table_name")
    ));
    for table in tables.lines() {
        let made = server.sql(&format!("SHOW CREATE TABLE {table}"));
        let (_, made) = made.split_once('\t').unwrap();
        let told = server.sql_all(&format!(
            "DROP DATABASE {SCRATCH}; CREATE DATABASE {SCRATCH}; USE {SCRATCH}; SET foreign_key_checks = 0; SET innodb_strict_mode = OFF; SET sql_mode = '';\n{made};"
        ));
        if let Some(error) = told.stderr.lines().find(|line| line.starts_with("ERROR 1005")) {
            take(
                table,
                error,
                &format!("SET foreign_key_checks = 0; DROP TABLE {table}"),
            );
        }
    }
    let triggers = server.sql(&format!(
        "SELECT CONCAT({0}, '.', {1}), CONCAT({0}, '.', {2}), {2} FROM information_schema.triggers WHERE trigger_schema NOT IN {NOT_OURS}
             AND trigger_name NOT LIKE '%\n%' AND event_object_table NOT LIKE '%\n%'",
        quoted("trigger_schema"),
        quoted("trigger_name"),
        quoted("event_object_table")
    ));
    for line in triggers.lines() {
        let [trigger, of, table] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let made = server.sql(&format!("SHOW CREATE TRIGGER {trigger}"));
        let [_, mode, made] = made.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let told = server.sql_all(&format!(
            "DROP DATABASE {SCRATCH}; CREATE DATABASE {SCRATCH}; USE {SCRATCH}; CREATE TABLE {table} LIKE {of}; SET sql_mode = '{mode}';\nDELIMITER //\n{}//",
            made.rsplitn(5, '\t').last().unwrap()
        ));
        if let Some(error) = told.stderr.lines().find(|line| line.starts_with("ERROR 1054")) {
            take(trigger, error, &format!("DROP TRIGGER {trigger}"));
        }
    }
    server.sql(&format!("DROP DATABASE {SCRATCH}"));
    let shapes = server.sql(&format!(
        "SELECT CONCAT('SELECT ', QUOTE(CONCAT({0}, '.', {1})), ' FROM ', {0}, '.', {1}, ' WHERE ', {2}, ' IS NOT NULL AND ST_AsText(', {2}, ') IS NULL LIMIT 1;')
         FROM information_schema.columns WHERE table_schema NOT IN {NOT_OURS} AND table_name NOT LIKE '%\n%'
             AND data_type IN ('geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection')",
        quoted("table_schema"),
        quoted("table_name"),
        quoted("column_name")
    ));
    let mut shapes: Vec<String> = server
        .sql_all(&shapes)
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    shapes.dedup();
    for table in shapes {
        take(
            &table,
            "rows without a shape",
            &format!("DROP VIEW IF EXISTS {table}; DROP TABLE IF EXISTS {table}"),
        );
    }
    taken
}
