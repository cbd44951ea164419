//! What was written, as it is meant.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use batt_protocol::{Error, RunId, Service, ServiceRequest, parse_duration};
use clap::ArgMatches;

use super::arguments;
use super::grammar::{self, ItemOptions};
use super::keeping::{self, PurgeRequest, Shown};
use super::restore::{self, DrillRequest, RestoreRequest};
use super::scripts::{as_request, endings, paths, placement, raw, trailing};
use crate::account::AsRequest;
use crate::enclosure::ShowRequest;
use crate::home::Home;
use crate::interleave::InterleaveRequest;
use crate::pattern::Pattern;
use crate::place::Placement;
use crate::process::{Cell, LaunchRequest};
use crate::reserved::SUBCOMMANDS;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
    JsonLines,
}

/// How much is printed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
}

/// Which services `batt list` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Enabled,
    Disabled,
    Available,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Action {
    Run {
        services: Vec<ServiceRequest>,
        path: Option<Pattern>,
        wait: Duration,
        jobs: Option<usize>,
        dry_run: bool,
    },
    List(Listing),
    Enable(Vec<Service>),
    Disable(Vec<Service>),
    Init {
        new_id: bool,
    },
    /// The id of a backup.
    Accept(String),
    Backups(Shown),
    Purge(PurgeRequest),
    /// Pins the backup of this id, or unpins it.
    Pin {
        id: String,
        pinned: bool,
    },
    Verify {
        services: Vec<Service>,
        all: bool,
    },
    VerifyFolder(PathBuf),
    Runs,
    Logs {
        run: Option<RunId>,
        service: Option<Service>,
        /// As the scripts printed it.
        raw: bool,
    },
    Attach(RunId),
    Cancel(RunId),
    Check {
        path: Option<Pattern>,
    },
    Serve {
        path: Option<Pattern>,
    },
    Supervise(RunId),
    Launch(LaunchRequest),
    Store {
        check: Option<String>,
        vet: Option<String>,
        inventories: Vec<PathBuf>,
        recorded: Vec<PathBuf>,
        retries: u8,
        name: OsString,
        command: Vec<OsString>,
    },
    Record {
        of: Option<OsString>,
        /// The key and the value; none when they come as lines.
        fact: Option<(OsString, OsString)>,
    },
    Missing {
        name: OsString,
        reason: OsString,
    },
    Recall {
        of: Option<OsString>,
        keys: Vec<OsString>,
    },
    Known {
        of: OsString,
    },
    Differs {
        of: OsString,
        /// How the keys begin that count; all when there are none.
        only: Vec<String>,
    },
    Needs {
        check: Option<String>,
        name: OsString,
    },
    Load {
        check: Option<String>,
        part: Option<String>,
        mark: Option<String>,
        behind: Vec<u64>,
        seekable: Option<u64>,
        name: OsString,
        command: Vec<OsString>,
    },
    As(AsRequest),
    ShowPath(ShowRequest),
    Interleave(InterleaveRequest),
    Stage {
        path: PathBuf,
        command: Vec<OsString>,
    },
    Place {
        placement: Placement,
        path: PathBuf,
    },
    /// Whether these places are free.
    PlaceDryRun {
        with: Vec<OsString>,
        paths: Vec<PathBuf>,
    },
    Aside {
        with: Vec<OsString>,
        path: PathBuf,
    },
    Restore(RestoreRequest),
    Drill(DrillRequest),
    Completions(clap_complete::Shell),
    Man,
    /// Help or the version, as clap has written it.
    Show(String),
}

/// One call of the program.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) home: Home,
    pub(crate) output: Output,
    pub(crate) action: Action,
}

/// Parses the arguments of this process, the program's name first.
///
/// # Errors
/// A usage error: what cannot be understood, or cannot be meant.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Invocation, Error> {
    let arguments = &arguments::help_asked_for(arguments)?[..];
    let home = arguments::home(arguments);
    let items = arguments::items(&home, arguments)?;
    let matches = match grammar::command(&items).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return refused_by_grammar(home, &error),
    };
    let output = Output {
        format: match text(&matches, "format").as_deref() {
            Some("json") => Format::Json,
            Some("jsonl") => Format::JsonLines,
            _ => Format::Human,
        },
        quiet: matches.get_flag("quiet"),
    };
    Ok(Invocation {
        action: action(&matches, &items)?,
        home,
        output,
    })
}

