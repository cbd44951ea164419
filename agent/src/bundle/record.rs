//! `var/bundle.json`: which files were installed or pushed, and with what content. A file that has another one by now
//! was changed by a person, and is never overwritten.

use std::collections::BTreeMap;
use std::path::PathBuf;

use batt_protocol::{BundleFile, BundleFolder, Error, FileName, bundle_text};
use serde::{Deserialize, Serialize};

use crate::archive::Digest;
use crate::files;
use crate::home::Home;

/// The longest record that is read, in bytes: what comes with batt and the most of a bundle are a tenth of it.
const LIMIT: u64 = 4 << 20;

/// Where a file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// From inside the program.
    Shipped,
    /// From a controller.
    Pushed,
}

/// One file that was put in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) folder: BundleFolder,
    pub(crate) name: FileName,
    pub(crate) origin: Origin,
    pub(crate) sha256: String,
}

/// The record of a home.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct BundleRecord {
    files: Vec<Placed>,
}

impl BundleRecord {
    /// Reads the record; a home without one has nothing installed.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let path = home.bundle_record();
        match files::read_text(&path, LIMIT)? {
            None => Ok(Self::default()),
            Some(text) => Self::of(&text).map_err(|cause| {
                Error::program(format!("`{}` cannot be understood: {cause}", path.display())).hint(
                    "Remove it, then `batt init`: files that differ from the shipped ones count as changed.",
                )
            }),
        }
    }

    /// Reads a record from its text.
    pub(crate) fn of(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Writes the record.
    pub(crate) fn write(&self, home: &Home) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|cause| Error::system("cannot write the record", cause))?;
        files::replace(&home.bundle_record(), &text, 0o600)
    }

    /// Returns what is known of a file.
    pub(crate) fn get(&self, folder: BundleFolder, name: &FileName) -> Option<&Placed> {
        self.files
            .iter()
            .find(|placed| placed.folder == folder && placed.name == *name)
    }

    /// Remembers what was put in place.
    pub(crate) fn set(&mut self, placed: Placed) {
        self.forget(placed.folder, &placed.name);
        self.files.push(placed);
    }

    /// Forgets a file that is gone.
    pub(crate) fn forget(&mut self, folder: BundleFolder, name: &FileName) {
        self.files
            .retain(|placed| placed.folder != folder || placed.name != *name);
    }

    /// Returns the files that were pushed.
    pub(crate) fn pushed(&self) -> impl Iterator<Item = &Placed> {
        self.files.iter().filter(|placed| placed.origin == Origin::Pushed)
    }

    /// Returns the digest of the pushed files as they lie on the disk now.
    pub(crate) fn digest_on_disk(&self, home: &Home) -> Result<String, Error> {
        let mut present = Vec::new();
        for placed in self.pushed() {
            if let Some(sha256) = digest_on_disk(home, placed.folder, &placed.name)? {
                present.push(BundleFile {
                    folder: placed.folder,
                    name: placed.name.clone(),
                    sha256,
                    size: 0,
                });
            }
        }
        Ok(digest_of(bundle_text(&present).as_bytes()))
    }

    /// Returns the files that are on the disk otherwise than they were put there, by name.
    pub(crate) fn changed(&self, home: &Home) -> Result<BTreeMap<String, Origin>, Error> {
        let mut changed = BTreeMap::new();
        for placed in &self.files {
            if digest_on_disk(home, placed.folder, &placed.name)?
                .is_some_and(|sha256| sha256 != placed.sha256)
            {
                changed.insert(format!("{}/{}", placed.folder.name(), placed.name), placed.origin);
            }
        }
        Ok(changed)
    }
}

/// Returns where a file of a bundle lies.
pub(crate) fn place(home: &Home, folder: BundleFolder, name: &FileName) -> PathBuf {
    match folder {
        BundleFolder::ScriptsAvailable => home.scripts_available().join(name.as_str()),
        BundleFolder::Conf => home.conf().join(name.as_str()),
    }
}

/// Returns the SHA-256 of a file as it lies on the disk; none when it is not there.
pub(crate) fn digest_on_disk(
    home: &Home,
    folder: BundleFolder,
    name: &FileName,
) -> Result<Option<String>, Error> {
    // A file that was pushed is small; one that a person made in its place may be anything.
    let content = files::read_bytes(&place(home, folder, name), 64 << 20)?;
    Ok(content.map(|content| digest_of(&content)))
}

/// Returns the SHA-256 of bytes in lower-case hexadecimal.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.update(bytes);
    digest.hex()
}
