//! The same promise on a host as they are found: a data folder on a disk of its own, plugins, option files full of traps, settings
//! of databases that turn against whoever restores them, more databases than Redis has by default, a database that only its
//! application can check, and names of every kind.

use super::*;

/// 34 letters of two bytes: its name as a file takes 204 bytes when each is escaped.
const LONG: &str = "Бухгалтерия и отчёты за прошлый год";

const TRAPS: &str = "
[client]
connect-timeout=20
[mysqldump]
databases
add-drop-database
where=\"id<2\"
no-data
[mysql]
safe-updates
vertical
tee=/dev/null
delimiter=//
";

fn fill_mariadb(mariadb: &MariaDb) {
    // A disk that is mounted there brings the one, an account whose home it is the other.
    let data = mariadb.socket().parent().unwrap().join("data");
    for folder in ["lost+found", ".ssh"] {
        fs::create_dir(data.join(folder)).unwrap();
    }
    mariadb.sql(
        "INSTALL SONAME 'auth_ed25519'; CREATE USER signer@localhost IDENTIFIED VIA ed25519 USING PASSWORD('secret of signer');
         SET GLOBAL sql_select_limit = 20;",
    );
    mariadb.sql(&format!(
        "SET sql_select_limit = DEFAULT; CREATE DATABASE `{LONG}` CHARACTER SET utf8mb4; USE `{LONG}`;
         CREATE SEQUENCE number; CREATE TABLE paper (id BIGINT PRIMARY KEY DEFAULT NEXTVAL(number), title TEXT);
         INSERT INTO paper (title) SELECT CONCAT('№ ', seq) FROM seq_1_to_500;
         CREATE DATABASE shop; CREATE TABLE shop.article (id INT PRIMARY KEY, title TEXT); INSERT INTO shop.article VALUES (1, 'a'), (2, 'b');
         CREATE VIEW shop.papers AS SELECT id FROM `{LONG}`.paper; GRANT SELECT ON shop.* TO signer@localhost;
         CREATE DATABASE `--force`; CREATE TABLE `--force`.`a``b` (id INT); INSERT INTO `--force`.`a``b` VALUES (1);"
    ));
}

fn fill_postgresql(postgresql: &Postgresql) {
    postgresql.sql(
        "postgres",
        "CREATE ROLE app LOGIN; ALTER ROLE app SET statement_timeout = '1ms'",
    );
    for database in ["ledger", "mould", "Журнал"] {
        let create =
            format!("CREATE DATABASE \"{database}\" OWNER app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
        postgresql.sql("postgres", &create);
        postgresql.sql(
            database,
            "CREATE TABLE entry AS SELECT n AS id, 'entry ' || n AS body FROM generate_series(1, 500) n;
             CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.entry';
             CREATE MATERIALIZED VIEW total AS SELECT counted() AS n",
        );
    }
    postgresql.sql(
        "postgres",
        "ALTER DATABASE ledger SET default_transaction_read_only = on;
         ALTER DATABASE ledger SET search_path = '';
         ALTER DATABASE ledger SET row_security = off;
         ALTER DATABASE mould IS_TEMPLATE true",
    );
}

/// A file that only an application with a collation and a function of its own can check.
fn fill_sqlite(database: &Path) {
    sqlite::sql(
        database,
        "CREATE TABLE users (name TEXT COLLATE NOCASE); CREATE UNIQUE INDEX u ON users (name); INSERT INTO users VALUES ('a'), ('B');
         CREATE TABLE plain (x INT); INSERT INTO plain VALUES (1), (2);
         PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'NOCASE', 'NOCASE_UTF8');",
    );
}

fn rows_of(database: &Path) -> String {
    sqlite::sql(
        database,
        "SELECT sql FROM sqlite_master; SELECT * FROM users; SELECT * FROM plain",
    )
}

