//! `batt load [--check KIND] NAME -- COMMAND [ARG...]`: hands an archive of a verified backup to a command, decompressed, on its stdin.
//! No shell, no pipe that hides an exit code: what began and did not end well is in the ledger, and fails the restore.

mod error;
mod intake;
mod vetted;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::archive::{Kind, UnpackError, unpack};
use crate::backup::{ArchiveRecord, Manifest, open_verified};
use crate::ledger::{Entry, LoadEnded, ScriptEnvironment, append};
pub(crate) use error::LoadError;
use intake::Intake;
use vetted::Vetted;

/// The variable that tells the command how many bytes it will get: what it makes of them needs room.
const LENGTH: &str = "BATT_RAW_BYTES";

/// What a script asks for.
#[derive(Debug, Clone)]
pub(crate) struct LoadRequest {
    /// The name of the archive, as it was stored under.
    pub(crate) name: OsString,
    /// What it must be a complete one of, and safe to restore.
    pub(crate) check: Option<Kind>,
    /// The folder of the backup.
    pub(crate) source: PathBuf,
    /// The program.
    pub(crate) command: OsString,
    /// Its arguments, each exactly one.
    pub(crate) arguments: Vec<OsString>,
}

/// Runs the command with the archive on its stdin.
///
/// It succeeds only when the file is the one that the manifest names, byte for byte, when all of its content went into
/// the command, and when the command ended with exit code 0 and had taken everything.
pub(crate) fn load(request: &LoadRequest, environment: &ScriptEnvironment) -> Result<(), LoadError> {
    let name = request.name.to_string_lossy().into_owned();
    let call = std::process::id();
    let folder = environment.staging();
    let ledger = |error: std::io::Error| LoadError::Ledger(error.to_string());
    append(
        folder,
        &Entry::LoadBegan {
            name: name.clone(),
            call,
        },
    )
    .map_err(ledger)?;
    let begun = Instant::now();
    match loaded(request, folder, &name) {
        Ok(raw_bytes) => append(
            folder,
            &Entry::LoadEnded(LoadEnded {
                name,
                call,
                raw_bytes,
                seconds: begun.elapsed().as_secs_f64(),
            }),
        )
        .map_err(ledger),
        Err(error) => {
            // Where this line cannot be written, the load is one that never ended, and fails the restore too.
            let reason = error.to_string();
            let _ = append(folder, &Entry::LoadFailed { name, call, reason });
            Err(error)
        }
    }
}

/// Hands the archive over and returns the length of its content.
fn loaded(request: &LoadRequest, folder: &Path, name: &str) -> Result<u64, LoadError> {
    // The manifest as it was verified, not as it may be by now.
    let manifest = Manifest::read(folder).map_err(|error| LoadError::Manifest(error.to_string()))?;
    let archive = manifest
        .archive_named(name)
        .ok_or_else(|| LoadError::Unknown(manifest.archives.iter().map(known).collect()))?;
    let file = open_verified(&request.source, folder, archive).map_err(LoadError::Unopened)?;
    let length = [(LENGTH, archive.raw_bytes.to_string())];
    let mut intake = Intake::start(&request.command, &request.arguments, &length)?;
    let mut vetted = Vetted::new(&mut intake, request.check, archive.raw_bytes);
    let handed = unpack(file, &archive.file, &mut vetted);
    let damaged = |what: String| LoadError::Damaged(archive.file.clone(), what);
    if let Some(objection) = vetted.objection(handed.is_ok()) {
        intake.kill();
        return Err(damaged(objection));
    }
    let unpacked = match handed {
        Ok(unpacked) => unpacked,
        Err(UnpackError::Damage(damage)) => {
            // It must not take the part that it got for the whole.
            intake.kill();
            return Err(damaged(damage.to_string()));
        }
        Err(UnpackError::Taker(cause)) => return Err(intake.refusal(&cause)),
    };
    if (unpacked.bytes, &unpacked.sha256) != (archive.bytes, &archive.sha256) {
        intake.kill();
        return Err(damaged("it was changed: its SHA-256 differs".to_owned()));
    }
    intake.finish()?;
    Ok(unpacked.raw_bytes)
}

/// Returns the name by which an archive is asked for.
fn known(archive: &ArchiveRecord) -> String {
    archive.called().to_owned()
}
