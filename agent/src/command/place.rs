//! `batt place` and `batt aside`: a restore puts what it made into its place, and keeps what was there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, ExitCode};

use crate::console::Console;
use crate::place::{self, Happened, Placement};

/// Puts something into its place.
pub(crate) fn place(placement: &Placement, path: &Path, console: &mut Console) -> Result<ExitCode, Error> {
    placement.put(path, &mut |happened| match happened {
        Happened::Kept(path) => console.result(&kept(&path)),
        Happened::NotGivenAway(what) => console.result(&what),
    })?;
    Ok(ExitCode::OK)
}

/// Finds out whether places are free.
pub(crate) fn require_free(with: &[OsString], paths: &[PathBuf]) -> Result<ExitCode, Error> {
    for path in paths {
        place::require_free(path, with, place::is_to_replace())?;
    }
    Ok(ExitCode::OK)
}

/// Keeps what is at a path beside.
pub(crate) fn aside(path: &Path, with: &[OsString], console: &mut Console) -> Result<ExitCode, Error> {
    place::aside(path, with, &mut |path| console.result(&kept(&path)))?;
    Ok(ExitCode::OK)
}

fn kept(path: &Path) -> String {
    format!("kept: {}", path.display())
}
