//! A push: files offered by a controller, compared, taken aside, and put in place one by one, each whole.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::{BundleFile, BundleFolder, Change, Error, ExitCode, FileChange, FileName};

use super::acceptance::Acceptance;
use super::install::{install, make_layout, put_back};
use super::record::{BundleRecord, Origin, Placed, digest_of, digest_on_disk, place};
use crate::files;
use crate::home::Home;
use crate::{lock, trust};

/// The most bytes of one bundle: it is held in memory when it is put in place.
const MOST_BYTES: u64 = 64 << 20;

/// What a controller has offered and sent so far, in one session.
#[derive(Debug)]
pub(crate) struct Push<'a> {
    home: &'a Home,
    offered: Vec<BundleFile>,
    /// A part of the bundle was refused.
    is_refused: bool,
    /// Where contents wait, on the same file system as their place; it goes with the session.
    incoming: PathBuf,
    received: Vec<(BundleFolder, FileName, u64)>,
}

impl<'a> Push<'a> {
    /// Returns a push that nothing was offered to.
    pub(crate) fn new(home: &'a Home) -> Self {
        let incoming = home.var().join(format!("incoming.{}", std::process::id()));
        Self {
            home,
            offered: Vec::new(),
            is_refused: false,
            incoming,
            received: Vec::new(),
        }
    }

    /// Takes files of the offered bundle.
    ///
    /// # Errors
    /// A file that this host does not take, more than a bundle may have: then nothing of the bundle is put in place, for what a
    /// part of it leaves out would go.
    pub(crate) fn offer(&mut self, files: Vec<BundleFile>) -> Result<(), Error> {
        let taken = self.take(files);
        if taken.is_err() {
            self.is_refused = true;
            self.offered = Vec::new();
        }
        taken
    }

    fn take(&mut self, files: Vec<BundleFile>) -> Result<(), Error> {
        self.require_whole()?;
        let acceptance = Acceptance::read(self.home)?;
        // Before they are held.
        if self.offered.len() + files.len() > BundleFile::MAX_FILES {
            return Err(Error::refused(format!(
                "the bundle has more than {} files",
                BundleFile::MAX_FILES
            )));
        }
        let mut bytes: u64 = self.offered.iter().map(|file| file.size).sum();
        for file in files {
            if file.size > BundleFile::MAX_SIZE {
                return Err(Error::refused(format!("`{file}` is larger than 4 MiB")));
            }
            bytes += file.size;
            if bytes > MOST_BYTES {
                let most = MOST_BYTES >> 20;
                return Err(Error::refused(format!("the bundle is larger than {most} MiB")));
            }
            acceptance.require(&file)?;
            if !is_digest(&file.sha256) {
                return Err(Error::refused(format!("`{file}` is offered without its SHA-256")));
            }
            if self.offers(file.folder, &file.name) {
                return Err(Error::refused(format!("`{file}` is offered twice")));
            }
            self.offered.push(file);
        }
        Ok(())
    }

    fn require_whole(&self) -> Result<(), Error> {
        if self.is_refused {
            return Err(Error::refused(
                "a part of the bundle was refused, so nothing of it is put in place",
            ));
        }
        Ok(())
    }

    /// Returns what putting the offered bundle in place would change.
    pub(crate) fn compare(&self) -> Result<Vec<FileChange>, Error> {
        self.require_whole()?;
        let record = BundleRecord::read(self.home)?;
        let mut changes = Vec::new();
        for file in &self.offered {
            if let Some(change) = self.change_of(&record, file)? {
                changes.push(FileChange {
                    folder: file.folder,
                    name: file.name.clone(),
                    change,
                });
            }
        }
        for placed in record
            .pushed()
            .filter(|placed| !self.offers(placed.folder, &placed.name))
        {
            let change = match digest_on_disk(self.home, placed.folder, &placed.name)? {
                Some(present) if present != placed.sha256 => Change::Conflict,
                _ => Change::Remove,
            };
            changes.push(FileChange {
                folder: placed.folder,
                name: placed.name.clone(),
                change,
            });
        }
        Ok(changes)
    }

    fn change_of(&self, record: &BundleRecord, file: &BundleFile) -> Result<Option<Change>, Error> {
        let known = record.get(file.folder, &file.name);
        Ok(match digest_on_disk(self.home, file.folder, &file.name)? {
            None => Some(Change::Add),
            // The same content that is not recorded as pushed yet has to be, or it would not count in the digest.
            Some(present) if present == file.sha256 => known
                .is_none_or(|placed| placed.origin != Origin::Pushed || placed.sha256 != present)
                .then_some(Change::Replace),
            Some(present) if known.is_some_and(|placed| placed.sha256 == present) => Some(Change::Replace),
            Some(_) => Some(Change::Conflict),
        })
    }

    fn offers(&self, folder: BundleFolder, name: &FileName) -> bool {
        self.offered
            .iter()
            .any(|file| file.folder == folder && file.name == *name)
    }

