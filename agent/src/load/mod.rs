//! `batt load [--check KIND] [--part PART] NAME -- COMMAND [ARG...]`: hands an archive of a verified backup to a command, decompressed, on its stdin.
//! No shell, no pipe that hides an exit code: what began and did not end well is in the ledger, and fails the restore.

mod error;
mod intake;
mod vetted;

use std::ffi::OsString;
use std::time::Instant;

use crate::archive::{Damage, Kind, Stage, UnpackError, unpack};
use crate::hatch::{Desk, Unavailable};
use crate::ledger::{Entry, LoadEnded};
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
    /// What of it the command gets.
    pub(crate) stage: Stage,
    /// The program.
    pub(crate) command: OsString,
    /// Its arguments, each exactly one.
    pub(crate) arguments: Vec<OsString>,
}

/// Runs the command with the archive on its stdin.
///
/// It succeeds only when the file is the one that the manifest names, byte for byte, when all of its content went into
/// the command, and when the command ended with exit code 0 and had taken everything.
pub(crate) fn load(request: &LoadRequest, desk: &Desk) -> Result<(), LoadError> {
    let name = request.name.to_string_lossy().into_owned();
    let call = std::process::id();
    let ledger = |error: std::io::Error| LoadError::Ledger(error.to_string());
    let began = Entry::LoadBegan {
        name: name.clone(),
        call,
    };
    desk.note(&began).map_err(ledger)?;
    let begun = Instant::now();
    match loaded(request, desk, &name) {
        Ok(raw_bytes) => {
            let ended = Entry::LoadEnded(LoadEnded {
                name,
                call,
                raw_bytes,
                seconds: begun.elapsed().as_secs_f64(),
            });
            desk.note(&ended).map_err(ledger)
        }
        Err(error) => {
            // Where this line cannot be written, the load is one that never ended, and fails the restore too.
            let reason = error.to_string();
            let _ = desk.note(&Entry::LoadFailed {
                name,
                call,
                reason,
                evidence: error.evidence(),
            });
            Err(error)
        }
    }
}

/// Hands the archive over and returns the length of its content.
fn loaded(request: &LoadRequest, desk: &Desk, name: &str) -> Result<u64, LoadError> {
    let (archive, file) = desk.archive(name).map_err(|unavailable| match unavailable {
        Unavailable::Unknown(names) => LoadError::Unknown(names),
        Unavailable::Unreadable(reason) => LoadError::Unopened(reason),
        Unavailable::NoBackup => LoadError::NoBackup,
    })?;
    let length = [(LENGTH, archive.raw_bytes.to_string())];
    let mut intake = Intake::start(&request.command, &request.arguments, &length)?;
    let mut vetted = Vetted::new(&mut intake, request.check, request.stage, archive.raw_bytes);
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
            return Err(match damage {
                Damage::TooWide(_) | Damage::Unreadable(_) => {
                    LoadError::Unread(archive.file.clone(), damage.to_string())
                }
                damage => damaged(damage.to_string()),
            });
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
