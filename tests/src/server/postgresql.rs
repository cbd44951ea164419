//! A private PostgreSQL cluster, with the superuser `postgres` and without passwords, on a Unix socket alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    Account, Running, SEARCH_PATH, build_of, copy, copy_of_template, private_folder, program, wait_until,
};
use crate::finished::{Finished, INSTALL_HINT};

/// A PostgreSQL server that lives as long as this value.
#[derive(Debug)]
pub struct Postgresql {
    running: Running,
    folder: TempDir,
}

impl Postgresql {
    /// Starts a cluster that has nothing but what initdb makes.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts such a cluster with settings, as `work_mem=8MB`.
    pub fn start_with(settings: &[&str]) -> Self {
        let account = Account::of_package("postgres");
        let programs = newest_programs();
        let server = programs.join("postgres");
        let folder = private_folder(account);
        let data = folder.path().join("data");
        copy_of_template(
            &format!("postgresql-2-{}", build_of(&server)),
            account,
            &data,
            |target| {
                let mut initdb = Account::command(account, &programs.join("initdb"));
                initdb.arg("-D").arg(target);
                // Passwords are asked for, as in production, from every account but `postgres`.
                initdb.args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
                Finished::run(&mut initdb).success();
                fs::write(
                    target.join("pg_hba.conf"),
                    "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\n",
                )
                .expect("the data folder can be written");
            },
        );

        Self::run(account, folder, settings)
    }

    /// Starts a server on a copy of the files of a cluster.
    pub fn start_on(cluster: &Path) -> Self {
        let account = Account::of_package("postgres");
        let folder = private_folder(account);
        copy(cluster, &folder.path().join("data"));
        Account::take(account, folder.path());
        Self::run(account, folder, &[])
    }

    fn run(account: Option<Account>, folder: TempDir, settings: &[&str]) -> Self {
        let data = folder.path().join("data");
        let mut command = Account::command(account, &newest_programs().join("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses="]);
        command.args([
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "autovacuum=off",
        ]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let running = Running::start(command, &folder.path().join("log"), Signal::QUIT, || {
            Finished::run(client(folder.path(), "postgres").arg("--command=SELECT 1")).code == Some(0)
        });
        Self { running, folder }
    }

    /// Returns an empty folder of the account of the server.
    pub fn empty_folder() -> TempDir {
        private_folder(Account::of_package("postgres"))
    }

    /// Runs SQL statements as `postgres` in a database; returns the rows, columns between `|`. Panics on an error.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) -> String {
        Finished::run_with(&mut client(self.folder.path(), database), statements.as_bytes()).success()
    }

    /// Runs SQL statements as `postgres`, and goes on after an error; psql sees these variables.
    pub fn sql_all(&self, database: &str, statements: &[u8], environment: &[(&str, &str)]) {
        let mut client = client(self.folder.path(), database);
        client
            .arg("--set=ON_ERROR_STOP=0")
            .envs(environment.iter().copied());
        Finished::run_with(&mut client, statements);
    }

    /// Runs a statement and keeps its locks until the server dies.
    pub fn hold(&self, database: &str, statement: &str) {
        let statements = format!("BEGIN; {statement}; SELECT pg_sleep(3600);");
        let finished = Finished::run_with(&mut client(self.folder.path(), database), statements.as_bytes());
        assert_ne!(finished.code, Some(0), "it was to end by the death of the server");
    }

    /// Waits until a query has rows.
    #[track_caller]
    pub fn wait_until(&self, database: &str, query: &str) {
        wait_until(query, || !self.sql(database, query).is_empty());
    }

    /// Returns a fingerprint of everything in a database: its schema as pg_dump writes it, the rows of each table in
    /// order, large objects, sequences, encoding.
    pub fn fingerprint(&self, database: &str) -> String {
        let mut fingerprint = self.schema(database);
        let tables = self.sql(
            database,
            "SELECT string_agg(format('%I.%I', schemaname, tablename), E'\\x01' ORDER BY schemaname, tablename) FROM pg_tables
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        );
        // A name may have several lines.
        for table in tables.trim_end().split_terminator('\u{1}') {
            let rows = self.sql(
                database,
                &format!(
                    "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM {table} t"
                ),
            );
            fingerprint += &format!("{table} {rows}");
        }
        fingerprint
            + &self.sql(
                database,
                "SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid;
                 SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;
                 SELECT pg_encoding_to_char(encoding), datcollate, datacl, setconfig, pg_get_userbyid(datdba)
                     FROM pg_database d LEFT JOIN pg_db_role_setting ON setdatabase = d.oid
                     WHERE datname = current_database();",
            )
    }

