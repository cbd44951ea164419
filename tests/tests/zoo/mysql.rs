//! The zoo of MariaDB and MySQL.

use batt_tests::host::Host;
use batt_tests::server::mariadb::{MariaDb, is_mysql};

use super::difference::assert_same;

const BOTH: &str = include_str!("../../zoo/mysql/both.sql");
const MARIADB: &str = include_str!("../../zoo/mysql/mariadb.sql");
const MYSQL: &str = include_str!("../../zoo/mysql/mysql.sql");

/// Columns of information_schema that tell of files, times and numbers of the moment.
const OF_THE_MOMENT: [&str; 19] = [
    "CREATE_TIME",
    "UPDATE_TIME",
    "CHECK_TIME",
    "CREATED",
    "LAST_ALTERED",
    "LAST_EXECUTED",
    "TABLE_ROWS",
    "AVG_ROW_LENGTH",
    "DATA_LENGTH",
    "MAX_DATA_LENGTH",
    "INDEX_LENGTH",
    "DATA_FREE",
    "CARDINALITY",
    "AUTO_INCREMENT",
    "CHECKSUM",
    "TABLESPACE_NAME",
    "ORIGINATOR",
    "VERSION",
    "PASSWORD_EXPIRATION_TIME",
];

/// Tables of information_schema that tell of the server and not of what is in it; and what a backup tells, and does not hold.
const OF_THE_SERVER: &str = "'PROCESSLIST', 'GLOBAL_STATUS', 'SESSION_STATUS', 'GLOBAL_VARIABLES', 'SESSION_VARIABLES', 'SYSTEM_VARIABLES',
    'PROFILING', 'OPTIMIZER_TRACE', 'FILES', 'TABLESPACES', 'TABLESPACES_EXTENSIONS', 'KEY_CACHES', 'USER_STATISTICS', 'CLIENT_STATISTICS',
    'INDEX_STATISTICS', 'TABLE_STATISTICS', 'PLUGINS', 'ALL_PLUGINS', 'THREAD_POOL_GROUPS', 'THREAD_POOL_QUEUES', 'THREAD_POOL_STATS',
    'THREAD_POOL_WAITS', 'SPIDER_ALLOC_MEM', 'FEEDBACK', 'COLUMN_STATISTICS', 'ST_SPATIAL_REFERENCE_SYSTEMS'";

/// Everything that a server tells of itself, by its own views, its own statements, and the rows of all tables.
fn told_by(server: &MariaDb) -> String {
    let mut told = String::new();
    told += &server.sql("SET SESSION group_concat_max_len = 1000000; SELECT 1");
    let views = server.sql(&format!(
        "SET SESSION group_concat_max_len = 1000000;
         SELECT table_name, GROUP_CONCAT(CONCAT('QUOTE(CONVERT(`', column_name, '` USING utf8mb4) COLLATE utf8mb4_bin)') ORDER BY ordinal_position),
             MAX(column_name LIKE '%SCHEMA%'), GROUP_CONCAT(IF(column_name LIKE '%\\\\_SCHEMA', column_name, NULL) ORDER BY ordinal_position)
         FROM information_schema.columns
         WHERE table_schema = 'information_schema' AND table_name NOT IN ({OF_THE_SERVER})
             AND table_name NOT LIKE 'INNODB%' AND table_name NOT LIKE 'XTRADB%' AND UPPER(column_name) NOT IN ({})
         GROUP BY table_name ORDER BY table_name",
        OF_THE_MOMENT.map(|name| format!("'{name}'")).join(", ")
    ));
    for view in views.lines() {
        let fields: Vec<&str> = view.split('\t').collect();
        let schemas = fields[3].split(',').filter(|name| *name != "NULL");
        let of_people: Vec<String> = schemas
            .map(|column| format!("COALESCE({column}, '') NOT IN ('information_schema', 'performance_schema', 'sys', 'mysql')"))
            .collect();
        let condition = if of_people.is_empty() {
            "TRUE".to_owned()
        } else {
            of_people.join(" AND ")
        };
        let rows = server.sql(&format!(
            "SELECT CONCAT_WS(',', {}) AS told FROM information_schema.`{}` WHERE {condition} ORDER BY told",
            fields[1], fields[0]
        ));
        told += &format!("--- {}\n{rows}", fields[0]);
    }
    // A table of Aria is dumped with a checksum of its pages, which is the default.
    let told = told.replace("page_checksum=1 ", "") + &statements(server) + &accounts(server);
    // MySQL tells the character set besides its collation, or not.
    told.replace(" CHARACTER SET utf8mb4 COLLATE", " COLLATE")
}

