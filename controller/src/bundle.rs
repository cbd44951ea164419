//! The fleet folder: what lies beside the inventory, laid out for each host as its bundle. Read and hashed once per run,
//! before any connection; hosts share contents.

mod layer;

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use batt_protocol::{BundleFile, BundleFolder, Error, FileName, bundle_text, text};

use self::layer::{Layer, Reading};
use crate::trust::{self, Distrust};

/// The content of one file.
#[derive(Debug)]
pub(crate) struct Content {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    sha256: String,
}

/// `scripts-available/` and `conf/` of a fleet folder, with what lies over them for groups and hosts.
#[derive(Debug)]
pub(crate) struct FleetFolder {
    base: Layer,
    groups: BTreeMap<String, Layer>,
    hosts: BTreeMap<String, Layer>,
}

/// The files of one host, and their digest.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    files: Vec<(BundleFile, Arc<Content>)>,
    digest: String,
}

impl Content {
    /// Returns the content of a file that was not read from anywhere.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            sha256: sha256(bytes),
        }
    }
}

impl FleetFolder {
    /// Tells whether a folder has anything to push.
    pub(crate) fn is_one(folder: &Path) -> bool {
        [BundleFolder::ScriptsAvailable, BundleFolder::Conf]
            .iter()
            .any(|part| folder.join(part.name()).symlink_metadata().is_ok())
    }

    /// Reads the folder. `is_group` and `is_host` tell the names of the inventory: a folder for any other would
    /// silently be laid out for nobody.
    ///
    /// # Errors
    /// A usage error that names the path: a file that is too large, is no regular file, cannot be read or has a name
    /// that a bundle cannot have; a folder for a group or host that is not in the inventory. A refusal for what
    /// somebody else could have written.
    pub(crate) fn read(
        folder: &Path,
        is_group: impl Fn(&str) -> bool,
        is_host: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        trust::require_trusted(folder)?;
        let mut reading = Reading::default();
        let conf = folder.join(BundleFolder::Conf.name());
        let mut base = Layer::default();
        base.read(
            &folder.join(BundleFolder::ScriptsAvailable.name()),
            BundleFolder::ScriptsAvailable,
            &[],
            &mut reading,
        )?;
        base.read(&conf, BundleFolder::Conf, &["groups", "hosts"], &mut reading)?;
        Ok(Self {
            base,
            groups: layers(&conf.join("groups"), "group", is_group, &mut reading)?,
            hosts: layers(&conf.join("hosts"), "host", is_host, &mut reading)?,
        })
    }

    /// Returns the bundle of a host with these groups, the later ones laid over the earlier ones.
    ///
    /// # Errors
    /// More files than a bundle can have.
    pub(crate) fn bundle<'a>(
        &self,
        host: &str,
        groups: impl IntoIterator<Item = &'a str>,
    ) -> Result<Bundle, Error> {
        let mut files: BTreeMap<(BundleFolder, FileName), Arc<Content>> = BTreeMap::new();
        let over = groups.into_iter().filter_map(|group| self.groups.get(group));
        for layer in [&self.base].into_iter().chain(over).chain(self.hosts.get(host)) {
            for (place, content) in layer.files() {
                files.insert(place.clone(), Arc::clone(content));
            }
        }
        if files.len() > BundleFile::MAX_FILES {
            return Err(Error::usage(format!(
                "the bundle of host {} has {} files",
                text::quoted(host),
                files.len()
            ))
            .hint(format!("A bundle has at most {} files.", BundleFile::MAX_FILES)));
        }
        Ok(Bundle::new(files))
    }

    /// Returns the scripts of the folder with their contents, by name.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = (&FileName, &Content)> {
        self.base
            .files()
            .filter(|((folder, _), _)| *folder == BundleFolder::ScriptsAvailable)
            .map(|((_, name), content)| (name, &**content))
    }
}

fn layers(
    folder: &Path,
    kind: &str,
    is_known: impl Fn(&str) -> bool,
    reading: &mut Reading,
) -> Result<BTreeMap<String, Layer>, Error> {
    let mut layers = BTreeMap::new();
    for name in layer::subfolders(folder)? {
        let path = folder.join(&name);
        if !is_known(&name) {
            return Err(Error::usage(format!(
                "{} is for a {kind} that is not in the inventory",
                text::quoted(&path.to_string_lossy())
            ))
            .hint(format!("Rename the folder after a {kind}, or remove it.")));
        }
        let mut layer = Layer::default();
        layer.read(&path, BundleFolder::Conf, &[], reading)?;
        layers.insert(name, layer);
    }
    Ok(layers)
}

impl Bundle {
    fn new(files: BTreeMap<(BundleFolder, FileName), Arc<Content>>) -> Self {
        let files: Vec<(BundleFile, Arc<Content>)> = files
            .into_iter()
            .map(|((folder, name), content)| {
                let file = BundleFile {
                    folder,
                    name,
                    sha256: content.sha256.clone(),
                    size: content.bytes.len() as u64,
                };
                (file, content)
            })
            .collect();
        let told: Vec<BundleFile> = files.iter().map(|(file, _)| file.clone()).collect();
        Self {
            files,
            digest: sha256(bundle_text(&told).as_bytes()),
        }
    }

    /// Returns a bundle without files.
    pub(crate) fn empty() -> Self {
        Self::new(BTreeMap::new())
    }

    /// Returns the digest that a host with exactly these files greets with.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the files with their contents, in order.
    pub(crate) fn files(&self) -> &[(BundleFile, Arc<Content>)] {
        &self.files
    }

    /// Returns a file's content.
    pub(crate) fn content(&self, folder: BundleFolder, name: &FileName) -> Option<&Content> {
        self.files
            .iter()
            .find(|(file, _)| file.folder == folder && file.name == *name)
            .map(|(_, content)| &**content)
    }
}

/// Returns the SHA-256 of bytes in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Refuses a file or a folder that somebody else could have changed: what is pushed runs as root on the hosts.
///
/// # Errors
/// A refusal (77) that names what it is and why.
fn require_ours(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match Distrust::of_metadata(metadata) {
        None => Ok(()),
        Some(why) => Err(Error::refused(format!(
            "{} is not pushed: {}, and hosts would run it as root",
            text::quoted(&path.to_string_lossy()),
            why.of("it")
        ))
        .hint(why.hint(path))),
    }
}

fn unreadable(path: &Path, cause: &io::Error) -> Error {
    Error::usage(format!(
        "cannot read {}: {cause}",
        text::quoted(&path.to_string_lossy())
    ))
}

#[cfg(test)]
mod tests;