    /// Takes the next bytes of an offered file.
    pub(crate) fn receive(
        &mut self,
        folder: BundleFolder,
        name: &FileName,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let Some(offered) = self
            .offered
            .iter()
            .find(|file| file.folder == folder && file.name == *name)
        else {
            return Err(Error::refused(format!("`{name}` was sent and not offered")));
        };
        let size = offered.size;
        if self.received.is_empty() {
            self.require_home()?;
            self.forget_dead_sessions();
            files::make_private_folder(&self.incoming)?;
        }
        let received = match self
            .received
            .iter()
            .position(|(own, file, _)| *own == folder && file == name)
        {
            Some(place) => place,
            None => {
                self.received.push((folder, name.clone(), 0));
                self.received.len() - 1
            }
        };
        self.received[received].2 += bytes.len() as u64;
        if self.received[received].2 > size {
            return Err(Error::refused(format!("`{name}` is longer than was offered")));
        }
        let path = self.incoming_file(folder, name);
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|cause| Error::system(format!("cannot write `{}`", path.display()), cause))
    }

    /// Removes what sessions that were killed had taken in. One of them may have had our own number.
    fn forget_dead_sessions(&self) {
        let _ = fs::remove_dir_all(&self.incoming);
        for entry in fs::read_dir(self.home.var()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let session = name.to_str().and_then(|name| name.strip_prefix("incoming."));
            if session.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn incoming_file(&self, folder: BundleFolder, name: &FileName) -> PathBuf {
        self.incoming.join(format!("{}.{name}", folder.name()))
    }

    /// Makes the layout where there is none, and refuses a home that others can write to.
    fn require_home(&self) -> Result<(), Error> {
        if self.home.is_laid_out() {
            make_layout(self.home)?;
        } else {
            install(self.home)?;
        }
        [
            self.home.root().to_owned(),
            self.home.scripts_available(),
            self.home.conf(),
            self.home.var(),
        ]
        .iter()
        .try_for_each(|folder| trust::require_trusted(folder))
    }

    /// Puts the offered bundle in place, and returns its digest as computed from the disk.
    ///
    /// # Errors
    /// A run that goes on (75), a file that was changed on the host and no `force` (77), a content that is missing or
    /// has another digest than was offered. Nothing is changed then.
    pub(crate) fn commit(&mut self, force: bool) -> Result<String, Error> {
        self.require_home()?;
        let _home = lock::home_for_push(self.home)?;
        let acceptance = Acceptance::read(self.home)?;
        let changes = self.compare()?;
        if !force {
            refuse_conflicts(&changes)?;
        }
        let mut contents = Vec::new();
        for change in &changes {
            if let Some(file) = self
                .offered
                .iter()
                .find(|file| file.folder == change.folder && file.name == change.name)
            {
                let content = self.content(file)?;
                acceptance.require_settings(file, &content)?;
                contents.push((file.clone(), content));
            }
        }
        for change in changes
            .iter()
            .filter(|change| !self.offers(change.folder, &change.name))
        {
            acceptance.require_removable(change.folder, &change.name)?;
        }
        let mut record = BundleRecord::read(self.home)?;
        for change in changes.iter().filter(|change| change.change == Change::Conflict) {
            self.keep_aside(change)?;
        }
        for (file, content) in contents {
            files::replace(
                &place(self.home, file.folder, &file.name),
                &content,
                file.folder.mode(),
            )?;
            record.set(Placed {
                folder: file.folder,
                name: file.name,
                origin: Origin::Pushed,
                sha256: file.sha256,
            });
            // After each file, so that a crash leaves no file that counts as changed by a person.
            record.write(self.home)?;
        }
        for change in changes
            .iter()
            .filter(|change| !self.offers(change.folder, &change.name))
        {
            // What became the host's own since it was pushed stays.
            if !acceptance.allows(change.folder, &change.name) {
                record.forget(change.folder, &change.name);
                record.write(self.home)?;
                continue;
            }
            let path = place(self.home, change.folder, &change.name);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(cause) => {
                    return Err(Error::system(
                        format!("cannot remove `{}`", path.display()),
                        cause,
                    ));
                }
            }
            record.forget(change.folder, &change.name);
            put_back(self.home, change.folder, &change.name, &mut record)?;
            record.write(self.home)?;
        }
        record.digest_on_disk(self.home)
    }

    /// Returns the content of an offered file: what was sent, or what lies in place already.
    fn content(&self, file: &BundleFile) -> Result<Vec<u8>, Error> {
        let waiting = self.incoming_file(file.folder, &file.name);
        let sent = files::read_bytes(&waiting, BundleFile::MAX_SIZE)?;
        let content = match sent {
            Some(content) => content,
            None => files::read_bytes(&place(self.home, file.folder, &file.name), BundleFile::MAX_SIZE)?
                .unwrap_or_default(),
        };
        if digest_of(&content) != file.sha256 {
            return Err(Error::refused(format!(
                "`{file}` did not arrive as it was offered"
            )));
        }
        Ok(content)
    }

    /// Keeps a file that a person has changed, before a forced push takes its place.
    fn keep_aside(&self, change: &FileChange) -> Result<(), Error> {
        let path = place(self.home, change.folder, &change.name);
        let Some(content) = files::read_bytes(&path, 64 << 20)? else {
            return Ok(());
        };
        files::make_private_folder(&self.home.replaced())?;
        let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%S%.6fZ");
        let aside = self
            .home
            .replaced()
            .join(format!("{}.{}.{stamp}", change.folder.name(), change.name));
        files::replace(&aside, &content, 0o600)
    }
}

