//! Stores the output of real commands: good ones, failing ones, cut ones, and what then is in folder and ledger.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::archive::examine;
use crate::ledger::{Failure, Ledger};

/// The staging folder of one run.
struct Run {
    staging: TempDir,
    environment: ScriptEnvironment,
}

impl Run {
    fn new() -> Run {
        let staging = tempfile::tempdir().unwrap();
        let environment = ScriptEnvironment::from_variables(|name| match name {
            "BATT_DEST" => Some(staging.path().into()),
            "BATT_SERVICE" => Some("app".into()),
            _ => None,
        })
        .unwrap();
        Run { staging, environment }
    }

    fn store(&self, name: &str, check: Option<Kind>, command: &[&str]) -> Result<(), StoreError> {
        let request = StoreRequest {
            name: name.into(),
            check,
            vet: None,
            inventories: Vec::new(),
            recorded: Vec::new(),
            retries: 1,
            command: command[0].into(),
            arguments: command[1..].iter().map(OsString::from).collect(),
        };
        store(request, &self.environment)
    }

    fn sh(&self, name: &str, check: Option<Kind>, script: &str) -> Result<(), StoreError> {
        self.store(name, check, &["/bin/sh", "-c", script])
    }

    fn ledger(&self) -> Ledger {
        Ledger::read(self.staging.path())
    }

    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = std::fs::read_dir(self.environment.archives())
            .map(|entries| {
                entries
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect()
            })
            .unwrap_or_default();
        files.sort();
        files
    }

    /// Expects that a store failed with this message, that nothing is left of it and that the ledger knows.
    fn assert_failed(&self, error: StoreError, message: &str, exit_code: u8) {
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit_code(), exit_code);
        assert_eq!(self.files(), [""; 0]);
        let reasons: Vec<String> = self.ledger().failures().iter().map(Failure::to_string).collect();
        assert!(reasons.len() == 1 && reasons[0].ends_with(message), "{reasons:?}");
        assert_eq!(self.ledger().stores, []);
    }
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/archives/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_output_is_stored_hashed_and_told() {
    let run = Run::new();
    run.store(
        "my app.sql",
        Some(Kind::Mysql),
        &["cat", &fixture("mariadb-app.sql")],
    )
    .unwrap();
    assert_eq!(run.files(), ["my%20app.sql.zst"]);
    let ledger = run.ledger();
    assert_eq!(ledger.failures(), []);
    let [ended] = ledger.stores.as_slice() else {
        panic!("{:?}", ledger.stores)
    };
    let path = run.environment.archives().join(&ended.file);
    let examined = examine(File::open(&path).unwrap(), &ended.file, ended.check).unwrap();
    assert_eq!(
        (ended.bytes, ended.raw_bytes),
        (examined.bytes, examined.raw_bytes)
    );
    assert_eq!(ended.sha256, examined.sha256);
    assert_eq!(ended.facts["server-version"], "10.11.19-MariaDB-0+deb12u1");
    assert_eq!(ended.name, "my app.sql");
    assert!(
        zstd::decode_all(File::open(&path).unwrap()).unwrap()
            == std::fs::read(fixture("mariadb-app.sql")).unwrap()
    );
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        run.environment
            .archives()
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
}

#[test]
fn arguments_reach_the_command_as_they_are_and_its_input_is_empty() {
    let run = Run::new();
    run.store(
        "out",
        None,
        &[
            "/bin/sh",
            "-c",
            "cat; printf '%s|' \"$@\"",
            "sh",
            "a b",
            "$(c)",
            "-x",
            "",
            "\n",
        ],
    )
    .unwrap();
    let path = run.environment.archives().join("out.zst");
    assert_eq!(
        zstd::decode_all(File::open(path).unwrap()).unwrap(),
        b"a b|$(c)|-x||\n|"
    );
}

#[test]
fn a_command_that_fails_leaves_nothing_but_its_failure() {
    let run = Run::new();
    let error = run.sh("a", None, "echo half; exit 3").unwrap_err();
    run.assert_failed(error, "`/bin/sh` ended with exit code 3", 2);
    let run = Run::new();
    let error = run.sh("a", None, "echo half; kill -9 $$").unwrap_err();
    run.assert_failed(error, "`/bin/sh` was killed by signal 9", 2);
}

#[test]
fn a_command_that_cannot_start_leaves_nothing_but_its_failure() {
    let run = Run::new();
    let error = run
        .store("a", None, &["no-such-dump", "--password=x"])
        .unwrap_err();
    run.assert_failed(
        error,
        "cannot start `no-such-dump`: no such command\nhint: is the package of the service's client installed?",
        2,
    );
    let run = Run::new();
    let error = run.store("a", None, &["/etc/passwd"]).unwrap_err();
    run.assert_failed(error, "cannot start `/etc/passwd`: it may not be executed", 2);
}

#[test]
fn an_empty_output_is_a_failure() {
    let run = Run::new();
    let error = run.store("a", None, &["true"]).unwrap_err();
    run.assert_failed(error, "`true` succeeded and wrote nothing", 2);
}