    /// Returns the server as `pg_dumpall` tells it: roles, databases, and what is in them. Databases that take no connections are
    /// left out, as pg_dumpall does. By `pg_dump` of each, since pg_dumpall knows no names of two lines.
    pub fn dump_all(&self) -> String {
        let mut globals = self.dump_program("pg_dumpall");
        let mut told = without_keys(&Finished::run(globals.arg("--globals-only")).success());
        let databases = self.sql(
            "postgres",
            "SELECT string_agg(datname, E'\x01' ORDER BY datname) FROM pg_database WHERE datallowconn",
        );
        for database in databases.trim_end_matches('\n').split('\u{1}') {
            let mut dump = self.dump_program("pg_dump");
            // It makes no database whose name has two lines.
            dump.args((!database.contains('\n')).then_some("--create"));
            dump.arg(format!("--dbname={}", connection(database)));
            told += &without_keys(&Finished::run(&mut dump).success());
        }
        told
    }

    /// Returns the schema of a database as pg_dump writes it.
    pub fn schema(&self, database: &str) -> String {
        let mut schema = self.dump_program("pg_dump");
        schema.arg("--schema-only");
        schema.arg(format!("--dbname={}", connection(database)));
        without_keys(&Finished::run(&mut schema).success())
    }

    fn dump_program(&self, name: &str) -> Command {
        let mut command = Command::new(newest_programs().join(name));
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("PGOPTIONS", session())
            .args(["--no-password", "--username=postgres", "--host"])
            .arg(self.folder.path());
        command
    }

    /// Returns the roles with their rights, passwords and memberships.
    pub fn roles(&self) -> String {
        self.sql(
            "postgres",
            "SELECT rolname, rolsuper, rolcreatedb, rolcanlogin, rolbypassrls, rolpassword FROM pg_authid ORDER BY 1;
             SELECT r.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid
                 JOIN pg_roles m ON m.oid = a.member ORDER BY 1, 2;",
        )
    }

    /// Returns the settings that lead a client here as `postgres`.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.folder.path().display().to_string()),
            ("PGUSER", "postgres".to_owned()),
        ]
    }

    /// Makes a folder that the server can write to, and that lives as long as it.
    pub fn make_folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir(&path).expect("the folder can be written");
        Account::take(Account::of_package("postgres"), &path);
        path
    }

    /// Returns what the server has written about itself.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).expect("the server has a log"))
            .into_owned()
    }

    /// Ends the server as a crash does.
    pub fn kill(&self) {
        self.running.kill();
    }
}

/// Returns the folder of the newest version that is installed; Debian keeps servers out of the search path.
pub fn newest_programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/postgres")).is_file())
        .max()
        .unwrap_or_else(|| panic!("PostgreSQL's server is not installed\n{INSTALL_HINT}"));
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

/// Returns a dump without the two lines that hold a key which is new in each.
fn without_keys(dump: &str) -> String {
    let is_stable = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
    dump.lines()
        .filter(is_stable)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// What tests ask is not changed by what roles and databases of a test set.
const SESSION: &str = "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 \
    -c idle_in_transaction_session_timeout=0 -c search_path=public -c standard_conforming_strings=on -c row_security=on \
    -c role=none -c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex -c xmloption=content \
    -c default_transaction_isolation=read\\ committed -c default_transaction_deferrable=off -c session_replication_role=origin \
    -c default_tablespace= -c transform_null_equals=off -c client_min_messages=warning -c quote_all_identifiers=off";

/// The settings of a test's own sessions, with those that came later.
fn session() -> String {
    let programs = newest_programs();
    let version = programs
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str()?.parse::<u32>().ok());
    let since_17 = if version >= Some(17) {
        " -c transaction_timeout=0"
    } else {
        ""
    };
    format!("{SESSION}{since_17}")
}

/// Returns a connection string in which a name stays a name, whatever is in it.
fn connection(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Returns a client that talks to a server as `postgres`, stops at the first error, and prints bare rows.
fn client(folder: &Path, database: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("PGOPTIONS", session());
    command.args([
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--tuples-only",
        "--no-align",
    ]);
    command
        .args(["--set=ON_ERROR_STOP=1", "--username=postgres", "--host"])
        .arg(folder);
    command.arg(format!("--dbname={}", connection(database)));
    command
}
