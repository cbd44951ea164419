//! `[drill]` as it is written and as it is meant.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use batt_protocol::{Error, parse_duration, parse_size};
use serde::Deserialize;
use toml::Spanned;

use super::written::Problem;

/// The section, before it is interpreted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDrill {
    max_duration: Option<Spanned<String>>,
    memory: Option<Spanned<String>>,
    scratch: Option<Spanned<String>>,
    unconfined: Option<bool>,
    processes: Option<Spanned<i64>>,
    disk: Option<Spanned<String>>,
    cpu: Option<Spanned<String>>,
    programs: Option<Vec<Spanned<String>>>,
}

/// Within which limits a drill runs, and where. What is not set is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DrillSettings {
    max_duration: Option<Duration>,
    memory: Option<u64>,
    scratch: Option<PathBuf>,
    unconfined: Option<bool>,
    processes: Option<u64>,
    disk: Option<u64>,
    cpu: Option<Duration>,
    programs: Option<Vec<PathBuf>>,
}

impl DrillSettings {
    /// A rehearsal that takes longer than this is stuck, or is of what is so large that somebody should say it.
    const MAX_DURATION: Duration = Duration::from_secs(6 * 3600);
    /// More than any engine needs for one client, and few enough to be ended.
    const PROCESSES: u64 = 512;
    /// What an engine takes on the disk beside the content.
    const DISK_OF_AN_ENGINE: u64 = 4 << 30;

    /// Returns the longest that a drill may take.
    pub(crate) fn max_duration(&self) -> Duration {
        self.max_duration.unwrap_or(Self::MAX_DURATION)
    }

    /// Returns the bytes of memory that a drill may take; none is as by default.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// Returns the folder below which a drill works; none is where restores do.
    pub(crate) fn scratch(&self) -> Option<&Path> {
        self.scratch.as_deref()
    }

    /// Tells whether a drill does without namespaces of its own.
    pub(crate) fn is_unconfined(&self) -> bool {
        self.unconfined.unwrap_or(false)
    }

    /// Returns how many processes and threads a drill may have at a time.
    pub(crate) fn processes(&self) -> u64 {
        self.processes.unwrap_or(Self::PROCESSES)
    }

    /// Returns the bytes that a drill may write, of a backup whose archives hold so many: an engine keeps indexes, a log
    /// and what it sorts beside them.
    pub(crate) fn disk(&self, content: u64) -> u64 {
        let usual = content.saturating_mul(4).saturating_add(Self::DISK_OF_AN_ENGINE);
        self.disk.unwrap_or(usual)
    }

    /// Returns the time of processors that a drill may take; none is without a limit.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.cpu
    }

    /// Returns further folders with programs.
    pub(crate) fn programs(&self) -> &[PathBuf] {
        self.programs.as_deref().unwrap_or_default()
    }

    /// Returns these settings, and below them others.
    pub(super) fn over(&self, below: &Self) -> Self {
        Self {
            max_duration: self.max_duration.or(below.max_duration),
            memory: self.memory.or(below.memory),
            scratch: self.scratch.clone().or_else(|| below.scratch.clone()),
            unconfined: self.unconfined.or(below.unconfined),
            processes: self.processes.or(below.processes),
            disk: self.disk.or(below.disk),
            cpu: self.cpu.or(below.cpu),
            programs: self.programs.clone().or_else(|| below.programs.clone()),
        }
    }

    pub(super) fn mean(written: WrittenDrill) -> Result<Self, Problem> {
        let max_duration = written
            .max_duration
            .map(|value| Problem::at(&value, |text| parse_duration(text)));
        let bytes = |name: &'static str, written: Option<Spanned<String>>| {
            let value = written.map(|value| {
                Problem::at(&value, |text| match parse_size(text)? {
                    0 => Err(Error::usage(format!("`{name}` must be more than nothing"))),
                    bytes => Ok(bytes),
                })
            });
            value.transpose()
        };
        let scratch = written
            .scratch
            .map(|value| Problem::at(&value, |text| whole_path("scratch", text)));
        let processes = written.processes.map(|value| {
            Problem::at(&value, |number| match u64::try_from(*number) {
                Ok(number) if number >= 16 => Ok(number),
                _ => Err(Error::usage("`processes` must be 16 or more")),
            })
        });
        let cpu = written.cpu.map(|value| {
            Problem::at(&value, |text| match parse_duration(text)? {
                Duration::ZERO => Err(Error::usage("`cpu` must be more than nothing")),
                time => Ok(time),
            })
        });
        let programs = written.programs.map(|values| {
            let paths = values.iter();
            paths
                .map(|value| Problem::at(value, |text| whole_path("programs", text)))
                .collect::<Result<Vec<PathBuf>, Problem>>()
        });
        Ok(Self {
            max_duration: max_duration.transpose()?,
            memory: bytes("memory", written.memory)?,
            scratch: scratch.transpose()?,
            unconfined: written.unconfined,
            processes: processes.transpose()?,
            disk: bytes("disk", written.disk)?,
            cpu: cpu.transpose()?,
            programs: programs.transpose()?,
        })
    }
}

fn whole_path(name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = PathBuf::from(text);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    match path.is_absolute() && plain && path.file_name().is_some() {
        true => Ok(path),
        false => Err(Error::usage(format!("`{name}` must be a whole path"))),
    }
}
