//! A private MariaDB server, or one of MySQL where that is what is installed, with the account `root` and no password, on a Unix socket alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    Account, Running, SEARCH_PATH, build_of, copy_of_template, first_program, is_installed, private_folder,
    program, wait_until,
};
use crate::finished::Finished;

/// A MariaDB server that lives as long as this value.
#[derive(Debug)]
pub struct MariaDb {
    running: Running,
    folder: TempDir,
    /// Option files, in a folder that is not the server's.
    options: TempDir,
}

impl MariaDb {
    /// Starts an empty server.
    pub fn start() -> Self {
        Self::start_with(&["--skip-log-bin"])
    }

    /// Starts an empty server with options of its own.
    pub fn start_with(options: &[&str]) -> Self {
        let account = Account::of_package("mysql");
        let server = first_program(&["mariadbd", "mysqld"]);
        let folder = private_folder(account);
        let data = folder.path().join("data");
        copy_of_template(
            &format!("mariadb-{}", build_of(&server)),
            account,
            &data,
            |target| {
                let (program, its_own) = if is_mysql() {
                    (
                        server.clone(),
                        ["--initialize-insecure", "--secure-file-priv=NULL"],
                    )
                } else {
                    let its_own = ["--auth-root-authentication-method=normal", "--skip-test-db"];
                    (program("mariadb-install-db"), its_own)
                };
                let mut install = Account::command(account, &program);
                install
                    .arg("--no-defaults")
                    .arg(format!("--datadir={}", target.display()));
                install.args(its_own);
                Finished::run(&mut install).success();
            },
        );

        let socket = folder.path().join("s");
        let mut command = Account::command(account, &server);
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--pid-file={}", folder.path().join("pid").display()))
            // A server that starts sweeps this folder of what it takes for its own: it is shared with nobody.
            .arg(format!("--tmpdir={}", folder.path().display()))
            .args(["--skip-networking", "--innodb-buffer-pool-size=32M"])
            .args(options)
            // The folder of Debian's package is not there where the server alone is.
            .args(
                is_mysql()
                    .then_some(["--secure-file-priv=NULL", "--loose-mysqlx=OFF"])
                    .into_iter()
                    .flatten(),
            )
            .args([
                "--innodb-flush-log-at-trx-commit=0",
                "--loose-innodb-log-file-size=16M",
            ]);
        let running = Running::start(command, &folder.path().join("log"), Signal::KILL, || {
            Finished::run(client(&socket).args(["--execute", "SELECT 1"])).code == Some(0)
        });
        let options = private_folder(None);
        Self {
            running,
            folder,
            options,
        }
    }

    /// Runs SQL statements as `root`; returns the rows, columns between tabs, nothing escaped. Panics on an error.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        Finished::run_with(&mut client(&self.socket()), statements.as_bytes()).success()
    }

    /// Runs SQL statements as `root`, those after an error, too.
    pub fn sql_all(&self, statements: &str) -> Finished {
        Finished::run_with(client(&self.socket()).arg("--force"), statements.as_bytes())
    }

    /// Makes a folder in the server's own one, which its account can read.
    pub fn make_folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).expect("the folder can be written");
        folder
    }

    /// Runs a statement and keeps its locks until the server dies.
    pub fn hold(&self, statement: &str) {
        let statements = format!("{statement}; SELECT SLEEP(3600);");
        let finished = Finished::run_with(&mut client(&self.socket()), statements.as_bytes());
        assert_ne!(finished.code, Some(0), "it was to end by the death of the server");
    }

    /// Waits until a query has rows.
    #[track_caller]
    pub fn wait_until(&self, query: &str) {
        wait_until(query, || !self.sql(query).is_empty());
    }

    /// Returns a fingerprint of everything in a database: its collation, and tables with checksums, routines, triggers,
    /// events, views.
    pub fn fingerprint(&self, database: &str) -> String {
        let text = format!("'{}'", database.replace('\\', "\\\\").replace('\'', "''"));
        let quoted = format!("`{}`", database.replace('`', "``"));
        let mut fingerprint = self.sql(&format!(
            "SELECT default_collation_name FROM information_schema.schemata WHERE BINARY schema_name = {text};
             SELECT table_name, table_type, engine, table_collation FROM information_schema.tables
                 WHERE BINARY table_schema = {text} ORDER BY table_name;
             SELECT table_name, column_name, column_type, is_nullable, column_default, extra
                 FROM information_schema.columns WHERE BINARY table_schema = {text} ORDER BY 1, ordinal_position;
             SELECT routine_name, routine_type, routine_definition, definer, sql_mode, security_type
                 FROM information_schema.routines WHERE BINARY routine_schema = {text} ORDER BY routine_name;
             SELECT trigger_name, event_manipulation, event_object_table, action_statement, definer
                 FROM information_schema.triggers WHERE BINARY trigger_schema = {text} ORDER BY trigger_name;
             SELECT event_name, event_definition, interval_value, interval_field, status, definer
                 FROM information_schema.events WHERE BINARY event_schema = {text} ORDER BY event_name;
             SELECT table_name, view_definition, definer FROM information_schema.views
                 WHERE BINARY table_schema = {text} ORDER BY table_name;"
        ));
        let tables = self.sql(&format!(
            "SELECT table_name FROM information_schema.tables
                 WHERE BINARY table_schema = {text} AND table_type = 'BASE TABLE' ORDER BY table_name"
        ));
        for table in tables.lines() {
            let table = format!("{quoted}.`{}`", table.replace('`', "``"));
            fingerprint += &self.sql(&format!(
                "CHECKSUM TABLE {table} EXTENDED; SELECT COUNT(*) FROM {table}"
            ));
        }
        fingerprint
    }

    /// Returns the accounts and what they are granted, but for those that every server has.
    pub fn accounts(&self) -> String {
        let accounts = self.sql(
            "SELECT IF(is_role = 'Y', QUOTE(user), CONCAT(QUOTE(user), '@', QUOTE(host))) FROM mysql.user
                 WHERE user NOT IN ('root', 'mysql', 'mariadb.sys') ORDER BY 1",
        );
        accounts
            .lines()
            .map(|account| self.sql(&format!("SHOW GRANTS FOR {account}")))
            .collect()
    }

    /// Writes a client option file for an account, mode 0600, and returns its path.
    pub fn option_file(&self, user: &str, password: &str) -> PathBuf {
        let path = self.options.path().join(format!("{user}.cnf"));
        let socket = self.socket();
        let text = format!(
            "[client]\nuser={user}\npassword=\"{password}\"\nsocket={}\n",
            socket.display()
        );
        fs::write(&path, text).expect("the folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
        path
    }

    /// Returns the path of the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Ends the server as a crash does.
    pub fn kill(&self) {
        self.running.kill();
    }
}

/// Whether the server is MySQL's.
pub fn is_mysql() -> bool {
    !is_installed("mariadbd")
}

/// Returns a client that talks to a server as `root`, in batch mode, without anybody's option files.
fn client(socket: &Path) -> Command {
    let mut command = Command::new(first_program(&["mariadb", "mysql"]));
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C.UTF-8");
    command.args([
        "--no-defaults",
        "--user=root",
        "--batch",
        "--comments",
        "--raw",
        "--skip-column-names",
    ]);
    command
        .arg("--default-character-set=utf8mb4")
        .arg(format!("--socket={}", socket.display()));
    command
}
