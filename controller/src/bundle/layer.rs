//! One folder of files that a bundle is made of.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use batt_protocol::{BundleFile, BundleFolder, Error, FileName, text};

use super::{Content, require_ours, sha256, unreadable};

/// The most bytes of a whole fleet folder: it is held in memory.
const MAX_TOTAL: u64 = 256 << 20;

/// How much was read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    total: u64,
}

/// Files by their place on the host.
#[derive(Debug, Default)]
pub(super) struct Layer(BTreeMap<(BundleFolder, FileName), Arc<Content>>);

impl Layer {
    pub(super) fn files(&self) -> impl Iterator<Item = (&(BundleFolder, FileName), &Arc<Content>)> {
        self.0.iter()
    }

    /// Reads the files of a folder, which may be absent; `passed` names what else may stand in it.
    pub(super) fn read(
        &mut self,
        path: &Path,
        folder: BundleFolder,
        passed: &[&str],
        reading: &mut Reading,
    ) -> Result<(), Error> {
        for name in names(path)? {
            if passed.contains(&name.as_str()) || is_of_git(&name) {
                continue;
            }
            let file = path.join(&name);
            let shown = text::quoted(&file.to_string_lossy());
            let parsed = name.parse::<FileName>().map_err(|error| {
                let wrong = Error::usage(format!("{shown} cannot be pushed: {}", error.message()));
                error.hints().iter().fold(wrong, |wrong, hint| wrong.hint(hint))
            })?;
            let bytes = content(&file, &shown)?;
            reading.total += bytes.len() as u64;
            if reading.total > MAX_TOTAL {
                return Err(
                    Error::usage(format!("{shown} makes the fleet folder larger than 256 MiB"))
                        .hint("It holds scripts and settings; other files belong elsewhere."),
                );
            }
            let content = Content {
                sha256: sha256(&bytes),
                bytes,
            };
            self.0.insert((folder, parsed), Arc::new(content));
        }
        Ok(())
    }
}

/// Returns the names of the folders in a folder, which may be absent.
pub(super) fn subfolders(path: &Path) -> Result<Vec<String>, Error> {
    let mut folders = Vec::new();
    for name in names(path)? {
        if is_of_git(&name) {
            continue;
        }
        let inside = path.join(&name);
        let metadata = inside
            .symlink_metadata()
            .map_err(|cause| unreadable(&inside, &cause))?;
        if !metadata.is_dir() {
            return Err(Error::usage(format!(
                "{} is no folder",
                text::quoted(&inside.to_string_lossy())
            ))
            .hint(
                "`conf/groups/GROUP/` and `conf/hosts/HOST/` hold the settings of a group and of a host.",
            ));
        }
        folders.push(name);
    }
    Ok(folders)
}

/// Returns what stands in a folder, sorted; nothing when there is no such folder.
fn names(path: &Path) -> Result<Vec<String>, Error> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(path, &error)),
        Ok(metadata) if metadata.is_dir() => require_ours(path, &metadata)?,
        Ok(_) => {
            return Err(
                Error::usage(format!("{} is no folder", text::quoted(&path.to_string_lossy())))
                    .hint("Links are not followed: what is pushed lies in the fleet folder itself."),
            );
        }
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|cause| unreadable(path, &cause))? {
        let name = entry.map_err(|cause| unreadable(path, &cause))?.file_name();
        let Ok(name) = name.into_string() else {
            return Err(Error::usage(format!(
                "{} holds a file whose name is not UTF-8",
                text::quoted(&path.to_string_lossy())
            )));
        };
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

/// A fleet folder is often a repository: `.gitignore` and `.gitkeep` are of git and never meant for a host.
fn is_of_git(name: &str) -> bool {
    name.starts_with(".git")
}

fn content(path: &Path, shown: &str) -> Result<Vec<u8>, Error> {
    // Without NONBLOCK a FIFO would be waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let no_file = || {
        Error::usage(format!("{shown} cannot be pushed: it is no regular file"))
            .hint("Links are not followed: put the file itself there.")
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|cause| match path.symlink_metadata() {
            Ok(metadata) if !metadata.is_file() => no_file(),
            _ => unreadable(path, &cause),
        })?;
    let metadata = file.metadata().map_err(|cause| unreadable(path, &cause))?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    require_ours(path, &metadata)?;
    let mut bytes = Vec::new();
    file.take(BundleFile::MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| unreadable(path, &cause))?;
    if bytes.len() as u64 > BundleFile::MAX_SIZE {
        return Err(
            Error::usage(format!("{shown} cannot be pushed: it is larger than 4 MiB"))
                .hint("Scripts and settings are pushed; bring larger files to the hosts in another way."),
        );
    }
    Ok(bytes)
}
