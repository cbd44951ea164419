//! Whose the home is. Who may not read it would find nothing in it, and must not be told that there is nothing.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use batt_protocol::Error;
use batt_protocol::text::{escaped, quoted};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::home::Home;
use crate::host;

/// Refuses who may not read a home that is there.
///
/// # Errors
/// It is closed, and whose it is where that can be seen.
pub(crate) fn require_readable(home: &Home) -> Result<(), Error> {
    let places = [
        home.root().to_owned(),
        home.conf(),
        home.scripts_available(),
        home.var(),
    ];
    let Some(closed) = places.iter().find(|place| is_closed(place)) else {
        return Ok(());
    };
    let (place, us) = (quoted(&closed.to_string_lossy()), host::user().name);
    let its_home = if home.root() == Path::new(Home::DEFAULT) {
        String::new()
    } else {
        format!(" --home {}", escaped(&home.root().to_string_lossy()))
    };
    // Below a folder that is closed itself nothing can be seen.
    let Ok(metadata) = std::fs::metadata(closed) else {
        return Err(Error::program(format!("`{us}` may not read {place}"))
            .hint("Run batt as the account that the home belongs to: `sudo batt` where that is root."));
    };
    let owner = metadata.uid();
    let name = host::user_numbered(owner).map_or_else(|| owner.to_string(), |user| user.name);
    let whom = if owner == 0 {
        String::new()
    } else {
        format!(" -u {name}")
    };
    Err(
        Error::program(format!("{place} belongs to `{name}`, and `{us}` may not read it"))
            .hint(format!("Run `sudo{whom} batt{its_home}`.")),
    )
}

fn is_closed(folder: &Path) -> bool {
    accessat(CWD, folder, Access::READ_OK | Access::EXEC_OK, AtFlags::EACCESS) == Err(Errno::ACCESS)
}