/// Help is an answer; everything else that clap says is a usage error, in our form.
fn refused_by_grammar(home: Home, error: &clap::Error) -> Result<Invocation, Error> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let rendered = error.render().to_string();
    if matches!(error.kind(), DisplayHelp | DisplayVersion) {
        let output = Output {
            format: Format::Human,
            quiet: false,
        };
        return Ok(Invocation {
            home,
            output,
            action: Action::Show(rendered),
        });
    }
    let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned();
    let details: Vec<String> = lines
        .filter(|line| {
            !line.starts_with("Usage:") && !line.starts_with("For more") && !line.starts_with("batt ")
        })
        .map(str::to_owned)
        .collect();
    let error = Error::usage(message.replace('\'', "`"));
    let error = details.iter().fold(error, |error, detail| {
        error.hint(detail.trim_start_matches("tip: ").replace('\'', "`"))
    });
    Err(error.hint("`batt --help` shows what there is."))
}

fn action(matches: &ArgMatches, items: &ItemOptions) -> Result<Action, Error> {
    let path = |matches: &ArgMatches| {
        text(matches, "path")
            .map(|text| text.parse::<Pattern>())
            .transpose()
    };
    let Some((name, inner)) = matches.subcommand() else {
        return Ok(Action::Run {
            services: requests(matches, items)?,
            path: path(matches)?,
            wait: text(matches, "wait").map_or(Ok(Duration::ZERO), |text| parse_duration(&text))?,
            jobs: matches.get_one::<u8>("jobs").map(|jobs| usize::from(*jobs)),
            dry_run: matches.get_flag("dry-run"),
        });
    };
    let run = || text(inner, "run").map(|text| text.parse::<RunId>()).transpose();
    let required_run = || run()?.ok_or_else(|| Error::usage("no run was named"));
    Ok(match name {
        "list" => Action::List(match text(inner, "which").as_deref() {
            Some("disabled") => Listing::Disabled,
            Some("available") => Listing::Available,
            _ => Listing::Enabled,
        }),
        "enable" => Action::Enable(services(inner)?),
        "disable" => Action::Disable(services(inner)?),
        "init" => Action::Init {
            new_id: inner.get_flag("new-id"),
        },
        "accept" => Action::Accept(text(inner, "id").ok_or_else(|| Error::usage("no backup was named"))?),
        "backups" => Action::Backups(keeping::shown(inner, services(inner)?, path(inner)?)),
        "purge" => Action::Purge(keeping::purge_request(inner, services(inner)?, path(inner)?)?),
        "pin" | "unpin" => Action::Pin {
            id: text(inner, "id").unwrap_or_default(),
            pinned: name == "pin",
        },
        "verify" => match inner.get_one::<PathBuf>("from") {
            Some(folder) => Action::VerifyFolder(folder.clone()),
            None => Action::Verify {
                services: services(inner)?,
                all: inner.get_flag("all"),
            },
        },
        "runs" => Action::Runs,
        "logs" => logs(inner)?,
        "attach" => Action::Attach(required_run()?),
        "cancel" => Action::Cancel(required_run()?),
        "check" => Action::Check { path: path(inner)? },
        "serve" => Action::Serve { path: path(matches)? },
        "supervise" => Action::Supervise(required_run()?),
        "launch" => launch(inner)?,
        "store" => Action::Store {
            check: text(inner, "check"),
            vet: text(inner, "vet"),
            inventories: files(inner, "inventory"),
            recorded: files(inner, "record"),
            retries: inner.get_one("retry").copied().unwrap_or(0),
            name: raw(inner, "name"),
            command: trailing(inner),
        },
        "interleave" => Action::Interleave(InterleaveRequest {
            rows: inner.get_one("rows").copied().unwrap_or(1),
            command: trailing(inner),
        }),
        "load" if inner.get_flag("needs") => Action::Needs {
            check: text(inner, "check"),
            name: raw(inner, "name"),
        },
        "load" => Action::Load {
            check: text(inner, "check"),
            part: text(inner, "part"),
            mark: text(inner, "mark"),
            behind: inner
                .get_many::<u64>("behind")
                .unwrap_or_default()
                .copied()
                .collect(),
            seekable: inner.get_one::<u64>("seekable").copied(),
            name: raw(inner, "name"),
            command: trailing(inner),
        },
        "show" => Action::ShowPath(ShowRequest {
            path: inner.get_one::<PathBuf>("path").cloned().unwrap_or_default(),
            command: trailing(inner),
        }),
        "as" => Action::As(as_request(inner)),
        "stage" => Action::Stage {
            path: paths(inner).into_iter().next().unwrap_or_default(),
            command: trailing(inner),
        },
        "place" => placement(inner)?,
        "aside" => Action::Aside {
            with: endings(inner),
            path: paths(inner).into_iter().next().unwrap_or_default(),
        },
        "restore" => Action::Restore(restore::restore(inner, items)?),
        "drill" => Action::Drill(restore::drill(inner)?),
        "record" => Action::Record {
            of: inner.get_one::<OsString>("of").cloned(),
            fact: (!inner.get_flag("lines")).then(|| (raw(inner, "key"), raw(inner, "value"))),
        },
        "missing" => Action::Missing {
            name: raw(inner, "name"),
            reason: raw(inner, "why"),
        },
        "recall" if inner.get_flag("differs") => Action::Differs {
            of: raw(inner, "of"),
            only: inner.get_many("only").unwrap_or_default().cloned().collect(),
        },
        "recall" if inner.get_flag("known") => Action::Known { of: raw(inner, "of") },
        "recall" => Action::Recall {
            of: inner.get_one::<OsString>("of").cloned(),
            keys: inner.get_many("key").unwrap_or_default().cloned().collect(),
        },
        "completions" => match inner.get_one::<clap_complete::Shell>("shell") {
            Some(shell) => Action::Completions(*shell),
            None => return Err(Error::usage("no shell was named")),
        },
        "man" => Action::Man,
        other => return Err(Error::usage(format!("unknown command `{other}`"))),
    })
}

