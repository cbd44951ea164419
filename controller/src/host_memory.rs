//! What the state folder remembers of hosts between runs: the id that each name of the inventory had.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use batt_protocol::{Error, text};

use crate::host::Host;
use crate::state_folder::{StateFolder, sync_folder};

const NAME: &str = "host-ids.json";
/// A hundred thousand hosts with names and ids of full length.
const LARGEST: u64 = 64 << 20;

/// The file. Fields of a later version are passed over.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    /// The id of each name.
    ids: BTreeMap<Host, String>,
}

/// Returns the ids of all names that are remembered.
///
/// # Errors
/// A file that is there and cannot be used.
pub(crate) fn recall(folder: &StateFolder) -> Result<BTreeMap<Host, String>, Error> {
    let path = path(folder);
    read(&path).map_err(|cause| {
        Error::system(
            format!("cannot read {}", text::quoted(&path.to_string_lossy())),
            cause,
        )
        .hint("It only holds the ids of hosts, and is made again when it is gone.")
    })
}

/// Remembers these ids beside those of other names. An id has one name: what another had it before is forgotten.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn remember(folder: &StateFolder, learned: &BTreeMap<Host, String>) -> Result<(), Error> {
    if learned.is_empty() {
        return Ok(());
    }
    let path = path(folder);
    write(folder.path(), &path, learned).map_err(|cause| {
        Error::system(
            format!("cannot write {}", text::quoted(&path.to_string_lossy())),
            cause,
        )
    })
}

fn path(folder: &StateFolder) -> PathBuf {
    folder.path().join(NAME)
}

fn read(path: &Path) -> io::Result<BTreeMap<Host, String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice::<Content>(&bytes)?.ids)
}

fn write(folder: &Path, path: &Path, learned: &BTreeMap<Host, String>) -> io::Result<()> {
    // Another run of the same person may end now; what it learned is not lost. The lock ends with the descriptor.
    let lock = File::open(folder)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    // What cannot be read was told when the run began.
    let known = read(path).unwrap_or_default();
    let mut ids: BTreeMap<Host, String> = known
        .into_iter()
        .filter(|(host, id)| !learned.iter().any(|(other, new)| other != host && new == id))
        .collect();
    ids.extend(learned.iter().map(|(host, id)| (host.clone(), id.clone())));
    let made = path.with_added_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&made)?;
    file.write_all(&serde_json::to_vec(&Content { ids })?)?;
    file.sync_all()?;
    fs::rename(&made, path)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn ids(known: &[(&str, &str)]) -> BTreeMap<Host, String> {
        known
            .iter()
            .map(|(name, id)| (name.parse().unwrap(), (*id).to_owned()))
            .collect()
    }

    #[test]
    fn names_keep_their_ids_and_an_id_has_one_name() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path());
        assert_eq!(recall(&folder).unwrap(), ids(&[]));
        remember(&folder, &ids(&[("db1", "x"), ("db2", "y")])).unwrap();
        remember(&folder, &ids(&[("db3", "x")])).unwrap();
        assert_eq!(recall(&folder).unwrap(), ids(&[("db2", "y"), ("db3", "x")]));
        let mode = place.path().join(NAME).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_none_is_named_and_written_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path());
        for broken in ["", "{", "[]", "{\"ids\":{\"../x\":\"y\"}}"] {
            fs::write(place.path().join(NAME), broken).unwrap();
            assert!(recall(&folder).unwrap_err().message().contains(NAME), "{broken}");
        }
        remember(&folder, &ids(&[("db1", "x")])).unwrap();
        assert_eq!(recall(&folder).unwrap(), ids(&[("db1", "x")]));
    }
}
