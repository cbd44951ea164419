//! The fleet folder of the lab: the scripts that its hosts are to run, and where each host keeps what is backed up.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::blueprint::Blueprint;
use super::host::LabHost;

const SCRIPTS: &[(&str, &str)] = &[
    (
        "backup-notes",
        include_str!("../../lab/fleet/scripts-available/backup-notes"),
    ),
    (
        "backup-site",
        include_str!("../../lab/fleet/scripts-available/backup-site"),
    ),
];

/// Writes `scripts-available/` and `conf/` beside the inventory.
pub(super) fn write(folder: &Path, hosts: &[LabHost], blueprint: &Blueprint) -> io::Result<()> {
    let scripts = folder.join("scripts-available");
    fs::create_dir_all(&scripts)?;
    for (name, text) in SCRIPTS {
        let path = scripts.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    for host in hosts {
        let conf = folder.join("conf/hosts").join(host.name());
        fs::create_dir_all(&conf)?;
        fs::write(
            conf.join("backup-notes.conf"),
            format!(
                "NOTES_FOLDER=\"{}\"\n# Seconds between two pages: as from a slow disk, so that there is something to watch.\nNOTES_PAUSE={}\n",
                host.notes_folder().display(),
                blueprint.pace.pause()
            ),
        )?;
        fs::write(
            conf.join("backup-site.conf"),
            format!("SITE_FOLDER=\"{}\"\n", host.site_folder().display()),
        )?;
    }
    Ok(())
}
