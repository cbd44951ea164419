//! `batt pin`, `batt unpin`: a person keeps a backup, whatever the rules say.

use batt_protocol::{Error, ExitCode};
use chrono::Utc;

use crate::backup::{Catalogue, Mark, marks};
use crate::console::Console;
use crate::home::Home;
use crate::host;

/// Pins a backup, or unpins it. What is so already is success.
pub(crate) fn pin(home: &Home, id: &str, pinned: bool, console: &mut Console) -> Result<ExitCode, Error> {
    let catalogue = Catalogue::read(home)?;
    let entry = catalogue
        .entries()
        .find(|entry| entry.id() == id)
        .ok_or_else(|| unknown(id, &catalogue))?;
    let missing = || {
        Error::new(
            ExitCode::NOTHING,
            format!("the backup `{id}` is not at `{}`", entry.path.display()),
        )
        .hint("`batt backups` shows what is there; with `--rebuild` it looks anew.")
    };
    if !entry.is_there() {
        return Err(missing());
    }
    entry.require_unchanged()?;
    // One that cannot be read counts as set, and is set anew.
    let was = marks::is_set(&entry.path, Mark::Pinned).ok();
    match (pinned, was) {
        (true, Some(true)) => console.result(&format!("`{id}` is pinned already")),
        (false, Some(false)) => console.result(&format!("`{id}` is not pinned")),
        (true, _) => {
            marks::set(&entry.path, Mark::Pinned, &host::asked_by(None), Utc::now())?;
            // A purge that had begun with it has either seen the mark, or taken the backup away by now.
            if !entry.is_there() {
                return Err(missing());
            }
            console.result(&format!("pinned `{id}`"));
        }
        (false, _) => {
            marks::remove(&entry.path, Mark::Pinned)?;
            console.result(&format!("unpinned `{id}`"));
        }
    }
    Ok(ExitCode::OK)
}

fn unknown(id: &str, catalogue: &Catalogue) -> Error {
    let error = Error::new(
        ExitCode::NOTHING,
        format!("there is no backup {}", batt_protocol::text::quoted(id)),
    );
    let ids: Vec<String> = catalogue.entries().map(crate::backup::Entry::id).collect();
    match batt_protocol::text::suggestion(id, ids.iter().map(String::as_str)) {
        Some(meant) => error.hint(format!("Did you mean `{meant}`?")),
        None => error.hint("`batt --format json backups` shows their ids."),
    }
}
