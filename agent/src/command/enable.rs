//! `batt enable` and `batt disable`: the links of scripts-enabled.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use batt_protocol::{Error, ExitCode, Service};

use crate::console::Console;
use crate::files;
use crate::home::Home;
use crate::script::Shelf;

/// Makes services run by default. All names are looked at before anything is changed.
pub(crate) fn enable(home: &Home, services: &[Service], console: &mut Console) -> Result<ExitCode, Error> {
    let shelf = Shelf::read(home)?;
    for service in services {
        if let Some(refusal) = shelf.script(service.name())?.refusal() {
            return Err(refusal);
        }
    }
    files::make_private_folder(&home.scripts_enabled())?;
    for service in services {
        let link = home.link(service);
        let target = Path::new("../scripts-available").join(format!("backup-{}", service.name()));
        match symlink(&target, &link) {
            Ok(()) => console.result(&format!("{service}: enabled")),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                console.result(&format!("{service}: already enabled"));
            }
            Err(cause) => {
                return Err(Error::system(
                    format!("cannot make the link `{}`", link.display()),
                    cause,
                ));
            }
        }
    }
    Ok(ExitCode::OK)
}

/// Makes services run only when they are named.
pub(crate) fn disable(home: &Home, services: &[Service], console: &mut Console) -> Result<ExitCode, Error> {
    let shelf = Shelf::read(home)?;
    for service in services {
        // A link whose script is gone can be removed; a name that is nothing is a mistake.
        if fs::symlink_metadata(home.link(service)).is_err() {
            shelf.script(service.name())?;
        }
    }
    for service in services {
        let link = home.link(service);
        match fs::symlink_metadata(&link) {
            Err(_) => console.result(&format!("{service}: already disabled")),
            Ok(metadata) if !metadata.is_symlink() => {
                return Err(Error::refused(format!("`{}` is not a link", link.display()))
                    .hint("A script that lies there is not removed; move it to scripts-available."));
            }
            Ok(_) => {
                fs::remove_file(&link).map_err(|cause| {
                    Error::system(format!("cannot remove the link `{}`", link.display()), cause)
                })?;
                console.result(&format!("{service}: disabled"));
            }
        }
    }
    Ok(ExitCode::OK)
}
