//! What can be written: subcommands and options, with their help.

use std::collections::BTreeMap;

use batt_protocol::{EXIT_TABLE, Error, ServiceName};
use clap::{Arg, ArgAction, Command};

use super::keeping;
use super::restore;
use super::scripts::{self, trailing_command};
use crate::script::{ItemOption, OptionOwner};

/// The options for items, by name.
pub(crate) type ItemOptions = BTreeMap<String, (ItemOption, OptionOwner)>;

/// Returns the whole grammar, with the options that the scripts bring.
pub(crate) fn command(items: &ItemOptions) -> Command {
    let root = Command::new("batt")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Backs up all the things on one host")
        .long_about(
            "Backs up all the things on one host.\n\nWithout a service, everything that is enabled is backed up. \
             With services, these are, enabled or not; an option for items implies its service.",
        )
        .after_help(EXIT_TABLE)
        .override_usage("batt [OPTIONS] [SERVICE]...\n       batt [OPTIONS] COMMAND")
        .subcommand_help_heading("Commands")
        .disable_help_subcommand(true)
        .args(global_arguments())
        .args(run_arguments())
        .args(items.values().map(|(option, owner)| item_argument(option, owner)));
    root.subcommands(everyday_commands())
        .subcommands(keeping::commands())
        .subcommands(restore::commands(items))
        .subcommands(scripts::commands())
        .subcommands(scripts::place_commands())
        .subcommands(inner_commands())
}

fn global_arguments() -> [Arg; 3] {
    [
        Arg::new("home")
            .long("home")
            .value_name("DIR")
            .env("BATT_HOME")
            .hide_env(true)
            .global(true)
            .help("the folder of settings, scripts and journals [default: /opt/batt]"),
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(["human", "json", "jsonl"])
            .default_value("human")
            .hide_default_value(true)
            .global(true)
            .help("how results are printed"),
        Arg::new("quiet")
            .short('q')
            .long("quiet")
            .action(ArgAction::SetTrue)
            .global(true)
            .help("print failures only"),
    ]
}

fn run_arguments() -> [Arg; 5] {
    [
        Arg::new("services")
            .value_name("SERVICE")
            .num_args(0..)
            .help("services to back up, enabled or not"),
        path_argument(),
        Arg::new("jobs")
            .long("jobs")
            .value_name("N")
            .value_parser(clap::value_parser!(u8).range(1..=64))
            .help("services at a time [default: `jobs` in batt.toml, or 1]"),
        Arg::new("dry-run")
            .short('n')
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("tell what would be done, and change nothing"),
        wait_argument(),
    ]
}

pub(super) fn path_argument() -> Arg {
    Arg::new("path").long("path").value_name("PATTERN").help(
        "where backups go, with the conversions of strftime and `{host}` [default: /opt/backup/%Y/%m/%d]",
    )
}

pub(super) fn wait_argument() -> Arg {
    Arg::new("wait")
        .long("wait")
        .value_name("DURATION")
        .help("wait this long for a lock that another run holds: `10m`")
}

pub(super) fn item_argument(option: &ItemOption, owner: &OptionOwner) -> Arg {
    let help = match owner {
        OptionOwner::One(_) => option.help.clone(),
        OptionOwner::Many(services) => {
            let names: Vec<String> = services.iter().map(ToString::to_string).collect();
            format!(
                "claimed by {}, so it cannot be used",
                batt_protocol::text::list_and(&names)
            )
        }
    };
    // The prefix keeps the id apart from those of batt's own arguments.
    Arg::new(item_id(&option.name))
        .long(option.name.clone())
        .value_name(option.placeholder.clone())
        .action(ArgAction::Append)
        .allow_hyphen_values(true)
        .help_heading("Items")
        .help(help)
}

/// Returns the one service that an option for items belongs to.
///
/// # Errors
/// An option that several claim.
pub(super) fn only_owner<'a>(option: &str, owner: &'a OptionOwner) -> Result<&'a ServiceName, Error> {
    match owner {
        OptionOwner::One(service) => Ok(service),
        OptionOwner::Many(services) => {
            let names: Vec<String> = services.iter().map(ToString::to_string).collect();
            Err(Error::usage(format!(
                "the option `--{option}` is claimed by {}",
                batt_protocol::text::list_and(&names)
            ))
            .hint("Give one of the scripts an option of its own in its `# batt: option` line."))
        }
    }
}

/// Returns the id of an option for items.
pub(crate) fn item_id(option: &str) -> String {
    format!("item:{option}")
}

pub(super) fn services_argument(help: &'static str) -> Arg {
    Arg::new("services")
        .value_name("SERVICE")
        .num_args(0..)
        .help(help)
}

fn run_argument(help: &'static str) -> Arg {
    Arg::new("run").value_name("RUN").help(help)
}