/// A web server's folder in which people have named things.
fn fill_tree(tree: &Path) {
    let script = r#"
        mkdir -p "$1/Документы/Бухгалтерия/Отчёты за 2025" "$1/a  b" && cd "$1"
        printf 'x\n' >'Документы/Бухгалтерия/Отчёты за 2025/итог.txt'
        printf 'x\n' >$'latin\xe9'; printf 'x\n' >--checkpoint-action=exec=id; printf 'x\n' >$'bell\a\e[31m'
        : >"$(printf '%0255d' 0)"; printf 'x\n' >'a  b/*'; printf 'x\n' >'$(id)'; touch -d '2030-01-01' 'a  b/*'
    "#;
    Finished::run(Command::new("bash").args(["-euc", script, "bash"]).arg(tree)).success();
}

#[test]
fn a_host_with_everything_odd_comes_back_as_well() {
    let host = Host::new();
    let (mariadb, postgresql) = (MariaDb::start(), Postgresql::start());
    let options = ["--databases", "64", "--dbfilename", "app.rdb"];
    let redis = Redis::start_with(Redis::empty_folder(), "", &options);
    let (database, tree) = (host.scratch().join("app.db"), host.scratch().join("www"));
    fill_mariadb(&mariadb);
    fill_postgresql(&postgresql);
    redis.run("SELECT 40\nSET far away\nSELECT 0\nSET near by\n");
    fill_sqlite(&database);
    fill_tree(&tree);

    let options = mariadb.option_file("root", "");
    let text = fs::read_to_string(&options).unwrap();
    fs::write(&options, text + TRAPS).unwrap();
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.lead_to("postgresql", &postgresql.environment());
    host.configure("redis", &[("REDIS_SOCKET", redis.socket().to_str().unwrap())]);
    host.configure("sqlite", &[("SQLITE_DATABASES", database.to_str().unwrap())]);
    // One item with a name that is too long for a file, and the same folder by other words.
    let reports = tree.join("Документы/Бухгалтерия/Отчёты за 2025");
    host.settings(&format!(
        "[service.file]\nitems = ['{}', '{}/./a  b']\n",
        reports.display(),
        tree.display()
    ));
    host.batt(&["enable", "mysql", "postgresql", "redis", "sqlite", "file"])
        .code(0);
    host.batt(&[]).code(0);
    host.batt(&["verify", "--all"]).code(0);
    host.batt(&["drill"]).code(0);

    let names = [LONG, "shop", "--force"];
    let bases = ["ledger", "mould", "Журнал"];
    let trees = [reports.clone(), tree.join("a  b")];
    let before = (
        names.map(|name| mariadb.fingerprint(name)),
        mariadb.accounts(),
        bases.map(|name| postgresql.fingerprint(name)),
        postgresql.roles(),
        [0, 40].map(|number| redis.fingerprint(number)),
        rows_of(&database),
        trees.each_ref().map(|tree| fingerprint(tree)),
    );

    for name in names {
        mariadb.sql(&format!("DROP DATABASE `{name}`"));
    }
    mariadb.sql("DROP USER signer@localhost");
    postgresql.sql("postgres", "ALTER DATABASE mould IS_TEMPLATE false");
    for name in bases {
        postgresql.sql("postgres", &format!("DROP DATABASE \"{name}\""));
    }
    postgresql.sql("postgres", "DROP ROLE app");
    for tree in &trees {
        fs::remove_dir_all(tree).unwrap();
    }
    fs::remove_file(&database).unwrap();
    redis.kill();

    let folder = Redis::empty_folder();
    let target = folder.path().to_str().unwrap().to_owned();
    thread::scope(|scope| {
        for arguments in [
            vec!["restore", "mysql"],
            vec!["restore", "postgresql"],
            vec!["restore", "sqlite"],
            vec!["restore", "file"],
            vec!["restore", "redis", "--into", &target],
        ] {
            let host = &host;
            scope.spawn(move || host.batt(&arguments).code(0));
        }
    });

    let redis = Redis::start_with(folder, "", &["--databases", "64", "--dbfilename", "app.rdb"]);
    let after = (
        names.map(|name| mariadb.fingerprint(name)),
        mariadb.accounts(),
        bases.map(|name| postgresql.fingerprint(name)),
        postgresql.roles(),
        [0, 40].map(|number| redis.fingerprint(number)),
        rows_of(&database),
        trees.each_ref().map(|tree| fingerprint(tree)),
    );
    assert_eq!(after, before);
    host.assert_nowhere("secret of signer");
}
