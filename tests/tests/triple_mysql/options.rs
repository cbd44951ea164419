//! Option files of people and of machines: the service takes from them how to connect, and nothing else.

use std::fs;
use std::os::unix::fs::chown;

use batt_tests::host::Host;
use batt_tests::process::address_of_our_own;
use batt_tests::server::mariadb::MariaDb;

use crate::content::configure;

/// Words that make a dump short, write it elsewhere, or make the answers of a client unreadable.
const WORDS: [&str; 13] = [
    "[client]\nhost=\"init_command={SET SESSION sql_select_limit=1}\"",
    "[mysqldump]\ndatabases\nadd-drop-database",
    "[mysqldump]\nno-data",
    "[mysqldump]\nwhere=\"id<2\"",
    "[mysqldump]\nignore-table=okdb.t\nskip-triggers",
    "[mysqldump]\nno-create-info\nforce",
    "[mysqldump]\nskip-comments\ncompatible=oracle",
    "[mysqldump]\nresult-file=/dev/null",
    "[mysql]\nsafe-updates\nselect_limit=1",
    "[mysql]\nvertical\ntee=/dev/null",
    "[mysql]\ntable",
    "[mysql]\nhtml\none-database",
    "[mysql]\ndelimiter=//",
];

const OKDB: &str = "
    CREATE DATABASE okdb; USE okdb;
    CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(40)); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
    CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO m VALUES (1), (2);
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1;
    CREATE DATABASE other; CREATE TABLE other.t (id INT)";

/// A server with `okdb`, and a host that logs in to it.
fn okdb() -> (MariaDb, Host) {
    let server = MariaDb::start();
    server.sql(OKDB);
    let host = Host::new();
    configure(&host, &server, &[]);
    (server, host)
}

/// Puts more words into the option file of the service.
fn say(host: &Host, server: &MariaDb, words: &str) {
    let options = server.option_file("root", "");
    let text = fs::read_to_string(&options).unwrap();
    fs::write(&options, format!("{text}{words}\n")).unwrap();
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
}

/// Returns what is recorded of the archives of the one backup: the name of each, and its content.
fn contents(host: &Host) -> Vec<(String, String)> {
    let manifest = host.manifest("mysql");
    let archives = manifest["archives"].as_array().unwrap();
    let told = |archive: &serde_json::Value| (archive["name"].to_string(), archive["content"].to_string());
    archives.iter().map(told).collect()
}

#[test]
fn no_word_of_a_person_changes_what_is_in_a_backup() {
    let (server, host) = okdb();
    host.batt(&["--mysql-db", "okdb"]).code(0);
    let expected = contents(&host);
    assert!(expected[0].1.contains("\"rows.t\":\"3\""), "{expected:?}");
    for words in WORDS {
        say(&host, &server, words);
        host.batt(&["--mysql-db", "okdb"]).code(0);
        assert_eq!(contents(&host), expected, "{words}");
    }
}

#[test]
fn no_word_of_a_person_leads_a_restore_elsewhere() {
    let (server, host) = okdb();
    let words = "[mysqldump]\ndatabases\nadd-drop-database\n[mysql]\nforce";
    say(&host, &server, words);
    host.batt_promised("mysql", &["okdb"]).code(0);
    server.sql("INSERT INTO okdb.t VALUES (4, 'later'); CREATE TABLE okdb.later (id INT)");
    host.batt(&["restore", "mysql", "--mysql-db", "okdb", "--into", "okdb_copy"])
        .code(0);
    assert_eq!(
        server.sql(
            "SELECT COUNT(*) FROM okdb.t; SELECT COUNT(*) FROM okdb_copy.t; SELECT COUNT(*) FROM okdb.later"
        ),
        "4\n3\n0\n"
    );
}

const PASSWORD: &str = "canary 4f1c #;' x";

