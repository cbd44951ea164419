//! Command lines, as they are meant.

use super::*;

fn home_with_scripts() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scripts = folder.path().join("scripts-available");
    std::fs::create_dir(&scripts).unwrap();
    for (name, option) in [
        ("mysql", "--mysql-db NAME x"),
        ("file", "--file PATH x"),
        ("a", "--thing X x"),
        ("b", "--thing X x"),
    ] {
        let path = scripts.join(format!("backup-{name}"));
        std::fs::write(path, format!("#!/bin/sh\n# batt: option {option}\n")).unwrap();
    }
    folder
}

fn parse_words(folder: &tempfile::TempDir, words: &[&str]) -> Result<Invocation, Error> {
    let home = folder.path().as_os_str().to_owned();
    let arguments: Vec<OsString> = ["batt".into(), "--home".into(), home]
        .into_iter()
        .chain(words.iter().map(OsString::from))
        .collect();
    parse(&arguments)
}

fn requested(words: &[&str]) -> Result<Vec<(String, Vec<String>)>, Error> {
    let folder = home_with_scripts();
    match parse_words(&folder, words)?.action {
        Action::Run { services, .. } => Ok(services
            .into_iter()
            .map(|request| (request.service.to_string(), request.items))
            .collect()),
        action => panic!("{action:?}"),
    }
}

#[test]
fn an_option_for_items_implies_its_service() {
    let all = requested(&["--mysql-db", "a", "redis@1", "--mysql-db=-b;c", "--file", "/etc"]).unwrap();
    assert_eq!(
        all,
        [
            ("redis@1".to_owned(), vec![]),
            ("file".to_owned(), vec!["/etc".to_owned()]),
            ("mysql".to_owned(), vec!["a".to_owned(), "-b;c".to_owned()])
        ]
    );
    assert_eq!(requested(&[]).unwrap(), []);
}

#[test]
fn an_option_that_two_scripts_claim_is_an_error_only_when_it_is_used() {
    assert!(requested(&["mysql"]).is_ok());
    let error = requested(&["--thing", "x"]).unwrap_err();
    assert_eq!(error.message(), "the option `--thing` is claimed by `a` and `b`");
}

#[test]
fn what_cannot_be_understood_is_a_usage_error_with_what_was_meant() {
    let error = requested(&["--mysql-bd", "x"]).unwrap_err();
    assert_eq!(error.exit(), batt_protocol::ExitCode::USAGE);
    assert!(
        error.message().starts_with("unexpected argument `--mysql-bd`"),
        "{error}"
    );
    assert!(error.to_string().contains("--mysql-db"), "{error}");
    let error = requested(&["mysql", "list"]).unwrap_err();
    assert_eq!(
        error.message(),
        "`list` is a command, and stands where services are named"
    );
}

#[test]
fn logs_take_a_run_a_service_or_both() {
    let folder = home_with_scripts();
    let logs = |words: &[&str]| match parse_words(&folder, words).unwrap().action {
        Action::Logs { run, service, .. } => (run.is_some(), service.map(|service| service.to_string())),
        action => panic!("{action:?}"),
    };
    const RUN: &str = "20260131T023000Z-00000a";
    assert_eq!(logs(&["logs"]), (false, None));
    assert_eq!(logs(&["logs", RUN]), (true, None));
    assert_eq!(
        logs(&["logs", "--last", "mysql"]),
        (false, Some("mysql".to_owned()))
    );
    assert!(parse_words(&folder, &["logs", "--last", RUN]).is_err());
    assert_eq!(logs(&["logs", "mysql"]), (false, Some("mysql".to_owned())));
    assert_eq!(logs(&["logs", RUN, "mysql"]), (true, Some("mysql".to_owned())));
}

#[test]
fn the_help_has_the_options_of_the_scripts_and_the_exit_codes() {
    let folder = home_with_scripts();
    let Action::Show(help) = parse_words(&folder, &["-h"]).unwrap().action else {
        panic!()
    };
    assert!(
        help.contains("--mysql-db <NAME>") && help.contains("claimed by `a` and `b`"),
        "{help}"
    );
    assert!(help.contains("130, 143  interrupted"), "{help}");
}
