//! `batt init`: the layout of a home.

use batt_protocol::text::count;
use batt_protocol::{Error, ExitCode};

use crate::bundle;
use crate::console::Console;
use crate::home::Home;
use crate::{host, trust};

/// Makes the layout, installs what is shipped, and gives the host its id.
pub(crate) fn init(home: &Home, new_id: bool, console: &mut Console) -> Result<ExitCode, Error> {
    require_place(home)?;
    let installed = bundle::install(home)?;
    if new_id {
        console.result(&format!("this host has the new id {}", host::new_host_id(home)?));
    } else {
        host::host_id(home)?;
    }
    console.result(&format!(
        "{}: {} installed",
        home.root().display(),
        count(installed.written.len(), "file")
    ));
    for kept in &installed.kept {
        console.result(&format!("{kept}: changed by you, and kept"));
    }
    console.remark(
        "`batt list available` shows what can be backed up; `batt enable SERVICE` makes it run by default.",
    );
    Ok(ExitCode::OK)
}

/// Refuses to install where others can write: what is written there by name could become something else on its way.
fn require_place(home: &Home) -> Result<(), Error> {
    let folders = [home.conf(), home.scripts_available(), home.scripts_enabled()];
    let there = folders.iter().filter(|folder| folder.symlink_metadata().is_ok());
    there
        .into_iter()
        .try_for_each(|folder| trust::require_trusted(folder))?;
    let above = home
        .root()
        .ancestors()
        .find(|folder| folder.symlink_metadata().is_ok());
    above.map_or(Ok(()), trust::require_trusted_above)
}