fn everyday_commands() -> Vec<Command> {
    let last = || {
        Arg::new("last")
            .long("last")
            .action(ArgAction::SetTrue)
            .help("the newest run")
    };
    vec![
        Command::new("list").about("List services").arg(
            Arg::new("which")
                .value_name("WHICH")
                .value_parser(["enabled", "disabled", "available"])
                .default_value("enabled")
                .help("which ones"),
        ),
        Command::new("enable")
            .about("Make services run by default")
            .arg(services_argument("services, or instances as `redis@6380`").required(true)),
        Command::new("disable")
            .about("Make services run only when they are named")
            .arg(services_argument("services or instances").required(true)),
        Command::new("init")
            .about("Make the layout, and install the shipped scripts and templates")
            .arg(
                Arg::new("new-id")
                    .long("new-id")
                    .action(ArgAction::SetTrue)
                    .help("give this host a new id: for the clone of a machine"),
            ),
        Command::new("accept")
            .about("Take a suspicious backup as the new normal")
            .arg(
                Arg::new("id")
                    .value_name("ID")
                    .required(true)
                    .help("the backup, as `batt --format json backups` and the report of its run name it"),
            ),
        Command::new("verify")
            .about("Read backups again: hashes and formats")
            .arg(services_argument("only of these services"))
            .arg(
                Arg::new("all")
                    .long("all")
                    .action(ArgAction::SetTrue)
                    .help("every backup, not the newest of each service"),
            )
            .arg(
                Arg::new("from")
                    .long("from")
                    .value_name("PATH")
                    .value_parser(clap::value_parser!(std::path::PathBuf))
                    .conflicts_with_all(["services", "all"])
                    .help("the backup in this folder, of whatever host; needs no home"),
            ),
        Command::new("runs").about("List the runs that are kept"),
        Command::new("logs")
            .about("Show what the scripts of a run printed")
            .arg(run_argument("the run [default: the newest]"))
            .arg(last())
            .arg(
                Arg::new("service")
                    .value_name("SERVICE")
                    .help("only of this service"),
            )
            .arg(
                Arg::new("raw")
                    .long("raw")
                    .action(ArgAction::SetTrue)
                    .help("the very bytes, control characters too: for a file, never for a terminal"),
            ),
        Command::new("attach")
            .about("Follow a run that goes on")
            .arg(run_argument("the run").required(true)),
        Command::new("cancel")
            .about("End a run that goes on")
            .arg(run_argument("the run").required(true)),
        Command::new("check")
            .about("Check settings, scripts, ownership, tools and room")
            .arg(path_argument()),
        Command::new("completions")
            .about("Print a completion script")
            .arg(
                Arg::new("shell")
                    .value_name("SHELL")
                    .required(true)
                    .value_parser(clap::value_parser!(clap_complete::Shell))
                    .help("the shell"),
            ),
        Command::new("man").about("Print the manual page"),
    ]
}

/// What other programs call: never shown, except the controller's end of the line.
fn inner_commands() -> Vec<Command> {
    vec![
        Command::new("serve").about("Speak with a controller on stdin and stdout"),
        Command::new("supervise")
            .hide(true)
            .arg(run_argument("the run").required(true)),
        Command::new("launch")
            .hide(true)
            .arg(
                Arg::new("failure-file")
                    .long("failure-file")
                    .required(true)
                    .value_parser(clap::value_parser!(std::path::PathBuf)),
            )
            .arg(
                Arg::new("cgroup")
                    .long("cgroup")
                    .value_parser(clap::value_parser!(std::path::PathBuf)),
            )
            .arg(
                Arg::new("nice")
                    .long("nice")
                    .allow_negative_numbers(true)
                    .value_parser(clap::value_parser!(i32)),
            )
            .arg(
                Arg::new("memory")
                    .long("memory")
                    .value_parser(clap::value_parser!(u64)),
            )
            .arg(
                Arg::new("cell")
                    .long("cell")
                    .value_parser(|text: &str| text.parse::<crate::process::Cell>()),
            )
            .arg(
                Arg::new("inside")
                    .long("inside")
                    .action(ArgAction::SetTrue)
                    .requires("cell"),
            )
            .arg(trailing_command()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reserved::{OPTIONS, SUBCOMMANDS};

    #[test]
    fn the_grammar_is_sound_and_every_name_is_reserved() {
        let root = command(&BTreeMap::new());
        root.clone().debug_assert();
        for subcommand in root.get_subcommands() {
            assert!(
                SUBCOMMANDS.contains(&subcommand.get_name()),
                "{}",
                subcommand.get_name()
            );
        }
        let options: Vec<&str> = root.get_arguments().filter_map(Arg::get_long).collect();
        assert!(options.len() > 4);
        let restore = root.find_subcommand("restore").unwrap();
        let of_restore = restore.get_arguments().filter_map(Arg::get_long);
        for option in options.into_iter().chain(of_restore) {
            assert!(OPTIONS.contains(&option), "{option}");
        }
    }
}