/// Each thing as the server's own statement makes it, each row, and what the server counts together of each table.
fn statements(server: &MariaDb) -> String {
    let not_ours = "('information_schema', 'performance_schema', 'sys', 'mysql')";
    let quoted = |column: &str| format!("CONCAT('`', REPLACE({column}, '`', '``'), '`')");
    // All columns at once: asked of each table by itself, a server looks through those of all tables each time.
    let of_columns = format!(
        "(SELECT BINARY table_schema AS its_schema, BINARY table_name AS its_name, MAX(data_type = 'float') AS has_floats,
             GROUP_CONCAT(IF(extra LIKE '%INVISIBLE%', NULL, {}) ORDER BY ordinal_position) AS visible
         FROM information_schema.columns WHERE table_schema NOT IN {not_ours} GROUP BY 1, 2) AS c
         ON c.its_schema = BINARY table_schema AND c.its_name = BINARY table_name",
        quoted("column_name")
    );
    let asked = server.sql(&format!(
        "SET SESSION group_concat_max_len = 1000000;
         SELECT HEX(CONCAT('SHOW CREATE DATABASE ', {0})) FROM information_schema.schemata WHERE schema_name NOT IN {not_ours} ORDER BY 1;
         SELECT HEX(CONCAT('SHOW CREATE TABLE ', {1}, '.', {2})) FROM information_schema.tables WHERE table_schema NOT IN {not_ours} ORDER BY 1;
         SELECT HEX(CONCAT('SHOW CREATE ', IF(routine_type LIKE 'PACKAGE%', routine_type, routine_type), ' ', {3}, '.', {4}))
             FROM information_schema.routines WHERE routine_schema NOT IN {not_ours} ORDER BY 1;
         SELECT HEX(CONCAT('SHOW CREATE EVENT ', {5}, '.', {6})) FROM information_schema.events WHERE event_schema NOT IN {not_ours} ORDER BY 1;
         SELECT HEX(CONCAT('SELECT * FROM ', {1}, '.', {2}, IF(table_type = 'SYSTEM VERSIONED', ' FOR SYSTEM_TIME ALL', ''),
             COALESCE(CONCAT(' ORDER BY ', IF(COALESCE(engine, '') = 'BLACKHOLE', NULL, visible)), '')))
             FROM information_schema.tables LEFT JOIN {of_columns} WHERE table_schema NOT IN {not_ours} AND table_type <> 'VIEW' ORDER BY 1;
         SELECT HEX(CONCAT('CHECKSUM TABLE ', {1}, '.', {2}, ' EXTENDED'))
             FROM information_schema.tables LEFT JOIN {of_columns} WHERE table_schema NOT IN {not_ours} AND table_type = 'BASE TABLE'
                 AND COALESCE(has_floats, 0) = 0 ORDER BY 1;",
        quoted("schema_name"),
        quoted("table_schema"),
        quoted("table_name"),
        quoted("routine_schema"),
        quoted("routine_name"),
        quoted("event_schema"),
        quoted("event_name"),
    ));
    let statements: Vec<String> = asked
        .lines()
        .map(|statement| {
            let bytes: Vec<u8> = (0..statement.len() / 2)
                .map(|n| u8::from_str_radix(&statement[2 * n..2 * n + 2], 16).unwrap())
                .collect();
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    // One client for all of them, which tells where the answer to each begins.
    const MARK: &str = "--- answer ";
    let mut script = String::new();
    for (number, statement) in statements.iter().enumerate() {
        script += &format!("SELECT '{MARK}{number}';\n{statement};\n");
    }
    let answers = server.sql(&script);
    let mut told = String::new();
    for line in answers.split_inclusive('\n') {
        let number = line
            .strip_prefix(MARK)
            .and_then(|number| number.trim_end().parse::<usize>().ok());
        match number.and_then(|number| statements.get(number)) {
            Some(statement) => told += &format!("--- {statement}\n"),
            None => told += line,
        }
    }
    told
}

/// Accounts but for those that every server has, with what they are and what they are granted.
fn accounts(server: &MariaDb) -> String {
    let is_role = if is_mysql() { "'N'" } else { "is_role" };
    let accounts = server.sql(&format!(
        "SELECT IF({is_role} = 'Y', QUOTE(user), CONCAT(QUOTE(user), '@', QUOTE(host))), {is_role} FROM mysql.user
             WHERE user NOT IN ('root', 'mariadb.sys', 'mysql.sys', 'mysql.session', 'mysql.infoschema') ORDER BY 1"
    ));
    let mut told = String::new();
    for line in accounts.lines() {
        let (account, is_role) = line.rsplit_once('\t').unwrap();
        if is_role == "N" {
            told += &server.sql(&format!("SHOW CREATE USER {account}"));
        }
        told += &words_in_order(&server.sql(&format!("SHOW GRANTS FOR {account}")));
    }
    let roles = if is_mysql() {
        "SELECT * FROM mysql.role_edges ORDER BY 1, 2, 3, 4; SELECT * FROM mysql.default_roles ORDER BY 1, 2;"
    } else {
        "SELECT * FROM mysql.roles_mapping ORDER BY 1, 2, 3;"
    };
    told + &server.sql(roles)
}

/// Grants, each with its words in order: of columns a server tells them in any.
fn words_in_order(grants: &str) -> String {
    let mut lines: Vec<String> = grants
        .lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split(['(', ')', ',', ' ']).collect();
            words.sort_unstable();
            words.join(" ") + "\n"
        })
        .collect();
    lines.sort_unstable();
    lines.concat()
}