/// Names may be cut short, have `_` for `-`, and say that a program need not know them; files include others.
#[test]
fn how_to_connect_is_taken_from_wherever_the_clients_would_take_it() {
    let (server, host) = okdb();
    server.sql(&format!(
        "CREATE USER keeper@localhost IDENTIFIED BY '{}'; GRANT ALL ON *.* TO keeper@localhost",
        PASSWORD.replace('\'', "''")
    ));
    let options = server.option_file("keeper", "unused");
    let more = options.with_file_name("more.cnf");
    fs::write(
        &more,
        format!(
            "[client-server]\nloose_sock = {} # here\n",
            server.socket().display()
        ),
    )
    .unwrap();
    let text = format!(
        "[client]\nuser=nobody\n[mysqldump]\nUSER=nobody\n  user = keeper\n\
         loose_passw=\"{PASSWORD}\" # of keeper\nwhere=0\n[mysqld]\nuser=nobody\n[ClientOfBackups]\nprotocol=socket\n!include {}\n",
        more.display()
    );
    fs::write(&options, text).unwrap();
    host.configure(
        "mysql",
        &[
            ("MYSQL_CREDS", options.to_str().unwrap()),
            ("MYSQL_GROUP_SUFFIX", "OfBackups"),
        ],
    );
    let (finished, started) = host.batt_traced(&["--mysql-db", "okdb"]);
    finished.code(0);
    assert!(started.contains("mariadb-dump"), "{started}");
    assert!(!started.contains("canary 4f1c"));
    host.assert_nowhere("canary 4f1c");
    let manifest = host.manifest("mysql");
    assert_eq!(manifest["archives"][0]["content"]["rows.t"], "3");
}

/// The files of the machine are read as well, unless others than root can change them.
#[test]
fn the_option_files_of_the_machine_are_read_where_they_are_root_s() {
    let (server, host) = okdb();
    host.configure("mysql", &[]);
    let told = host.in_mounts(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /etc/mysql; mkdir /etc/mysql/conf.d
         printf '[mysqldump]\\nwhere=0\\n!includedir /etc/mysql/conf.d/\\n' >/etc/mysql/my.cnf
         printf '[client]\\nuser=root\\nsocket=%s\\n' '{}' >/etc/mysql/conf.d/a.cnf
         printf '[client]\\nuser=nobody\\n' >/etc/mysql/conf.d/b.txt
         batt --mysql-db okdb
         printf '[client]\\nuser=nobody\\n' >/etc/mysql/conf.d/c.cnf
         chown 4711 /etc/mysql/conf.d/c.cnf
         batt --mysql-db okdb",
        server.socket().display()
    ));
    let Some(told) = told else { return };
    told.code(0);
    assert!(
        host.logs("mysql")
            .contains("`/etc/mysql/conf.d/c.cnf` is not read"),
        "{}",
        host.logs("mysql")
    );
    let manifest = host.manifest("mysql");
    assert_eq!(manifest["archives"][0]["content"]["rows.t"], "3");
}

/// What a server sets for every session would cut tables, and the lists of what there is.
#[test]
fn a_server_that_cuts_answers_is_backed_up_whole() {
    let (server, host) = okdb();
    let make: String = (1..=4)
        .map(|number| {
            format!(
                "CREATE SEQUENCE okdb.s{number}; CREATE PROCEDURE okdb.p{number}() SELECT 1;
                 CREATE EVENT okdb.e{number} ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE USER u{number}@localhost;"
            )
        })
        .collect();
    server.sql(&make);
    host.batt(&["mysql"]).code(0);
    let expected = contents(&host);
    server.sql("SET GLOBAL sql_select_limit = 2");
    host.batt(&["mysql"]).code(0);
    assert_eq!(contents(&host), expected);
    host.batt(&["drill", "mysql"]).code(0);
    server.sql("SET GLOBAL sql_select_limit = DEFAULT");
    let before = (server.fingerprint("okdb"), server.accounts());
    server.sql("DROP DATABASE okdb; DROP DATABASE other; DROP USER u1@localhost, u4@localhost");
    server.sql("SET GLOBAL sql_select_limit = 2");
    host.batt(&["restore", "mysql"]).code(0);
    server.sql("SET GLOBAL sql_select_limit = DEFAULT");
    assert_eq!((server.fingerprint("okdb"), server.accounts()), before);
}

