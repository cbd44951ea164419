//! A server, and a host whose dump program is led astray.

use std::fs;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;

const OKDB: &str = "
    CREATE DATABASE okdb; USE okdb;
    CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(40)); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
    CREATE TABLE u (id INT PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t;
    CREATE PROCEDURE p() SELECT 1; CREATE FUNCTION f() RETURNS INT RETURN 1;
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1;
    CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1";

/// A host whose dump program is led astray.
pub(crate) struct Astray {
    pub(crate) server: MariaDb,
    pub(crate) host: Host,
}

impl Astray {
    pub(crate) fn new() -> Self {
        let astray = Self {
            server: MariaDb::start(),
            host: Host::new(),
        };
        astray.server.sql(OKDB);
        fs::create_dir(astray.host.scratch().join("tools")).unwrap();
        astray
    }

    /// Has the dump program be one that calls the real one.
    pub(crate) fn dump_by(&self, command: &str, more: &[(&str, &str)]) {
        let tools = self.host.scratch().join("tools");
        let program = tools.join("mariadb-dump");
        fs::write(&program, format!("#!/bin/bash\nset -o pipefail\ncase $* in *--version*) exec /usr/bin/mariadb-dump \"$@\" ;; esac\n{command}\n")).unwrap();
        chmod(&program, 0o755);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
        let options = self.server.option_file("root", "");
        let mut settings = vec![("MYSQL_CREDS", options.to_str().unwrap()), ("PATH", &path)];
        settings.extend(more);
        self.host.configure("mysql", &settings);
    }
}