#[test]
fn an_output_that_is_cut_is_a_failure_whatever_the_exit_code() {
    let run = Run::new();
    let cut = format!("head -c 9000 '{}'", fixture("postgresql-piped.dump"));
    let error = run.sh("a", Some(Kind::Postgresql), &cut).unwrap_err();
    run.assert_failed(
        error,
        "the output is not a complete `postgresql`: it ends after 9000 bytes, in the data of a table",
        2,
    );
    let run = Run::new();
    let error = run
        .sh("a", Some(Kind::Mysql), "exec 2>&1; echo 'Access denied'")
        .unwrap_err();
    assert!(
        error.to_string().contains("does not begin with `-- MySQL dump`"),
        "{error}"
    );
}

#[test]
fn a_name_is_used_once() {
    let run = Run::new();
    run.sh("a", None, "echo one").unwrap();
    let error = run.sh("a", None, "echo two").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error
            .to_string()
            .starts_with("the backup already holds an archive `a.zst`\nhint: ")
    );
    let path = run.environment.archives().join("a.zst");
    assert_eq!(
        zstd::decode_all(File::open(path).unwrap()).unwrap(),
        b"one\n",
        "the first one stays"
    );
    assert_eq!((run.ledger().stores.len(), run.ledger().failures().len()), (1, 1));
}

#[test]
fn a_store_that_failed_stays_a_failure_when_the_next_try_succeeds() {
    let run = Run::new();
    run.sh("a", None, "exit 1").unwrap_err();
    run.sh("a", None, "echo two").unwrap();
    assert_eq!((run.ledger().stores.len(), run.ledger().failures().len()), (1, 1));
}

#[test]
fn a_name_that_cannot_be_is_refused_and_known() {
    let run = Run::new();
    let error = run.sh("", None, "echo one").unwrap_err();
    run.assert_failed(error, "the name of the archive is empty", 64);
    let run = Run::new();
    let error = run.sh(&"x".repeat(5000), None, "echo one").unwrap_err();
    assert_eq!(error.exit_code(), 64);
    assert_eq!(run.ledger().failures().len(), 1);
}

#[test]
fn a_name_that_is_a_path_stays_in_the_folder() {
    let run = Run::new();
    run.sh("../../escape", None, "echo one").unwrap();
    assert_eq!(run.files(), ["%2E.%2F..%2Fescape.zst"]);
    assert_eq!(
        std::fs::read_dir(run.staging.path()).unwrap().count(),
        2,
        "the folder and the ledger"
    );
}

#[test]
fn stores_run_side_by_side() {
    let run = Run::new();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let run = &run;
            scope.spawn(move || run.sh(&format!("n{number}"), None, "seq 100000").unwrap());
        }
    });
    let ledger = run.ledger();
    assert_eq!((ledger.stores.len(), ledger.failures().len()), (6, 0));
    assert!(ledger.stores.iter().all(|ended| ended.raw_bytes == 588_895));
}

#[test]
fn a_store_that_is_killed_is_known_as_one_that_never_ended() {
    // What a killed `batt store` leaves: the line that it began, and a part of the file.
    let run = Run::new();
    let (target, mut partial) = Target::create("a".as_ref(), &run.environment).unwrap();
    let began = Entry::StoreBegan {
        name: "a".to_owned(),
        file: target.file_name().to_owned(),
    };
    append(run.staging.path(), &began).unwrap();
    partial.write_all(b"part").unwrap();
    assert_eq!(
        run.ledger().failures(),
        [Failure::Unfinished { name: "a".to_owned() }]
    );
}

#[test]
fn without_a_ledger_nothing_is_stored_and_the_empty_file_tells() {
    let run = Run::new();
    std::fs::create_dir(run.staging.path().join(crate::ledger::FILE_NAME)).unwrap();
    let error = run.sh("a", None, "echo one").unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let path = run.environment.archives().join("a.zst");
    assert_eq!(
        path.metadata().unwrap().len(),
        0,
        "judging finds it, and an empty file is damage"
    );
}

#[test]
fn a_folder_that_is_a_link_is_not_a_way_out() {
    let run = Run::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), run.environment.archives()).unwrap();
    let error = run.sh("a", None, "echo one").unwrap_err();
    assert!(matches!(error, StoreError::Write { .. }), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_command_that_asks_for_it_is_run_again() {
    let run = Run::new();
    let seen = run.staging.path().join("seen");
    let once = format!(
        "echo first; [ -e {0} ] || {{ touch {0}; exit 75; }}; echo second",
        seen.display()
    );
    run.sh("a", None, &once).unwrap();
    assert_eq!(run.files(), ["a.zst"]);
    assert!(run.ledger().failures().is_empty());
    assert_eq!(run.ledger().stores[0].raw_bytes, "first\nsecond\n".len() as u64);

    let error = run.sh("b", None, "echo x; exit 75").unwrap_err();
    assert_eq!(error.to_string(), "`/bin/sh` ended with exit code 75");
    assert_eq!(run.files(), ["a.zst"]);
    assert_eq!(run.ledger().failures().len(), 1);
}