/// Whose folder it is is asked before it is listed. Clients take blanks behind the exclamation mark.
#[test]
fn a_folder_of_option_files_that_others_control_is_not_opened() {
    let (server, host) = okdb();
    let folder = host.scratch().join("conf.d");
    fs::create_dir(&folder).unwrap();
    let options = server.option_file("root", "");
    let more = options.with_file_name("more.cnf");
    fs::rename(&options, &more).unwrap();
    let text = format!(
        "!  include {}\n!\tincludedir {}/\n",
        more.display(),
        folder.display()
    );
    fs::write(&options, text).unwrap();
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["--mysql-db", "okdb"]).code(0);
    chown(&folder, Some(4711), Some(4711)).unwrap();
    let finished = host.batt(&["--mysql-db", "okdb"]).code(2);
    finished.says(&format!("`{}/` is not safe to use", folder.display()));
}

/// The clients read lines of up to 4094 bytes, and longer ones as several.
#[test]
fn a_long_line_is_one_line() {
    let (server, host) = okdb();
    let password = "x".repeat(3000);
    server.sql(&format!(
        "CREATE USER keeper@localhost IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO keeper@localhost"
    ));
    let options = server.option_file("keeper", &password);
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    host.batt(&["--mysql-db", "okdb"]).code(0);
    let text = fs::read_to_string(&options).unwrap();
    fs::write(&options, format!("{text}user={}\n", "ü".repeat(2045))).unwrap();
    host.batt(&["--mysql-db", "okdb"]).code(0);
    let said = format!(
        "a line of more than 4094 bytes in the option file `{}` is left out",
        options.display()
    );
    assert!(host.logs("mysql").contains(&said), "{}", host.logs("mysql"));
}

/// A file that the setting names has the last word.
#[test]
fn the_named_option_file_is_read_after_that_of_the_home() {
    let (_server, host) = okdb();
    let told = host.in_mounts(
        "home=$(getent passwd 0 | cut -d : -f 6)
         mount -t tmpfs -o mode=700 tmpfs \"$home\"
         printf '[client]\\nuser=nobody\\nsocket=/nowhere\\n' >\"$home/.my.cnf\"
         batt --mysql-db okdb",
    );
    let Some(told) = told else { return };
    told.code(0);
}

/// A drill names the file that leads to its own server; a restore takes none of that name.
#[test]
fn no_setting_leads_a_restore_to_the_server_of_a_drill() {
    let (server, host) = okdb();
    host.batt_promised("mysql", &["okdb"]).code(0);
    let other = MariaDb::start();
    let (right, wrong) = (server.option_file("root", ""), other.option_file("root", ""));
    chown(&wrong, Some(4711), None).unwrap();
    host.configure(
        "mysql",
        &[
            ("MYSQL_CREDS", right.to_str().unwrap()),
            ("MYSQL_DEFAULTS_FILE", wrong.to_str().unwrap()),
        ],
    );
    server.sql("DROP DATABASE okdb");
    host.batt(&["restore", "mysql", "--mysql-db", "okdb"]).code(0);
    assert_eq!(server.sql("SELECT COUNT(*) FROM okdb.t"), "3\n");
    assert_eq!(other.sql("SHOW DATABASES LIKE 'okdb'"), "");
}

/// MariaDB's dump program does not hear the variable by which its client knows the host.
#[test]
fn a_host_that_only_the_conf_names_is_the_one_that_is_backed_up() {
    let (address, port) = address_of_our_own();
    let port = port.to_string();
    let server = MariaDb::start_with(&[
        "--skip-log-bin",
        "--skip-networking=0",
        &format!("--bind-address={address}"),
        &format!("--port={port}"),
    ]);
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT); INSERT INTO d.t VALUES (1)");
    let host = Host::new();
    host.configure("mysql", &[("MYSQL_HOST", &address), ("MYSQL_TCP_PORT", &port)]);
    host.batt(&["mysql"]).code(0);
    server.sql("DROP DATABASE d");
    host.batt(&["restore", "mysql", "--mysql-db", "d"]).code(0);
    assert_eq!(server.sql("SELECT id FROM d.t"), "1\n");
}
