//! `batt restore` and `batt drill`, as written and as meant.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use batt_protocol::{BundleFolder, Error, Service, parse_duration};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::grammar::{self, ItemOptions, item_argument, item_id, services_argument, wait_argument};
use super::invocation::{services, text};
use crate::bundle;
use crate::home::Home;
use crate::restore::From;
use crate::script::{Header, ItemOption, OptionOwner, Shelf};

/// What is to be restored, from where, and where to.
#[derive(Debug, Clone)]
pub(crate) struct RestoreRequest {
    /// The service; none when the backup tells it.
    pub(crate) service: Option<Service>,
    pub(crate) from: From,
    /// The names of archives; none means all.
    pub(crate) items: Vec<String>,
    pub(crate) into: Option<String>,
    pub(crate) replace: bool,
    /// Whether a backup is wanted that this host does not know.
    pub(crate) foreign: bool,
    pub(crate) dry_run: bool,
    pub(crate) wait: Duration,
}

/// What is to be rehearsed.
#[derive(Debug, Clone)]
pub(crate) struct DrillRequest {
    /// The services; none means every one that can be.
    pub(crate) services: Vec<Service>,
    pub(crate) from: From,
}

/// Returns the two commands, with the options for items that the scripts bring.
pub(super) fn commands(items: &ItemOptions) -> [Command; 2] {
    [
        Command::new("restore")
            .about("Restore a service from a backup, verified first and compared afterwards")
            .arg(
                Arg::new("services")
                    .value_name("SERVICE")
                    .num_args(0..=1)
                    .help("the service [default: that of the backup, or of the items]"),
            )
            .arg(from_argument())
            .arg(
                Arg::new("item")
                    .long("item")
                    .value_name("NAME")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .help("an archive to restore, by the name that it was stored under [default: all]"),
            )
            .args(items.values().map(|(option, owner)| {
                item_argument(option, owner).help("item to restore (all when none is named)")
            }))
            .arg(
                Arg::new("into")
                    .long("into")
                    .value_name("TARGET")
                    .help("another name, or a folder as `./there`, to restore into"),
            )
            .arg(
                Arg::new("replace")
                    .long("replace")
                    .action(ArgAction::SetTrue)
                    .help("put the backup in the place of what is there"),
            )
            .arg(
                Arg::new("foreign")
                    .long("foreign")
                    .action(ArgAction::SetTrue)
                    .help("take a backup that this host does not know, as one of another host"),
            )
            .arg(
                Arg::new("dry-run")
                    .short('n')
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("verify the backup, tell what would be done, and change nothing"),
            )
            .arg(wait_argument()),
        Command::new("drill")
            .about("Restore backups into throw-away instances, and compare")
            .arg(services_argument(
                "services [default: every one that has a backup and a drill script]",
            ))
            .arg(from_argument()),
    ]
}

fn from_argument() -> Arg {
    Arg::new("from")
        .long("from")
        .value_name("BACKUP")
        .default_value("latest")
        .allow_hyphen_values(true)
        .help("an id, a day `2026-11-23`, a time `2026-11-23T02:30`, a folder, or `latest`")
}

/// Tells whether a restore is meant, before the grammar is known.
pub(super) fn is_meant(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "restore")
}

/// Returns the options for items: those of the home's scripts, and for services that it has no script of those that come
/// with batt.
pub(super) fn item_options(home: &Home) -> Result<ItemOptions, Error> {
    let mut options = Shelf::read(home)?.options();
    let owned = |options: &BTreeMap<_, (ItemOption, OptionOwner)>, service: &batt_protocol::ServiceName| {
        options.values().any(|(_, owner)| match owner {
            OptionOwner::One(one) => one == service,
            OptionOwner::Many(many) => many.contains(service),
        })
    };
    for name in bundle::shipped_scripts() {
        let Some(service) = name.strip_prefix("backup-") else {
            continue;
        };
        let service: batt_protocol::ServiceName = service.parse()?;
        let content = bundle::shipped(BundleFolder::ScriptsAvailable, name).unwrap_or_default();
        let Some(option) = Header::parse(content).item_option(service.as_str()) else {
            continue;
        };
        if !owned(&options, &service) && !options.contains_key(&option.name) {
            options.insert(option.name.clone(), (option, OptionOwner::One(service)));
        }
    }
    Ok(options)
}

/// Means `batt restore`.
pub(super) fn restore(matches: &ArgMatches, items: &ItemOptions) -> Result<RestoreRequest, Error> {
    let mut service = services(matches)?.into_iter().next();
    let mut named: Vec<String> = matches
        .get_many::<String>("item")
        .unwrap_or_default()
        .cloned()
        .collect();
    for (name, (_, owner)) in items {
        let Some(values) = matches.get_many::<String>(&item_id(name)) else {
            continue;
        };
        let owner = grammar::only_owner(name, owner)?;
        match &service {
            None => service = Some(Service::from(owner.clone())),
            Some(service) if service.name() != owner => {
                return Err(Error::usage(format!(
                    "`--{name}` names items of `{owner}`, and `{service}` is to be restored"
                )));
            }
            Some(_) => {}
        }
        named.extend(values.cloned());
    }
    Ok(RestoreRequest {
        service,
        from: from(matches)?,
        items: named,
        into: text(matches, "into").map(target),
        replace: matches.get_flag("replace"),
        foreign: matches.get_flag("foreign"),
        dry_run: matches.get_flag("dry-run"),
        wait: text(matches, "wait").map_or(Ok(Duration::ZERO), |text| parse_duration(&text))?,
    })
}

/// Means `batt drill`.
pub(super) fn drill(matches: &ArgMatches) -> Result<DrillRequest, Error> {
    let request = DrillRequest {
        services: services(matches)?,
        from: from(matches)?,
    };
    if matches!(request.from, From::Id(..) | From::Path(_)) && request.services.len() > 1 {
        return Err(Error::usage(
            "`--from` names one backup, and several services are to be drilled",
        ));
    }
    Ok(request)
}

fn from(matches: &ArgMatches) -> Result<From, Error> {
    text(matches, "from").unwrap_or_default().parse()
}

/// Returns a target as a script gets it: a folder by its whole path, as a script works in `/`.
fn target(text: String) -> String {
    if !text.contains('/') && text != "." && text != ".." {
        return text;
    }
    std::path::absolute(&text)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .unwrap_or(text)
}
