//! One backup that is read again, and what is remembered of it.

use std::path::Path;
use std::time::Duration;

use batt_protocol::text::quoted;
use batt_protocol::{Error, ExitCode, VerifiedBackup};
use chrono::Utc;

use crate::backup::{self, Catalogue, Entry, Expected, Line, Verification};
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::{host, lock, trust};

/// What came of reading a backup.
pub(super) enum Read {
    /// It was read to its end: this is what it is.
    Whole(VerifiedBackup),
    /// It made way for another one meanwhile, or is about to: nothing can be said of it, and this can be said of that.
    Gone(String),
    /// Somebody wished to stop.
    Stopped,
}

/// Verifies a backup of the catalogue and remembers what it is.
///
/// # Errors
/// A catalogue that cannot be read or written.
pub(super) fn known(home: &Home, entry: &Entry, cancellation: &Cancellation) -> Result<Read, Error> {
    let id = entry.id();
    let expected = Expected {
        id: &id,
        manifest_sha256: &entry.manifest_sha256,
    };
    let goes_on = || !cancellation.is_requested();
    let Some(found) = backup::verify_while(&entry.path, Some(expected), &goes_on) else {
        return Ok(Read::Stopped);
    };
    // A run or a purge may be at work on it just now: then what was found is not damage.
    let lock = if found.damages.is_empty() {
        None
    } else {
        match lock::service(home, &entry.service, Duration::ZERO, cancellation) {
            Err(busy) if busy.exit() == ExitCode::BUSY && !still_lies(entry) => {
                return Ok(Read::Gone(format!(
                    "`{id}` is not judged: another run of `{}` is at work in its place",
                    entry.service
                )));
            }
            Err(busy) if busy.exit() == ExitCode::BUSY => None,
            locked => Some(locked?),
        }
    };
    if !found.damages.is_empty() {
        match now_known(home, entry)? {
            Known::Here => {}
            // It stepped aside for a newer one while it was read.
            Known::There(moved) => {
                drop(lock);
                return known(home, &moved, cancellation);
            }
            Known::Gone => {
                return Ok(Read::Gone(format!(
                    "`{id}` is not judged: it was replaced or removed meanwhile"
                )));
            }
        }
    }
    let verified = found.damages.is_empty();
    let known = Line::Verified {
        id,
        at: verified.then(Utc::now),
    };
    backup::remember(home, &known)?;
    Ok(Read::Whole(told(found, &entry.path, Vec::new())))
}

/// Tells whether this very backup lies where it should, damaged as it may be.
fn still_lies(entry: &Entry) -> bool {
    backup::Manifest::read(&entry.path).is_ok_and(|manifest| manifest.id() == entry.id())
}

/// What the catalogue says of a backup by now.
enum Known {
    /// It is where it was.
    Here,
    /// It stands at another place.
    There(Box<Entry>),
    /// It is not there any more, or another one is.
    Gone,
}

fn now_known(home: &Home, entry: &Entry) -> Result<Known, Error> {
    let catalogue = Catalogue::read(home)?;
    let Some(known) = catalogue.entries().find(|known| known.id() == entry.id()) else {
        return Ok(Known::Gone);
    };
    if known.path != entry.path {
        return Ok(Known::There(Box::new(known.clone())));
    }
    let last = catalogue.entries().rev().find(|known| known.path == entry.path);
    Ok(match last {
        Some(last) if last.id() == entry.id() => Known::Here,
        _ => Known::Gone,
    })
}

/// Verifies the backup in a folder; where this home remembers it, it is held to what is remembered. None when somebody
/// wished to stop.
///
/// # Errors
/// A folder that is not there.
pub(super) fn in_folder(
    home: &Home,
    folder: &Path,
    cancellation: &Cancellation,
) -> Result<Option<VerifiedBackup>, Error> {
    let folder = std::fs::canonicalize(folder).map_err(|cause| {
        Error::usage(format!(
            "cannot open {}: {cause}",
            quoted(&folder.display().to_string())
        ))
        .hint("`--from` takes the folder of one backup, with its manifest.json in it.")
    })?;
    let id = backup::Manifest::read(&folder).map(|manifest| manifest.id()).ok();
    // A home that is not there, or cannot be read, is no reason not to read a folder.
    let catalogue = if trust::require_trusted_home(home).is_ok() {
        Catalogue::read(home).unwrap_or_default()
    } else {
        Catalogue::default()
    };
    let remembered = catalogue
        .entries()
        .find(|entry| id.as_deref() == Some(entry.id().as_str()));
    let expected = remembered.zip(id.as_deref()).map(|(entry, id)| Expected {
        id,
        manifest_sha256: &entry.manifest_sha256,
    });
    let goes_on = || !cancellation.is_requested();
    let Some(found) = backup::verify_while(&folder, expected, &goes_on) else {
        return Ok(None);
    };
    let own = host::known_host_id(home).ok().flatten();
    let remarks = found.host.iter().filter(|(_, id)| own.as_ref() != Some(id));
    let remarks = remarks
        .map(|(name, _)| format!("it is a backup of the host {}", quoted(name)))
        .collect();
    Ok(Some(told(found, &folder, remarks)))
}

fn told(found: Verification, path: &Path, mut remarks: Vec<String>) -> VerifiedBackup {
    let verified = found.damages.is_empty();
    remarks.extend(found.remarks);
    VerifiedBackup {
        id: found.id,
        items: found.items,
        path: path.display().to_string(),
        verified,
        reason: (!verified).then(|| found.damages.join("\n")),
        remarks,
    }
}
