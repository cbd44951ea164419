//! What is said of keeping backups: `backups`, `purge`, `pin` and `unpin`.

use std::time::Duration;

use batt_protocol::{Error, Service, parse_duration};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::grammar::{path_argument, services_argument, wait_argument};
use crate::pattern::Pattern;
use crate::retention::{Period, Rules};

/// What `batt backups` shall show.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) services: Vec<Service>,
    /// Makes the catalogue again from the manifests first, and looks where this pattern puts backups too.
    pub(crate) rebuild: Option<Option<Pattern>>,
}

/// What `batt purge` shall do.
#[derive(Debug)]
pub(crate) struct PurgeRequest {
    pub(crate) services: Vec<Service>,
    /// In place of those of batt.toml, unless there is none.
    pub(crate) rules: Rules,
    /// Only what lies where this pattern puts backups.
    pub(crate) path: Option<Pattern>,
    pub(crate) wait: Duration,
    pub(crate) dry_run: bool,
    /// A person says that the clock is right.
    pub(crate) clock_is_right: bool,
}

pub(super) fn commands() -> Vec<Command> {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("the backup, as `batt --format json backups` names it")
    };
    vec![
        Command::new("backups")
            .about("Show what is published")
            .arg(services_argument("only of these services"))
            .arg(
                Arg::new("rebuild")
                    .long("rebuild")
                    .action(ArgAction::SetTrue)
                    .help("make the catalogue again from the manifests of the backups"),
            )
            .arg(
                path_argument()
                    .requires("rebuild")
                    .help("look where this pattern puts backups too, and not only where runs have put them"),
            ),
        Command::new("purge")
            .about("Remove the backups that the rules of retention allow to go")
            .arg(services_argument("only of these services"))
            .args(rule_arguments())
            .arg(path_argument().help("only backups that lie where this pattern puts them"))
            .arg(
                Arg::new("dry-run")
                    .short('n')
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("tell of each backup why it would stay or go, and change nothing"),
            )
            .arg(
                Arg::new("clock-is-right")
                    .long("clock-is-right")
                    .action(ArgAction::SetTrue)
                    .help("believe the clock, though it jumped or backups are dated ahead of it"),
            )
            .arg(wait_argument()),
        Command::new("pin")
            .about("Keep a backup whatever the rules of retention say")
            .arg(id()),
        Command::new("unpin")
            .about("Leave a backup to the rules of retention again")
            .arg(id()),
    ]
}

fn rule_arguments() -> Vec<Arg> {
    let number = |long: &'static str, help: &'static str| {
        Arg::new(long)
            .long(long)
            .value_name("N")
            .value_parser(clap::value_parser!(u32).range(..=i64::from(Rules::MOST)))
            .help_heading("Rules, in place of those of batt.toml")
            .help(help)
    };
    vec![
        number("max-days", "nothing that is older; alone: all that is younger")
            .value_parser(clap::value_parser!(u32).range(..=i64::from(Rules::MOST_DAYS))),
        // None of the newest would be all that there is.
        number("keep-last", "the newest N")
            .value_parser(clap::value_parser!(u32).range(1..=i64::from(Rules::MOST))),
        number("keep-hourly", "the newest of each of the last N hours with one"),
        number("keep-daily", "the newest of each of the last N days with one"),
        number("keep-weekly", "the newest of each of the last N weeks with one"),
        number("keep-monthly", "the newest of each of the last N months with one"),
        number("keep-yearly", "the newest of each of the last N years with one"),
        Arg::new("keep-within")
            .long("keep-within")
            .value_name("DURATION")
            .help_heading("Rules, in place of those of batt.toml")
            .help("all that are at most so much older than the newest: `7d`"),
    ]
}

pub(super) fn shown(matches: &ArgMatches, services: Vec<Service>, path: Option<Pattern>) -> Shown {
    Shown {
        services,
        rebuild: matches.get_flag("rebuild").then_some(path),
    }
}

pub(super) fn purge_request(
    matches: &ArgMatches,
    services: Vec<Service>,
    path: Option<Pattern>,
) -> Result<PurgeRequest, Error> {
    let number = |id: &str| matches.get_one::<u32>(id).copied();
    let period = |period: Period| number(&period.rule().replace('_', "-"));
    let duration = |id: &str| {
        let text = matches.get_one::<String>(id);
        text.map(|text| parse_duration(text)).transpose()
    };
    Ok(PurgeRequest {
        services,
        rules: Rules {
            max_days: number("max-days"),
            keep_last: number("keep-last"),
            keep_hourly: period(Period::Hour),
            keep_daily: period(Period::Day),
            keep_weekly: period(Period::Week),
            keep_monthly: period(Period::Month),
            keep_yearly: period(Period::Year),
            keep_within: duration("keep-within")?,
        },
        path,
        wait: duration("wait")?.unwrap_or_default(),
        dry_run: matches.get_flag("dry-run"),
        clock_is_right: matches.get_flag("clock-is-right"),
    })
}
