//! `batt load [--check KIND] [--part PARTS [--behind NUMBERS]] [--seekable BYTES] NAME -- COMMAND [ARG...]`: hands an archive of a verified backup to a command, decompressed, on its stdin.
//! No shell, no pipe that hides an exit code: what began and did not end well is in the ledger, and fails the restore.

mod copy;
mod error;
mod intake;
mod vetted;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use batt_protocol::text::quoted;

use crate::archive::{CheckFacts, Damage, Kind, LARGEST_STATEMENT, Stage, UnpackError, Unpacked, unpack};
use crate::hatch::{Desk, Handed, Unavailable};
use crate::ledger::{Entry, LoadEnded};
use copy::Copy;
pub(crate) use error::LoadError;
use intake::Intake;
use vetted::Vetted;

/// The variable that tells the command how many bytes it will get: what it makes of them needs room.
const LENGTH: &str = "BATT_RAW_BYTES";
/// The variable that tells the command that its stdin is a file.
const SEEKABLE: &str = "BATT_SEEKABLE";

/// When the command gets a file in place of a pipe.
#[derive(Debug, Clone)]
pub(crate) struct Seekable {
    /// The least that the archive has to hold.
    pub(crate) bytes: u64,
    /// The private folder that the file is made in.
    pub(crate) folder: PathBuf,
}

/// What a script asks for.
#[derive(Debug, Clone)]
pub(crate) struct LoadRequest {
    /// The name of the archive, as it was stored under.
    pub(crate) name: OsString,
    /// What it must be a complete one of, and safe to restore.
    pub(crate) check: Option<Kind>,
    /// What of it the command gets.
    pub(crate) stage: Stage,
    /// Whether the command may get a file.
    pub(crate) seekable: Option<Seekable>,
    /// The program.
    pub(crate) command: OsString,
    /// Its arguments, each exactly one.
    pub(crate) arguments: Vec<OsString>,
}

