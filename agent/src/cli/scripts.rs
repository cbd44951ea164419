//! What scripts say: the verbs that they call batt by.

use std::ffi::OsString;
use std::path::PathBuf;

use batt_protocol::Error;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};

use super::invocation::Action;
use crate::account::{AsRequest, Whom};
use crate::place::{self, Placement};

pub(super) fn commands() -> Vec<Command> {
    vec![
        Command::new("store")
            .about("For scripts: run a dump command and keep what it prints, checked")
            .arg(
                Arg::new("check")
                    .long("check")
                    .value_name("KIND")
                    .help("what the stream must be, whole"),
            )
            .arg(
                Arg::new("vet")
                    .long("vet")
                    .value_name("KIND")
                    .requires("check")
                    .help("of mysql: name it as missing, though it is stored, where `batt load --check KIND` would not hand it on"),
            )
            .arg(
                Arg::new("inventory")
                    .long("inventory")
                    .value_name("FILE")
                    .requires("check")
                    .action(ArgAction::Append)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("what the engine says is there (mysql, rdb): the stream has to hold all of it"),
            )
            .arg(
                Arg::new("record")
                    .long("record")
                    .value_name("FILE")
                    .requires("inventory")
                    .action(ArgAction::Append)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("such a file of mysql whose lines become facts of the archive"),
            )
            .arg(
                Arg::new("retry")
                    .long("retry")
                    .value_name("N")
                    .value_parser(clap::value_parser!(u8))
                    .help("run the command again, N times at most, when it ends with 75"),
            )
            .arg(raw_argument("name", "NAME", "the archive's name").required(true))
            .arg(trailing_command()),
        Command::new("interleave")
            .about("For scripts: run several dumps of one MySQL database at once, and print the one dump that they are together")
            .arg(
                Arg::new("rows")
                    .long("rows")
                    .value_name("N")
                    .required(true)
                    .value_parser(clap::value_parser!(u16).range(1..=1000))
                    .help("how many of them dump rows"),
            )
            .arg(trailing_command()),
        Command::new("load")
            .about("For scripts: hand an archive of a backup to a command, verified")
            .arg(
                Arg::new("check")
                    .long("check")
                    .value_name("KIND")
                    .help("what the archive must be, whole and safe to restore"),
            )
            .arg(
                Arg::new("part")
                    .long("part")
                    .value_name("PARTS")
                    .requires("check")
                    .help("of mysql, with commas between: sequences, tables, programs (routines, triggers, events), views; names prints that of a table before its rows, and numbers of statements"),
            )
            .arg(
                Arg::new("mark")
                    .long("mark")
                    .value_name("WORD")
                    .requires("part")
                    .value_parser(mark)
                    .help("of mysql: how what is printed begins [default: batt]"),
            )
            .arg(
                Arg::new("behind")
                    .long("behind")
                    .value_name("NUMBERS")
                    .requires("part")
                    .value_delimiter(',')
                    .value_parser(clap::value_parser!(u64))
                    .help("of mysql: what comes behind the last of these statements, and settings, and nothing more of their tables"),
            )
            .arg(
                Arg::new("seekable")
                    .long("seekable")
                    .value_name("BYTES")
                    .requires("check")
                    .conflicts_with("needs")
                    .value_parser(clap::value_parser!(u64))
                    .help("of postgresql: as a file that several processes can read, when it has so many bytes and there is room"),
            )
            .arg(
                Arg::new("needs")
                    .long("needs")
                    .action(ArgAction::SetTrue)
                    .requires("check")
                    .conflicts_with_all(["part", "command"])
                    .help("of mysql: read it to its end, and print what it needs besides its database"),
            )
            .arg(raw_argument("name", "NAME", "the name it was stored under").required(true))
            .arg(
                trailing_command()
                    .required(false)
                    .required_unless_present("needs"),
            ),
        Command::new("record")
            .about("For scripts: record a fact about the content")
            .arg(of_argument(
                "the archive that it is a fact of: compared when that is restored",
            ))
            .arg(
                Arg::new("lines")
                    .long("lines")
                    .action(ArgAction::SetTrue)
                    .conflicts_with_all(["key", "value"])
                    .help("read facts from stdin, one a line: KEY, a tab, VALUE"),
            )
            .arg(raw_argument("key", "KEY", "what the fact is about").required_unless_present("lines"))
            .arg(raw_argument("value", "VALUE", "the fact").required_unless_present("lines")),
        Command::new("missing")
            .about("For scripts: tell what of an item could not be had; the service has not succeeded then")
            .arg(
                raw_argument("name", "NAME", "the item's archive, whether it is stored or not")
                    .required(true),
            )
            .arg(raw_argument("why", "WHY", "what is missing and why, and what to do").required(true)),
        Command::new("recall")
            .about("For scripts that restore: print a fact that was recorded of the backup")
            .arg(of_argument("the archive that it is a fact of"))
            .arg(
                Arg::new("differs")
                    .long("differs")
                    .action(ArgAction::SetTrue)
                    .requires("of")
                    .conflicts_with("key")
                    .help("read facts from stdin, one a line: KEY, a tab, VALUE; print what differs from those that were recorded"),
            )
            .arg(
                Arg::new("known")
                    .long("known")
                    .action(ArgAction::SetTrue)
                    .requires("of")
                    .conflicts_with_all(["key", "differs"])
                    .help("read facts from stdin, one a line: KEY, a tab, VALUE; print those whose keys were recorded"),
            )
            .arg(
                Arg::new("only")
                    .long("only")
                    .value_name("BEGINNING")
                    .requires("differs")
                    .action(ArgAction::Append)
                    .help("look at facts whose keys begin like this"),
            )
            .arg(
                raw_argument("key", "KEY", "what the fact is about; of several each value is ended by a NUL")
                    .num_args(1..)
                    .required_unless_present_any(["differs", "known"]),
            ),
        Command::new("as")
            .about("For scripts: run a command as another account, with nothing of this one's")
            .arg(
                raw_argument("account", "ACCOUNT", "the account, by name or number")
                    .allow_hyphen_values(false),
            )
            .arg(
                Arg::new("nobody")
                    .long("nobody")
                    .action(ArgAction::SetTrue)
                    .help("the account of this script that nobody else has"),
            )
            .arg(
                Arg::new("owner-of")
                    .long("owner-of")
                    .value_name("PATH")
                    .value_parser(clap::value_parser!(std::path::PathBuf))
                    .help("the owner of this file, in the folder that it is in"),
            )
            .group(
                ArgGroup::new("whom")
                    .args(["account", "nobody", "owner-of"])
                    .required(true),
            )
            .arg(
                Arg::new("keep")
                    .long("keep")
                    .value_name("GLOB")
                    .action(ArgAction::Append)
                    .value_parser(clap::value_parser!(std::ffi::OsString))
                    .help("variables that the command gets too, as `PG*`"),
            )
            .arg(
                Arg::new("in")
                    .long("in")
                    .value_name("FOLDER")
                    .value_parser(clap::value_parser!(std::path::PathBuf))
                    .help("the folder to run it in [default: /]"),
            )
            .arg(
                Arg::new("room")
                    .long("room")
                    .value_name("FOLDER")
                    .value_parser(clap::value_parser!(std::path::PathBuf))
                    .help("a folder that becomes the account's; `BATT_ROOM` tells the command where it is"),
            )
            .arg(trailing_command()),
        Command::new("show")
            .about(
                "For scripts: run a command where a path leads to what it led to, whoever swaps its folders",
            )
            .arg(
                Arg::new("path")
                    .value_name("PATH")
                    .required(true)
                    .value_parser(clap::value_parser!(std::path::PathBuf))
                    .help("the file or folder, by its whole path"),
            )
            .arg(trailing_command()),
    ]
}

