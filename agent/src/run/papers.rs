//! The files that say what a backup is and how to restore it, written beside the archives before it is published.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use batt_protocol::{Error, ExitCode};

use crate::backup::{self, GUIDE, MANIFEST, Manifest, SUMS, restore_guide, sum_line};

/// Returns the SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<String, Error> {
    backup::open_file(path)
        .and_then(backup::digest_of)
        .map_err(|cause| Error::system(format!("cannot read `{}`", path.display()), cause))
}

/// Writes RESTORE.md, manifest.json and, over all, SHA256SUMS.
pub(super) fn write(folder: &Path, manifest: &Manifest, restore: &[String]) -> Result<(), Error> {
    let json = serde_json::to_vec_pretty(manifest)
        .map_err(|cause| Error::system("cannot write the manifest", cause))?;
    write_new(&folder.join(GUIDE), restore_guide(manifest, restore).as_bytes())?;
    write_new(&folder.join(MANIFEST), &json)?;
    let mut sums: String = manifest
        .archives
        .iter()
        .map(|archive| sum_line(&archive.sha256, &archive.file))
        .collect();
    for paper in [GUIDE, MANIFEST] {
        sums.push_str(&sum_line(&digest(&folder.join(paper))?, paper));
    }
    write_new(&folder.join(SUMS), sums.as_bytes())
}

/// Writes a file and reads it back: without its papers a backup is nothing, so they are proven as it is.
fn write_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_synced(path, content)?;
    let read = crate::files::read_bytes(path, content.len() as u64)?;
    if read.as_deref() != Some(content) {
        return Err(Error::new(
            ExitCode::FAILED,
            format!("`{}` reads back otherwise than it was written", path.display()),
        )
        .hint("The disk does not keep what is written to it."));
    }
    Ok(())
}

fn write_synced(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(|cause| Error::system(format!("cannot write `{}`", path.display()), cause))
}