/// Runs the command with the archive on its stdin.
///
/// It succeeds only when the file is the one that the manifest names, byte for byte, when all of its content went into
/// the command, and when the command ended with exit code 0 and had taken everything. A command that gets a file is started when all of
/// the archive was found to be sound, and it is for the command to read it. Where it gets a pipe in place of a file, `tell` is told why.
pub(crate) fn load(request: &LoadRequest, desk: &Desk, tell: &mut dyn FnMut(&str)) -> Result<(), LoadError> {
    let name = request.name.to_string_lossy().into_owned();
    let call = std::process::id();
    let ledger = |error: std::io::Error| LoadError::Ledger(error.to_string());
    let began = Entry::LoadBegan {
        name: name.clone(),
        call,
    };
    desk.note(&began).map_err(ledger)?;
    let begun = Instant::now();
    match loaded(request, desk, &name, tell) {
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

/// Reads an archive to its end as [`load`] does, hands nothing on, and returns what is needed to restore it besides rights on its own database, a
/// line each, and last `statement BYTES`, the length of its largest one.
///
/// What must not be restored is in the ledger, as after a load. The archive does not count as loaded.
pub(crate) fn needs(name: &OsStr, kind: Kind, desk: &Desk) -> Result<Vec<String>, LoadError> {
    let name = name.to_string_lossy().into_owned();
    let read = archive(desk, &name).and_then(|(archive, file)| {
        let mut nowhere = std::io::sink();
        let mut vetted = Vetted::new(&mut nowhere, Some(kind), Stage::WHOLE, archive.raw_bytes);
        let handed = unpack(file, &archive.file, &mut vetted);
        let needs = vetted.needs().unwrap_or_default();
        let (objection, facts) = match vetted.end(handed.is_ok()) {
            Ok(facts) => (None, facts),
            Err(objection) => (Some(objection), CheckFacts::default()),
        };
        let largest = facts.get(LARGEST_STATEMENT);
        let largest = largest.map(|bytes| format!("statement {bytes}"));
        sound(&archive, handed, objection)
            .map(|_| needs.lines().into_iter().chain(largest).collect())
            .map_err(|unsound| match unsound {
                Unsound::Archive(error) => error,
                Unsound::Taker(cause) => LoadError::Machine(cause.to_string()),
            })
    });
    read.inspect_err(|error| {
        let failed = Entry::LoadFailed {
            name,
            call: std::process::id(),
            reason: error.to_string(),
            evidence: error.evidence(),
        };
        // When this line cannot be written, nothing can.
        let _ = desk.note(&failed);
    })
}

/// Returns an archive of the backup and its file.
fn archive(desk: &Desk, name: &str) -> Result<(Handed, File), LoadError> {
    desk.archive(name).map_err(|unavailable| match unavailable {
        Unavailable::Unknown(names) => LoadError::Unknown(names),
        Unavailable::Unreadable(reason) => LoadError::Unopened(reason),
        Unavailable::NoBackup => LoadError::NoBackup,
    })
}

/// Why an archive was not handed over whole.
enum Unsound {
    /// It is not what it has to be.
    Archive(LoadError),
    /// Whoever got it takes no more.
    Taker(std::io::Error),
}

/// Returns what was unpacked, where it is the archive of the manifest and nothing was objected to.
fn sound(
    archive: &Handed,
    handed: Result<Unpacked, UnpackError>,
    objection: Option<String>,
) -> Result<Unpacked, Unsound> {
    let damaged = |what: String| Unsound::Archive(LoadError::Damaged(archive.file.clone(), what));
    if let Some(objection) = objection {
        return Err(damaged(objection));
    }
    let unpacked = handed.map_err(|error| match error {
        UnpackError::Damage(damage @ (Damage::TooWide(_) | Damage::Unreadable(_))) => {
            Unsound::Archive(LoadError::Unread(archive.file.clone(), damage.to_string()))
        }
        UnpackError::Damage(damage) => damaged(damage.to_string()),
        UnpackError::Taker(cause) => Unsound::Taker(cause),
    })?;
    if (unpacked.bytes, &unpacked.sha256) != (archive.bytes, &archive.sha256) {
        return Err(damaged("it was changed: its SHA-256 differs".to_owned()));
    }
    Ok(unpacked)
}

/// Hands the archive over and returns the length of its content.
fn loaded(
    request: &LoadRequest,
    desk: &Desk,
    name: &str,
    tell: &mut dyn FnMut(&str),
) -> Result<u64, LoadError> {
    let (mut archive, mut file) = self::archive(desk, name)?;
    let wanted = request.seekable.as_ref().zip(request.check);
    if let Some((seekable, kind)) = wanted.filter(|(seekable, _)| archive.raw_bytes >= seekable.bytes) {
        match copied(&archive, file, kind, seekable) {
            Ok((copy, raw_bytes)) => {
                let variables = [(LENGTH, raw_bytes.to_string()), (SEEKABLE, "yes".to_owned())];
                return intake::run_on(copy, &request.command, &request.arguments, &variables)
                    .map(|()| raw_bytes);
            }
            Err(NoCopy::Archive(error)) => return Err(error),
            Err(NoCopy::Lack(why)) => {
                tell(&format!(
                    "{} is read as it comes, by one process: {why}",
                    quoted(name)
                ));
                (archive, file) = self::archive(desk, name)?;
            }
        }
    }
    let length = [(LENGTH, archive.raw_bytes.to_string())];
    let mut intake = Intake::start(&request.command, &request.arguments, &length)?;
    let mut vetted = Vetted::new(
        &mut intake,
        request.check,
        request.stage.clone(),
        archive.raw_bytes,
    );
    let handed = unpack(file, &archive.file, &mut vetted);
    let objection = vetted.end(handed.is_ok()).err();
    match sound(&archive, handed, objection) {
        Ok(unpacked) => {
            intake.finish()?;
            Ok(unpacked.raw_bytes)
        }
        Err(Unsound::Archive(error)) => {
            // It must not take the part that it got for the whole.
            intake.kill();
            Err(error)
        }
        Err(Unsound::Taker(cause)) => Err(intake.refusal(&cause)),
    }
}

/// Why there is no copy that can be read anywhere.
enum NoCopy {
    /// The archive is not what it has to be.
    Archive(LoadError),
    /// Something lacks here: what.
    Lack(String),
}

/// Copies the content of an archive into a file that tells where its data lie, and returns that and its length.
fn copied(archive: &Handed, file: File, kind: Kind, seekable: &Seekable) -> Result<(File, u64), NoCopy> {
    let mut copy = Copy::of(archive.raw_bytes, &seekable.folder).map_err(NoCopy::Lack)?;
    let mut vetted = Vetted::placing(&mut copy, kind, archive.raw_bytes)
        .ok_or_else(|| NoCopy::Lack(format!("a `{kind}` does not tell where its data lie")))?;
    let handed = unpack(file, &archive.file, &mut vetted);
    let (objection, facts) = match vetted.end(handed.is_ok()) {
        Ok(facts) => (None, facts),
        Err(objection) => (Some(objection), CheckFacts::default()),
    };
    let not_written =
        |cause: std::io::Error| NoCopy::Lack(format!("a copy of it cannot be written: {cause}"));
    let unpacked = sound(archive, handed, objection).map_err(|unsound| match unsound {
        Unsound::Archive(error) => NoCopy::Archive(error),
        Unsound::Taker(cause) => not_written(cause),
    })?;
    let places = facts.places().cloned().unwrap_or_default();
    let copy = copy.finish(&places).map_err(not_written)?;
    Ok((copy, unpacked.raw_bytes))
}