/// What brings restored things to their places.
pub(super) fn place_commands() -> Vec<Command> {
    let path = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id)
            .value_name(name)
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .help(help)
    };
    let with = Arg::new("with")
        .long("with")
        .value_name("ENDING")
        .action(ArgAction::Append)
        .allow_hyphen_values(true)
        .value_parser(clap::value_parser!(std::ffi::OsString))
        .help("what has this name after the path belongs to it, and is kept with it");
    vec![
        Command::new("stage")
            .about("For scripts that restore: run a command in a private folder beside a place, and remove the folder")
            .arg(path("path", "PATH", "where something will be placed").required(true))
            .arg(trailing_command()),
        Command::new("place")
            .about("For scripts that restore: put a file or a folder where nothing is, and never through a link of others")
            .arg(path("from", "NAME", "what to move there, in the folder of `batt stage` [default: a file of stdin]").long("from"))
            .arg(path("like", "PATH", "a file gets the owner and mode of this one, or the owner of this folder").long("like"))
            .arg(
                Arg::new("mode")
                    .long("mode")
                    .value_name("MODE")
                    .value_parser(mode)
                    .help("the mode of a file, as `640` [default: 600]"),
            )
            .arg(with.clone())
            .arg(
                Arg::new("dry-run")
                    .short('n')
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .conflicts_with_all(["from", "like", "mode"])
                    .help("find out whether the places are free, and change nothing"),
            )
            .arg(path("path", "PATH", "the place; what is there is kept beside with BATT_REPLACE=yes").required(true).num_args(1..)),
        Command::new("aside")
            .about("For scripts that restore: keep what is at a path as PATH.batt-TIME")
            .arg(with)
            .arg(path("path", "PATH", "what is in the way").required(true)),
    ]
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "it is no mode of a file".to_owned())
}

