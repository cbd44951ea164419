//! The files that say what a backup is and how to restore it, written beside the archives before it is published.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use batt_protocol::{Error, ExitCode, HumanBytes};

use crate::archive::Digest;
use crate::backup::{self, GUIDE, MANIFEST, Manifest, SUMS, restore_guide, sum_line};

/// Returns the SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<String, Error> {
    backup::open_file(path)
        .and_then(backup::digest_of)
        .map_err(|cause| Error::system(format!("cannot read `{}`", path.display()), cause))
}

/// Writes RESTORE.md, manifest.json and, over all, SHA256SUMS. Returns the SHA-256 of the manifest.
pub(super) fn write(folder: &Path, manifest: &Manifest, restore: &[String]) -> Result<String, Error> {
    let json = written(manifest)?;
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
    write_new(&folder.join(SUMS), sums.as_bytes())?;
    Ok(Digest::of(&json))
}

/// Returns the text of a manifest: laid out for people, unless it is longer than what is read.
///
/// # Errors
/// One that is too long all the same: nobody could restore by it.
fn written(manifest: &Manifest) -> Result<Vec<u8>, Error> {
    let fits = |text: &Vec<u8>| text.len() as u64 <= Manifest::LIMIT;
    let failed = |cause| Error::system("cannot write the manifest", cause);
    let laid_out = serde_json::to_vec_pretty(manifest).map_err(failed)?;
    if fits(&laid_out) {
        return Ok(laid_out);
    }
    let dense = serde_json::to_vec(manifest).map_err(failed)?;
    if fits(&dense) {
        return Ok(dense);
    }
    Err(Error::new(
        ExitCode::FAILED,
        format!(
            "the manifest of {} archives would be longer than {}",
            manifest.archives.len(),
            HumanBytes(Manifest::LIMIT)
        ),
    )
    .hint("Put the files into one archive, for example with tar."))
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
