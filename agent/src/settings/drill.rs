//! `[drill]` as it is written and as it is meant.

use std::path::{Path, PathBuf};
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
}

/// Within which limits a drill runs, and where. What is not set is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DrillSettings {
    max_duration: Option<Duration>,
    memory: Option<u64>,
    scratch: Option<PathBuf>,
}

impl DrillSettings {
    /// A rehearsal that takes longer than this is stuck, or is of what is so large that somebody should say it.
    const MAX_DURATION: Duration = Duration::from_secs(6 * 3600);

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

    /// Returns these settings, and below them others.
    pub(super) fn over(&self, below: &Self) -> Self {
        Self {
            max_duration: self.max_duration.or(below.max_duration),
            memory: self.memory.or(below.memory),
            scratch: self.scratch.clone().or_else(|| below.scratch.clone()),
        }
    }

    pub(super) fn mean(written: WrittenDrill) -> Result<Self, Problem> {
        let max_duration = written
            .max_duration
            .map(|value| Problem::at(&value, |text| parse_duration(text)));
        let memory = written.memory.map(|value| {
            Problem::at(&value, |text| match parse_size(text)? {
                0 => Err(Error::usage("`memory` must be more than nothing")),
                bytes => Ok(bytes),
            })
        });
        let scratch = written.scratch.map(|value| {
            Problem::at(&value, |text| {
                let path = PathBuf::from(text);
                if path.is_absolute() {
                    Ok(path)
                } else {
                    Err(Error::usage("`scratch` must be a whole path"))
                }
            })
        });
        Ok(Self {
            max_duration: max_duration.transpose()?,
            memory: memory.transpose()?,
            scratch: scratch.transpose()?,
        })
    }
}