impl Drop for Push<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.incoming);
    }
}

fn refuse_conflicts(changes: &[FileChange]) -> Result<(), Error> {
    let names: Vec<String> = changes
        .iter()
        .filter(|change| change.change == Change::Conflict)
        .map(|change| format!("{}/{}", change.folder.name(), change.name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let verb = if names.len() == 1 { "was" } else { "were" };
    Err(Error::new(
        ExitCode::REFUSED,
        format!(
            "{} {verb} changed on the host",
            batt_protocol::text::list_and(&names)
        ),
    )
    .hint("`push --force` replaces them, and keeps the old ones in `var/replaced`."))
}

/// Tells whether a text is a SHA-256 in lower-case hexadecimal.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> BundleFile {
        BundleFile {
            folder: BundleFolder::ScriptsAvailable,
            name: name.parse().unwrap(),
            sha256: digest_of(content),
            size: content.len() as u64,
        }
    }

    fn push(home: &Home, files: &[(&str, &[u8])], force: bool) -> Result<String, Error> {
        let mut push = Push::new(home);
        push.offer(files.iter().map(|(name, content)| file(name, content)).collect())?;
        for (name, content) in files {
            push.receive(BundleFolder::ScriptsAvailable, &name.parse().unwrap(), content)?;
        }
        push.commit(force)
    }

    #[test]
    fn a_push_makes_the_layout_and_the_second_has_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        let digest = push(&home, &[("backup-x", b"#!/bin/sh\n")], false).unwrap();
        assert_eq!(
            digest,
            digest_of(bundle_text_of(&[file("backup-x", b"#!/bin/sh\n")]).as_bytes())
        );
        assert!(home.scripts_available().join("backup-mysql").exists());
        let mut second = Push::new(&home);
        second.offer(vec![file("backup-x", b"#!/bin/sh\n")]).unwrap();
        assert_eq!(second.compare().unwrap(), []);
    }

    fn bundle_text_of(files: &[BundleFile]) -> String {
        batt_protocol::bundle_text(files)
    }

    #[test]
    fn what_left_the_bundle_goes_when_it_is_unchanged_and_the_shipped_one_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        push(&home, &[("backup-x", b"x"), ("backup-file", b"mine")], false).unwrap();
        fs::write(home.scripts_available().join("backup-own"), "own").unwrap();
        push(&home, &[], false).unwrap();
        assert!(!home.scripts_available().join("backup-x").exists());
        assert!(home.scripts_available().join("backup-own").exists());
        assert_ne!(
            fs::read(home.scripts_available().join("backup-file")).unwrap(),
            b"mine"
        );
    }

    #[test]
    fn a_file_that_was_changed_on_the_host_stops_the_push_until_it_is_forced() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        push(&home, &[("backup-x", b"one")], false).unwrap();
        let script = home.scripts_available().join("backup-x");
        fs::write(&script, "changed here").unwrap();
        let error = push(&home, &[("backup-x", b"two"), ("backup-y", b"y")], false).unwrap_err();
        assert_eq!(
            error.message(),
            "`scripts-available/backup-x` was changed on the host"
        );
        assert!(
            !home.scripts_available().join("backup-y").exists(),
            "nothing of the push is in place"
        );
        push(&home, &[("backup-x", b"two")], true).unwrap();
        assert_eq!(fs::read(&script).unwrap(), b"two");
        let kept = fs::read_dir(home.replaced())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        assert_eq!(fs::read(kept).unwrap(), b"changed here");
    }

    #[test]
    fn what_did_not_arrive_whole_is_not_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let mut push = Push::new(&home);
        push.offer(vec![file("backup-x", b"whole")]).unwrap();
        push.receive(
            BundleFolder::ScriptsAvailable,
            &"backup-x".parse().unwrap(),
            b"who",
        )
        .unwrap();
        assert!(push.commit(false).is_err());
        assert!(
            push.receive(
                BundleFolder::ScriptsAvailable,
                &"backup-x".parse().unwrap(),
                b"le..."
            )
            .is_err()
        );
        assert!(
            push.receive(BundleFolder::Conf, &"backup-x".parse().unwrap(), b"x")
                .is_err()
        );
        drop(push);
        assert!(!home.scripts_available().join("backup-x").exists());
        assert!(!fs::read_dir(home.var()).unwrap().any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("incoming")
        }));
    }
}
