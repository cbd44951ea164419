//! `batt accept`: a person takes a suspicious backup as the new normal.

use batt_protocol::text::{quoted, suggestion};
use batt_protocol::{BackupState, Error, ExitCode};
use chrono::Utc;

use crate::backup::{self, Catalogue, Entry, Expected, Line, Mark, marks};
use crate::cancellation::Cancellation;
use crate::console::Console;
use crate::home::Home;
use crate::host;

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
    Ok(ExitCode::OK)
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