/// Refuses `batt mysql list`: no service has the name of a command, so it was meant as one.
fn refuse_command_among(services: &[Service]) -> Result<(), Error> {
    let command = services
        .iter()
        .find(|service| SUBCOMMANDS.contains(&service.name().as_str()));
    command.map_or(Ok(()), |command| {
        Err(Error::usage(format!(
            "`{command}` is a command, and stands where services are named"
        ))
        .hint(format!(
            "Write `batt {command} ...`, or leave `{command}` out to back up."
        )))
    })
}

/// Collects the named services, and those that options for items imply, in the order of the command line as far as
/// it is known: services first.
fn requests(matches: &ArgMatches, items: &ItemOptions) -> Result<Vec<ServiceRequest>, Error> {
    let named = services(matches)?;
    refuse_command_among(&named)?;
    let mut requests: Vec<ServiceRequest> = named
        .into_iter()
        .map(|service| ServiceRequest {
            service,
            items: Vec::new(),
        })
        .collect();
    for (name, (_, owner)) in items {
        let Some(values) = matches.get_many::<String>(&grammar::item_id(name)) else {
            continue;
        };
        let service = Service::from(grammar::only_owner(name, owner)?.clone());
        let values: Vec<String> = values.cloned().collect();
        match requests.iter_mut().find(|request| request.service == service) {
            Some(request) => request.items.extend(values),
            None => requests.push(ServiceRequest {
                service,
                items: values,
            }),
        }
    }
    Ok(requests)
}

fn logs(matches: &ArgMatches) -> Result<Action, Error> {
    // `batt logs --last mysql` has its service in the place of the run.
    let (mut run, mut service) = (text(matches, "run"), text(matches, "service"));
    if service.is_none()
        && run
            .as_deref()
            .is_some_and(|word| word.parse::<RunId>().is_err() && word.parse::<Service>().is_ok())
    {
        service = run.take();
    }
    if let Some(run) = run.as_ref().filter(|_| matches.get_flag("last")) {
        return Err(Error::usage(format!(
            "`--last` and the run {} cannot both be meant",
            batt_protocol::text::quoted(run)
        )));
    }
    Ok(Action::Logs {
        run: run.map(|text| text.parse()).transpose()?,
        service: service.map(|text| text.parse()).transpose()?,
        raw: matches.get_flag("raw"),
    })
}

fn launch(matches: &ArgMatches) -> Result<Action, Error> {
    let file = matches.get_one::<PathBuf>("failure-file");
    let (Some(script), Some(failure_file)) = (trailing(matches).into_iter().next(), file) else {
        return Err(Error::usage("nothing to launch"));
    };
    Ok(Action::Launch(LaunchRequest {
        failure_file: failure_file.clone(),
        cgroup: matches.get_one::<PathBuf>("cgroup").cloned(),
        nice: matches.get_one::<i32>("nice").copied(),
        memory: matches.get_one::<u64>("memory").copied(),
        cell: matches.get_one::<Cell>("cell").cloned(),
        inside: matches.get_flag("inside"),
        script: script.into(),
    }))
}

pub(super) fn services(matches: &ArgMatches) -> Result<Vec<Service>, Error> {
    matches
        .get_many::<String>("services")
        .unwrap_or_default()
        .map(|text| text.parse())
        .collect()
}

fn files(matches: &ArgMatches, id: &str) -> Vec<PathBuf> {
    matches.get_many(id).into_iter().flatten().cloned().collect()
}

pub(super) fn text(matches: &ArgMatches, id: &str) -> Option<String> {
    matches.try_get_one::<String>(id).ok().flatten().cloned()
}

#[cfg(test)]
mod tests;
