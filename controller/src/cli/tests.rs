//! Command lines, good and bad.

use super::*;

fn parse_words(words: &[&str]) -> Result<Parsed, Unparsed> {
    let arguments = ["batt-fleet"].iter().chain(words).map(OsString::from).collect();
    parse(arguments, &ItemOptions::of([]))
}

fn wrong(words: &[&str]) -> String {
    match parse_words(words) {
        Err(Unparsed::Wrong { message, exit }) => {
            assert_eq!(exit, ExitCode::USAGE, "{words:?}");
            message
        }
        other => panic!("{words:?}: {other:?}"),
    }
}

#[test]
fn the_definition_holds() {
    Cli::command().debug_assert();
}

#[test]
fn no_host_has_time_without_end() {
    let Ok(Parsed { command, .. }) = parse_words(&["run"]) else {
        panic!("`run` is a command line");
    };
    let Command::Run(run) = command else {
        panic!("{command:?}");
    };
    assert_eq!(run.command_timeout.as_secs(), 24 * 3_600);
}

#[test]
fn a_run_with_everything() {
    let parsed = parse_words(&[
        "run",
        "mysql",
        "-g",
        "db,web",
        "-g",
        "x",
        "-l",
        "prod",
        "-x",
        "db3",
        "-i",
        "a.toml",
        "-i",
        "b",
        "-f",
        "8",
        "-u",
        "me",
        "--connect-timeout",
        "3s",
        "--command-timeout",
        "2h",
        "--deadline",
        "1d",
        "-n",
        "--push",
        "verify",
        "--path",
        "/b/%Y",
        "--format",
        "jsonl",
        "--state",
        "/s",
        "--known-hosts",
        "/k",
        "--mysql-db",
        "a",
        "-q",
    ])
    .unwrap();
    let Command::Run(run) = parsed.command else {
        panic!()
    };
    assert_eq!(run.services, ["mysql"]);
    assert_eq!(run.selection.groups, ["db", "web", "x"]);
    assert_eq!(run.selection.inventory.inventory.len(), 2);
    assert_eq!(run.connection.forks, 8);
    assert_eq!(run.command_timeout.as_secs(), 7200);
    assert!(run.dry_run && run.connection.quiet);
    assert_eq!(run.push, PushChoice::Verify);
    assert_eq!(run.output.format, Format::Jsonl);
    assert!(!parsed.items.is_empty());
}

#[test]
fn what_comes_later_is_not_taken_silently() {
    for option in ["--serial", "--max-fail", "--max-unreachable", "--detach"] {
        assert!(
            wrong(&["run", option, "1"]).contains("unexpected argument"),
            "{option}"
        );
    }
    for command in ["resume", "attach", "status", "backups"] {
        assert!(wrong(&[command]).contains("unrecognized subcommand"), "{command}");
    }
}

#[test]
fn wrong_usage_is_64() {
    wrong(&["run", "-f", "0"]);
    wrong(&["run", "--deadline", "soon"]);
    wrong(&["push", "--check", "--force"]);
    wrong(&["logs"]);
    wrong(&["run", "--mysql-db"]);
    wrong(&["ping", "--mysql-db", "x"]);
}

#[test]
fn help_tells_exit_codes_and_items() {
    for words in [
        &["--help"][..],
        &["run", "--help"],
        &["push", "-h"],
        &["ping", "-h"],
    ] {
        let Err(Unparsed::Told(help)) = parse_words(words) else {
            panic!("{words:?}")
        };
        assert!(help.contains("2, 4, 8 and 16 add up."), "{words:?}: {help}");
    }
    let Err(Unparsed::Told(help)) = parse_words(&["run", "--help"]) else {
        panic!()
    };
    assert!(
        help.contains("--SERVICE-db NAME") && help.contains("--file PATH"),
        "{help}"
    );
}

#[test]
fn every_option_has_a_variable_of_its_name() {
    fn check(command: &clap::Command) {
        for option in command.get_arguments() {
            let Some(long) = option.get_long() else { continue };
            if ["help", "version"].contains(&long) {
                continue;
            }
            let expected = format!("BATT_FLEET_{}", long.to_uppercase().replace('-', "_"));
            let variable = option.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(variable, Some(expected), "{} --{long}", command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}
