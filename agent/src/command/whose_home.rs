//! Whose the home is. Who may not read it would find nothing in it, and must not be told that there is nothing.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use batt_protocol::Error;
use batt_protocol::text::quoted;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::home::Home;
use crate::host;

/// Refuses who may not read a home that is there.
///
/// # Errors
/// It is another account's.
pub(super) fn require_readable(home: &Home) -> Result<(), Error> {
    let places = [home.root().to_owned(), home.conf(), home.var()];
    if !places.iter().any(|place| is_closed(place)) {
        return Ok(());
    }
    let us = host::user();
    let owner = std::fs::metadata(home.root()).map_or(0, |metadata| metadata.uid());
    let name = host::user_numbered(owner).map_or_else(|| owner.to_string(), |user| user.name);
    let error = Error::program(format!(
        "{} belongs to `{name}`, and `{}` may not read it",
        quoted(&home.root().to_string_lossy()),
        us.name
    ));
    Err(match owner {
        0 => error.hint("Run `sudo batt`."),
        _ => error.hint(format!("Run `sudo -u {name} batt`.")),
    })
}

fn is_closed(folder: &Path) -> bool {
    accessat(CWD, folder, Access::READ_OK | Access::EXEC_OK, AtFlags::EACCESS) == Err(Errno::ACCESS)
}
