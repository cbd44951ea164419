//! Clients of MySQL: what they read, and whom they run as.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

use crate::clients::{assert_harmless, seen};

/// Who can write the option file can have the client of root load a library, or talk to a server of his.
#[test]
fn an_option_file_that_others_can_change_is_refused() {
    let server = MariaDb::start();
    let host = Host::new();
    let options = server.option_file("root", "");
    let places: [(&str, u32, u32, u32, i32); 4] = [
        ("trusted", 0, 0o700, 0o600, 0),
        ("of-another", 4711, 0o700, 0o600, 2),
        ("open", 0, 0o777, 0o600, 2),
        ("writable", 0, 0o700, 0o622, 2),
    ];
    for (name, owner, folder_mode, mode, code) in places {
        let folder = host.scratch().join(name);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("my.cnf");
        fs::copy(&options, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(folder_mode)).unwrap();
        chown(&folder, Some(owner), None).unwrap();
        host.configure("mysql", &[("MYSQL_CREDS", path.to_str().unwrap())]);
        let finished = host.batt(&["--mysql-db", "mysql"]);
        assert_eq!(finished.code, Some(code), "{name}: {}", finished.said());
        if code != 0 {
            finished.says("is not safe to use");
        }
    }
}

const SECRET: &str = "canary-5b71-of-the-settings";

/// A server may send what its client does not expect, and a dump may hold what its client takes for its own: so the client is nobody.
#[test]
fn a_client_that_logs_in_with_a_password_may_do_nothing_here() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE t (id INT PRIMARY KEY, a TEXT);
         INSERT INTO t SELECT seq, REPEAT('x', 200) FROM seq_1_to_100000;
         CREATE TABLE m (id INT) ENGINE=MyISAM;
         CREATE USER keeper@localhost IDENTIFIED BY 'canary-of-keeper';
         GRANT ALL ON *.* TO keeper@localhost WITH GRANT OPTION; GRANT PROXY ON ''@'%' TO keeper@localhost WITH GRANT OPTION",
    );
    let host = Host::new();
    let options = server.option_file("keeper", "canary-of-keeper");
    // The file includes another, as Debian's do.
    let including = options.with_file_name("including.cnf");
    fs::write(
        &including,
        format!("[client]\nquick\n!include {}\nquick\n", options.display()),
    )
    .unwrap();
    let names = ["mariadb-dump", "mariadb", "mysql", "mysqldump"];

    for path in [&options, &including] {
        host.configure(
            "mysql",
            &[
                ("MYSQL_CREDS", path.to_str().unwrap()),
                ("OTHER_PASSWORD", SECRET),
            ],
        );
        let clients = seen(&host, &names, || {
            host.batt(&["mysql"]).code(0);
        });
        for client in &clients {
            assert_harmless(client, &host, SECRET);
            assert!(!client.arguments.contains("canary"), "{client:?}");
        }
    }

    let names = ["mariadb", "mysql"];
    let clients = seen(&host, &names, || {
        host.batt(&["restore", "mysql", "--replace"]).code(0);
    });
    for client in &clients {
        assert_harmless(client, &host, SECRET);
    }
    host.assert_nowhere("canary-of-keeper");
}

/// Every client tells itself who it is before it begins, also the one that a dump goes through.
#[test]
fn the_client_that_a_dump_is_fed_to_is_an_account_that_nobody_has() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT);
         CREATE USER keeper@localhost IDENTIFIED BY 'canary-of-keeper'; GRANT ALL ON *.* TO keeper@localhost",
    );
    let host = Host::new();
    fs::set_permissions(host.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tools, told) = (host.root().join("tools"), host.root().join("told"));
    for (folder, mode) in [(&tools, 0o755), (&told, 0o1777)] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    let client = tools.join("mariadb");
    let text = format!(
        "#!/bin/sh\nfile=$(mktemp '{}/XXXXXXXX')\n{{ id -u; grep -E '^(NoNewPrivs|CapPrm)' /proc/self/status; echo \"$*\"; }} >\"$file\"\n\
         exec /usr/bin/mariadb \"$@\"\n",
        told.display()
    );
    fs::write(&client, text).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let options = server.option_file("keeper", "canary-of-keeper");
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    host.configure(
        "mysql",
        &[("MYSQL_CREDS", options.to_str().unwrap()), ("PATH", &path)],
    );
    host.batt_promised("mysql", &["shop"]).code(0);
    host.batt(&["restore", "mysql", "--replace"]).code(0);
    let mut feeding = 0;
    for entry in fs::read_dir(&told).unwrap() {
        let client = fs::read_to_string(entry.unwrap().path()).unwrap();
        // It is asked where its option files are, and neither reads one nor talks to anybody.
        if client.ends_with("\n--no-defaults --help\n") {
            continue;
        }
        let account: u32 = client.lines().next().unwrap().parse().unwrap();
        assert!((61_184..=65_519).contains(&account), "{client}");
        assert!(
            client.contains("CapPrm:\t0000000000000000\nNoNewPrivs:\t1\n"),
            "{client}"
        );
        feeding += usize::from(client.contains(" --comments "));
    }
    assert_eq!(feeding, 1);
}

/// It does not become root where it cannot get by as nobody.
#[test]
fn a_client_that_may_not_reach_the_socket_says_so() {
    let server = MariaDb::start();
    server.sql("CREATE USER keeper@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO keeper@localhost");
    let host = Host::new();
    let options = server.option_file("keeper", "x");
    host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
    let socket = server.socket();
    let folder = socket.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    host.batt(&["mysql"]).code(2).says("may not reach this socket");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).unwrap();
    host.batt(&["mysql"]).code(0);
}

/// What an option file includes is read by root, so it has to be root's, too.
#[test]
fn what_an_option_file_includes_is_root_s() {
    let server = MariaDb::start();
    let host = Host::new();
    let options = server.option_file("root", "");
    let included = host.scratch().join("included");
    fs::create_dir(&included).unwrap();
    fs::write(included.join("more.cnf"), "[client]\npassword=x\n").unwrap();
    let text = fs::read_to_string(&options).unwrap();
    for (line, owner) in [("!include ", 4711), ("!includedir ", 4711)] {
        let path = if line == "!include " {
            included.join("more.cnf")
        } else {
            included.clone()
        };
        fs::write(&options, format!("{text}{line}{}\n", path.display())).unwrap();
        host.configure("mysql", &[("MYSQL_CREDS", options.to_str().unwrap())]);
        chown(&included, Some(owner), None).unwrap();
        host.batt(&["mysql"]).code(2).says("is not safe to use");
    }
}
