//! `batt accept`: a person takes a suspicious backup as the new normal.

use std::time::Duration;

use batt_protocol::text::{quoted, suggestion};
use batt_protocol::{BackupState, Error, ExitCode};
use chrono::Utc;

use crate::backup::{self, Catalogue, Claim, Destination, Entry, Expected, Line, Manifest, Mark, marks};
use crate::cancellation::Cancellation;
use crate::console::Console;
use crate::home::Home;
use crate::host;
use crate::lock;
use crate::settings::Settings;

/// Reads a suspicious backup again, whole, and takes it as the new normal: it counts then, and later ones are compared
/// with it. What is good or accepted already is success.
pub(crate) fn accept(home: &Home, id: &str, console: &mut Console) -> Result<ExitCode, Error> {
    let catalogue = Catalogue::read(home)?;
    let entry = catalogue
        .entries()
        .find(|entry| entry.id() == id)
        .ok_or_else(|| unknown(id, &catalogue))?;
    require_there(entry)?;
    match entry.state {
        BackupState::Good => {
            console.result(&format!("`{id}` is good already"));
            return Ok(ExitCode::OK);
        }
        BackupState::Partial => {
            return Err(Error::refused(format!(
                "the backup `{id}` is partial: not all that was asked for is in it, and it never counts"
            ))
            .hint("`batt restore` takes from it what it holds; its RESTORE.md says what is missing."));
        }
        BackupState::Suspicious => {}
    }
    if entry.accepted.is_some() && marks::is_set(&entry.path, Mark::Accepted).unwrap_or(false) {
        console.result(&format!("`{id}` is accepted already"));
        return Ok(ExitCode::OK);
    }
    let cancellation = Cancellation::by_signals()?;
    let expected = Expected {
        id,
        manifest_sha256: &entry.manifest_sha256,
    };
    let goes_on = || !cancellation.is_requested();
    let Some(found) = backup::verify_while(&entry.path, Some(expected), &goes_on) else {
        return Ok(cancellation
            .requested()
            .map_or(ExitCode::PROGRAM, |wish| wish.exit()));
    };
    require_there(entry)?;
    let verified = |at| Line::Verified {
        id: id.to_owned(),
        at,
    };
    let now = Utc::now();
    if !found.damages.is_empty() {
        backup::remember(home, &verified(None))?;
        return Err(Error::new(
            ExitCode::FAILED,
            format!(
                "the backup `{id}` is damaged, and not accepted:\n{}",
                found.damages.join("\n")
            ),
        )
        .hint("Later backups are compared with the last good one, as before."));
    }
    // The mark first: from it the catalogue can be made again, and not the other way round.
    marks::set(&entry.path, Mark::Accepted, &host::asked_by(None), now)?;
    require_there(entry)?;
    backup::remember(home, &verified(Some(now)))?;
    backup::remember(
        home,
        &Line::Accepted {
            id: id.to_owned(),
            at: now,
        },
    )?;
    console.result(&format!(
        "accepted `{id}`: it counts from now on, and later backups are compared with it"
    ));
    match take_usual_place(home, id, &cancellation) {
        Ok(None) => {}
        Ok(Some(told)) => console.remark(&told),
        Err(error) => console.remark(&format!("it stays where it is: {error}")),
    }
    Ok(ExitCode::OK)
}

/// Gives the usual place of its service to what was accepted, when it is the newest that counts: whoever copies that path by hand has what is
/// meant. Returns what there is to tell of it.
///
/// # Errors
/// A run of the service meanwhile, and what [`backup::promote`] refuses. The backup is where it was then.
fn take_usual_place(home: &Home, id: &str, cancellation: &Cancellation) -> Result<Option<String>, Error> {
    let settings = Settings::read(home)?;
    let named = Catalogue::read(home)?;
    let Some(service) = named
        .entries()
        .find(|entry| entry.id() == id)
        .map(|entry| entry.service.clone())
    else {
        return Ok(None);
    };
    let _held = lock::service(home, &service, Duration::ZERO, cancellation)?;
    // As it is now that nobody else changes it.
    let catalogue = Catalogue::read(home)?;
    let Some(entry) = catalogue.entries().find(|entry| entry.id() == id) else {
        return Ok(None);
    };
    let promise = settings.promise(&service);
    let newest = catalogue
        .covering(&service, &promise)
        .find(|entry| entry.is_there());
    let own = format!("{service}~{}", entry.run);
    let (Some(path), Some(manifest)) = (entry.path.parent(), entry.manifest()) else {
        return Ok(None);
    };
    if newest.is_some_and(|newest| newest.id() != id) || !entry.path.ends_with(&own) {
        return Ok(None);
    }
    let Some(destination) = Destination::existing(path, &settings.allow_foreign)? else {
        return Ok(None);
    };
    let is_ours = |earlier: &Manifest, sha256: &str| {
        let mut entries = catalogue.entries();
        entries.any(|entry| entry.manifest_sha256 == sha256 && entry.id() == earlier.id())
    };
    let claim = Claim {
        manifest: &manifest,
        promise: &promise,
        is_ours: &is_ours,
    };
    let place = backup::promote(&destination, &claim)?;
    if let Some(reason) = place.beside {
        return Ok(Some(format!("it stays beside: {reason}")));
    }
    let moved = |id: String, path| Line::Moved { id, path };
    let aside = place
        .aside
        .iter()
        .map(|aside| moved(aside.id.clone(), aside.path.clone()));
    let lines: Vec<Line> = aside.chain([moved(entry.id(), place.path.clone())]).collect();
    backup::remember_all(home, &lines)?;
    Ok(Some(format!(
        "it has the usual place now, `{}`",
        place.path.display()
    )))
}

fn require_there(entry: &Entry) -> Result<(), Error> {
    if entry.is_there() {
        return Ok(());
    }
    Err(Error::new(
        ExitCode::NOTHING,
        format!("the backup `{}` is not at `{}`", entry.id(), entry.path.display()),
    )
    .hint("`batt backups` shows what is there."))
}

/// Suggests an id that can be accepted.
fn unknown(id: &str, catalogue: &Catalogue) -> Error {
    let error = Error::new(ExitCode::NOTHING, format!("there is no backup {}", quoted(id)));
    let waiting: Vec<String> = catalogue
        .entries()
        .filter(|entry| entry.is_suspicious())
        .map(Entry::id)
        .collect();
    match (
        suggestion(id, waiting.iter().map(String::as_str)),
        waiting.as_slice(),
    ) {
        (Some(meant), _) => error.hint(format!("Did you mean `{meant}`?")),
        (None, [.., last]) => error.hint(format!("The last suspicious one is `{last}`.")),
        (None, []) => error.hint("No suspicious backup waits to be accepted."),
    }
}