fn of_argument(help: &'static str) -> Arg {
    Arg::new("of")
        .long("of")
        .value_name("NAME")
        .allow_hyphen_values(true)
        .value_parser(clap::value_parser!(std::ffi::OsString))
        .help(help)
}

/// An argument that may be any bytes.
fn raw_argument(id: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(id)
        .value_name(value_name)
        .allow_hyphen_values(true)
        .value_parser(clap::value_parser!(std::ffi::OsString))
        .help(help)
}

pub(super) fn trailing_command() -> Arg {
    Arg::new("command")
        .value_name("COMMAND")
        .required(true)
        .last(true)
        .num_args(1..)
        .value_parser(clap::value_parser!(std::ffi::OsString))
        .help("the command and its arguments")
}

pub(super) fn as_request(matches: &ArgMatches) -> AsRequest {
    let path = |id: &str| matches.get_one::<PathBuf>(id).cloned();
    let whom = match path("owner-of") {
        Some(path) => Whom::OwnerOf(path),
        None if matches.get_flag("nobody") => Whom::Nobody,
        None => Whom::Named(raw(matches, "account")),
    };
    let keep = matches.get_many::<OsString>("keep").unwrap_or_default();
    AsRequest {
        whom,
        keep: keep.cloned().collect(),
        folder: path("in"),
        room: path("room"),
        command: trailing(matches),
    }
}

pub(super) fn placement(matches: &ArgMatches) -> Result<Action, Error> {
    let (with, paths) = (endings(matches), paths(matches));
    if matches.get_flag("dry-run") {
        return Ok(Action::PlaceDryRun { with, paths });
    }
    let mut paths = paths.into_iter();
    let (Some(path), None) = (paths.next(), paths.next()) else {
        return Err(Error::usage("one thing has one place"));
    };
    let mode = matches.get_one::<u32>("mode");
    Ok(Action::Place {
        placement: Placement {
            from: matches.get_one::<PathBuf>("from").cloned(),
            like: matches.get_one::<PathBuf>("like").cloned(),
            mode: mode.map(|mode| rustix::fs::Mode::from_bits_truncate(*mode)),
            with,
            replace: place::is_to_replace(),
        },
        path,
    })
}

pub(super) fn endings(matches: &ArgMatches) -> Vec<OsString> {
    matches.get_many("with").unwrap_or_default().cloned().collect()
}

pub(super) fn paths(matches: &ArgMatches) -> Vec<PathBuf> {
    matches.get_many("path").unwrap_or_default().cloned().collect()
}

pub(super) fn raw(matches: &ArgMatches, id: &str) -> OsString {
    matches.get_one::<OsString>(id).cloned().unwrap_or_default()
}

pub(super) fn trailing(matches: &ArgMatches) -> Vec<OsString> {
    matches
        .get_many::<OsString>("command")
        .unwrap_or_default()
        .cloned()
        .collect()
}

/// Reads a word of letters, digits and `-`, which stands in a text of SQL.
fn mark(word: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=64).contains(&word.len()) && word.bytes().all(is_plain) {
        Ok(word.to_owned())
    } else {
        Err("it has to be 1 to 64 letters, digits and `-`".to_owned())
    }
}
