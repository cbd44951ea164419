//! What is wrong with a backup, so much of it as a person can read.

use super::{Manifest, Verification};
use crate::backup::verified::{Stamp, Stamps};

/// As many damages as are told one by one.
const MOST: usize = 200;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Damages {
    told: Vec<String>,
    more: usize,
    remarks: Vec<String>,
    stamps: Stamps,
}

impl Damages {
    /// Adds one. Whatever in it was written by others must be escaped.
    pub(super) fn push(&mut self, damage: String) {
        if self.told.len() < MOST {
            self.told.push(damage);
        } else {
            self.more += 1;
        }
    }

    /// Adds what is no damage.
    pub(super) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Remembers which file was read as an archive.
    pub(super) fn was_read(&mut self, file: &str, stamp: Stamp) {
        self.stamps.insert(file.to_owned(), stamp);
    }

    pub(super) fn verification(mut self, manifest: Option<&Manifest>) -> Verification {
        if self.more > 0 {
            self.told.push(format!("and {} more", self.more));
        }
        Verification {
            id: manifest.map(Manifest::id),
            items: manifest
                .map(|manifest| manifest.items.clone())
                .unwrap_or_default(),
            host: manifest.map(|manifest| (manifest.host.clone(), manifest.host_id.clone())),
            damages: self.told,
            remarks: self.remarks,
            stamps: self.stamps,
        }
    }
}