/// What has to be installed in a server before its things can be.
const PLUGINS: &str =
    "INSTALL SONAME 'ha_archive'; INSTALL SONAME 'ha_blackhole'; INSTALL SONAME 'auth_ed25519';";

fn start() -> MariaDb {
    start_with(&[])
}

/// Starts a server with what has to be installed, and options of its own.
pub(crate) fn start_with(options: &[&str]) -> MariaDb {
    let server = MariaDb::start_with(&[&["--skip-log-bin"], options].concat());
    if !is_mysql() {
        server.sql(PLUGINS);
    }
    server
}

/// Everything but the checksum of a table with indexes over expressions: whenever it is opened anew, MySQL may have another one for the same rows.
/// These are compared all the same.
pub(crate) fn everything(server: &MariaDb) -> String {
    let told = told_by(server);
    let lines = told.lines().filter(|line| !line.starts_with("zoo.newer\t"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn everything_of_a_server_comes_back() {
    let server = start();
    server.sql(BOTH);
    server.sql(if is_mysql() { MYSQL } else { MARIADB });
    let before = everything(&server);
    let host = Host::new();
    let configure = |server: &MariaDb| {
        let credentials = server.option_file("root", "");
        host.configure("mysql", &[("MYSQL_CREDS", credentials.to_str().unwrap())]);
    };
    configure(&server);

    host.batt(&["mysql"]).code(0);
    assert_eq!(host.fact("mysql", "also_needed.servers"), "far");
    if is_mysql() {
        assert_eq!(
            host.fact("mysql", "also_needed.spatial-reference-systems"),
            "990001 ours"
        );
    }
    host.batt(&["verify"]).code(0);
    host.batt_drill("mysql").code(0).says("proven");
    assert_same("the server that was backed up", &before, &everything(&server));

    server.kill();
    let emptied = start();
    configure(&emptied);
    let told = host.batt_restore(&[], &["mysql"]).code(0).said();
    // Each other one by an account of its own.
    let by_all_rights: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("is loaded by the account that restores"))
        .collect();
    assert!(
        matches!(&by_all_rights[..], [one] if one.contains("`old` ") && one.contains("the database `zoo`")),
        "{by_all_rights:#?}"
    );

    assert_same("what was restored", &before, &everything(&emptied));

    // What refers to it from elsewhere would stay with what it replaces.
    let replace = ["mysql", "--mysql-db", "zoo", "--replace"];
    host.batt_restore(&[], &replace)
        .code(2)
        .says("tables of other databases refer to it: `old`.`across`");
    emptied.sql("ALTER TABLE old.across DROP FOREIGN KEY across_ibfk_1");
    // When nothing runs any more, since the tables have changed places, it comes to an end: all goes back.
    let script = host.home().join("scripts-available/restore-mysql");
    let shipped = std::fs::read_to_string(&script).unwrap();
    let made = "load_programs) load_programs \"$2\" \"$parts\" ;;";
    assert!(shipped.contains(made));
    std::fs::write(&script, shipped.replace(made, "load_programs) return 1 ;;")).unwrap();
    let told = host.batt_restore(&[], &replace).code(2);
    told.says("`zoo` is as it was before");
    assert!(
        !told.said().contains("could not be made again"),
        "{}",
        told.said()
    );
    std::fs::write(&script, shipped).unwrap();
    emptied.sql("ALTER TABLE old.across ADD FOREIGN KEY (animal) REFERENCES zoo.animal (id)");
    assert_same("what was put back", &before, &everything(&emptied));

    emptied.sql("ALTER TABLE old.across DROP FOREIGN KEY across_ibfk_1");
    host.batt_restore(&[], &replace).code(0);
    emptied.sql("ALTER TABLE old.across ADD FOREIGN KEY (animal) REFERENCES zoo.animal (id)");
    assert_same("what was replaced", &before, &everything(&emptied));
}
