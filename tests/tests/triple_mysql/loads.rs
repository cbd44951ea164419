//! Several databases that are restored at once.

use std::fs;
use std::path::PathBuf;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;
use crate::held::Running;

const THEY: &str = "
    CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE c;
    CREATE TABLE b.t (id INT PRIMARY KEY); INSERT INTO b.t VALUES (1), (2);
    CREATE TABLE a.t (id INT PRIMARY KEY); INSERT INTO a.t VALUES (1); CREATE VIEW a.v AS SELECT id FROM b.t;
    CREATE TABLE c.t (id INT PRIMARY KEY); INSERT INTO c.t VALUES (1), (2), (3); CREATE PROCEDURE c.p() SELECT 1;
";
const RESTORE: [&str; 8] = [
    "restore",
    "mysql",
    "--mysql-db",
    "a",
    "--mysql-db",
    "b",
    "--mysql-db",
    "c",
];

/// Has the client do this first where it loads the database `$name`, in a folder of its own, and then tell in the file `order` when it begins and ends.
fn configure_loads(host: &Host, server: &MariaDb, target: &MariaDb, first: &str) -> PathBuf {
    let tools = host.scratch().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let program = tools.join("mariadb");
    let script = format!(
        "#!/bin/bash\ncase $* in *--show-warnings*) ;; *) exec /usr/bin/mariadb \"$@\" ;; esac\n\
         name=${{!#}} name=${{name#--database=}}\ncd {}\n{first}\necho \"begin $name\" >>order\nstatus=0\n\
         /usr/bin/mariadb \"$@\" || status=$?\necho \"end $name\" >>order\nexit $status\n",
        tools.display()
    );
    fs::write(&program, script).unwrap();
    chmod(&program, 0o755);
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    let options = target.option_file("root", "");
    let settings = [
        ("MYSQL_JOBS", "3"),
        ("PATH", &path),
        ("MYSQL_RESTORE_CREDS", options.to_str().unwrap()),
    ];
    configure(host, server, &settings);
    tools
}

/// The loads of `b` and `c` wait for each other.
const MEET: &str = "case $name in b | c)
    : >here-$name
    for _ in {1..2400}; do
        [ -e here-b ] && [ -e here-c ] && break
        sleep 0.05
    done
    [ -e here-b ] && [ -e here-c ] || { echo 'nobody came' >&2; exit 1; }
esac";

fn backed_up(server: &MariaDb) -> Host {
    let host = Host::new();
    configure(&host, server, &[]);
    host.batt(&[&["mysql"], &RESTORE[2..]].concat()).code(0);
    host
}

#[test]
fn databases_are_loaded_at_once_where_none_needs_the_other() {
    let server = MariaDb::start();
    server.sql(THEY);
    let host = backed_up(&server);
    let empty = MariaDb::start();
    let tools = configure_loads(&host, &server, &empty, MEET);
    host.batt(&RESTORE).code(0);
    for name in ["a", "b", "c"] {
        assert_eq!(empty.fingerprint(name), server.fingerprint(name), "{name}");
    }
    let order = fs::read_to_string(tools.join("order")).unwrap();
    let order: Vec<&str> = order.lines().collect();
    let first = order.iter().position(|line| *line == "begin a").unwrap();
    let last = order.iter().rposition(|line| *line == "end b").unwrap();
    assert!(last < first, "{order:?}");
}

#[test]
fn one_that_fails_costs_no_other_that_is_loaded_at_once() {
    let server = MariaDb::start();
    server.sql(THEY);
    let host = backed_up(&server);
    let empty = MariaDb::start();
    configure_loads(
        &host,
        &server,
        &empty,
        "[ \"$name\" != c ] || { echo 'ERROR 9999 of its own' >&2; exit 3; }",
    );
    let told = host.batt(&RESTORE);
    assert_ne!(told.code, Some(0));
    told.says("ERROR 9999 of its own");
    told.says("`c` could not be restored");
    for name in ["a", "b"] {
        assert_eq!(empty.fingerprint(name), server.fingerprint(name), "{name}");
    }
}

/// What is there is replaced one after the other, and a restore that is interrupted in the middle of several leaves it as it was.
#[test]
fn what_is_replaced_at_once_is_whole_before_and_after() {
    let server = MariaDb::start();
    server.sql(THEY);
    let host = backed_up(&server);
    let target = MariaDb::start();
    target.sql(
        "CREATE DATABASE a; CREATE TABLE a.old (id INT); INSERT INTO a.old VALUES (7); CREATE DATABASE b; CREATE TABLE b.old (id INT);
         CREATE DATABASE c; CREATE TABLE c.old (id INT); CREATE PROCEDURE c.mine() SELECT 2",
    );
    let before = ["a", "b", "c"].map(|name| target.fingerprint(name));
    let replace = [&RESTORE[..], &["--replace"]].concat();
    let tools = configure_loads(&host, &server, &target, ": >\"here-$name\"; exec sleep 3600");
    let running = Running::start(&host, &replace);
    until("two of them are loaded", || {
        let entries = fs::read_dir(&tools).unwrap();
        let here = |name: &str| name.starts_with("here-batt-beside-");
        entries
            .filter(|entry| here(&entry.as_ref().unwrap().file_name().to_string_lossy()))
            .count()
            >= 2
    });
    running.interrupt();
    assert_ne!(running.end().code, Some(0));
    let left = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'batt-%'
        UNION SELECT user FROM mysql.user WHERE user LIKE 'batt-%'";
    assert_eq!(target.sql(left), "");
    assert_eq!(["a", "b", "c"].map(|name| target.fingerprint(name)), before);

    configure_loads(&host, &server, &target, "");
    host.batt(&replace).code(0);
    for name in ["a", "b", "c"] {
        assert_eq!(target.fingerprint(name), server.fingerprint(name), "{name}");
    }
    assert_eq!(target.sql(left), "");
}

#[test]
fn all_of_a_server_come_back_at_once_with_the_accounts() {
    let server = MariaDb::start();
    server.sql(THEY);
    server.sql(
        "CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT SELECT ON b.* TO keeper@localhost;
         CREATE DEFINER=keeper@localhost VIEW b.seen AS SELECT id FROM b.t; CREATE VIEW a.over AS SELECT id FROM b.seen;
         CREATE VIEW b.back AS SELECT id FROM a.t",
    );
    let host = Host::new();
    configure(&host, &server, &[]);
    host.batt(&["mysql"]).code(0);
    let empty = MariaDb::start();
    configure_loads(&host, &server, &empty, MEET);
    host.batt(&["restore", "mysql"]).code(0);
    for name in ["a", "b", "c"] {
        assert_eq!(empty.fingerprint(name), server.fingerprint(name), "{name}");
    }
    assert_eq!(empty.accounts(), server.accounts());
}
