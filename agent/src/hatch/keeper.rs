//! The side of the hatch that is outside: one thread that answers one question after the other while the script runs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use batt_protocol::Error;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, Uid};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};

use super::desk::{fact, names};
use super::{Answer, Handed, MOST_NAMES, QUESTION_LIMIT, Question, Unavailable};
use crate::backup::{ArchiveRecord, Manifest, open_verified};
use crate::fact::VALUE_LIMIT;
use crate::ledger::{self, Entry};

/// How long whoever asks may take with it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited when nobody can be let in.
const PAUSE: Duration = Duration::from_millis(20);
/// As many archives as are handed in at a time.
const MOST_ARCHIVES: usize = 64;
/// What an archive is handed in through holds so much, where the kernel allows it.
const PIPE: usize = 1 << 20;
/// A name has at most this many bytes.
const NAME_LIMIT: usize = 4096;
/// A ledger that is longer than this takes nothing from a cell.
const LEDGER_LIMIT: u64 = 80 << 20;

/// What is handed in and taken.
#[derive(Debug)]
struct Shelf {
    /// The folder of the ledger.
    folder: PathBuf,
    /// The backup as it was verified.
    manifest: Manifest,
    /// Where it is.
    source: PathBuf,
    /// What of it is rehearsed.
    archives: Vec<ArchiveRecord>,
    /// The account that may ask.
    stranger: Uid,
    /// How many archives are being read.
    reading: Arc<AtomicUsize>,
}

/// Keeps the hatch of one cell. When it is dropped, nobody is answered any more.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Makes the socket `socket` in `folder`, where the ledger is, for `stranger` alone, and answers what is asked there.
    ///
    /// # Errors
    /// Those of the machine.
    pub(crate) fn start(
        folder: &Path,
        socket: &str,
        stranger: u32,
        (manifest, source, archives): (&Manifest, &Path, &[ArchiveRecord]),
    ) -> Result<Self, Error> {
        let fail = |cause: io::Error| Error::system("cannot make the socket of the drill", cause);
        let stranger = Uid::from_raw(stranger);
        let listener = within_length(&folder.join(socket), |path| {
            let listener = UnixListener::bind(path)?;
            let metadata = std::fs::symlink_metadata(path)?;
            if std::os::unix::fs::MetadataExt::uid(&metadata) != stranger.as_raw() {
                std::os::unix::fs::lchown(path, Some(stranger.as_raw()), Some(stranger.as_raw()))?;
            }
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            Ok(listener)
        })
        .map_err(fail)?;
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).map_err(|cause| fail(cause.into()))?;
        let shelf = Shelf {
            folder: folder.to_owned(),
            manifest: manifest.clone(),
            source: source.to_owned(),
            archives: archives.to_vec(),
            stranger,
            reading: Arc::default(),
        };
        let thread = std::thread::Builder::new()
            .name("hatch".to_owned())
            .spawn(move || shelf.keep(&listener, &stopped))
            .map_err(fail)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shelf {
    fn keep(&self, listener: &UnixListener, stopped: &OwnedFd) {
        loop {
            let mut ends = [
                PollFd::new(listener, PollFlags::IN),
                PollFd::new(stopped, PollFlags::IN),
            ];
            match poll(&mut ends, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            if !ends[1].revents().is_empty() {
                return;
            }
            if ends[0].revents().is_empty() {
                continue;
            }
            match listener.accept() {
                // Whoever does not ask as batt does gets no answer.
                Ok((stream, _)) => drop(self.answer_all(&stream)),
                // For want of descriptors: somebody will give one free.
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn answer_all(&self, stream: &UnixStream) -> io::Result<()> {
        if rustix::net::sockopt::socket_peercred(stream)?.uid != self.stranger {
            return Ok(());
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            (&mut lines)
                .take(QUESTION_LIMIT as u64)
                .read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(());
            }
            let (answer, descriptor) = match serde_json::from_slice(&line) {
                Ok(question) => self.answer(question),
                Err(_) => (refused("batt was asked what it does not understand"), None),
            };
            send(stream, &answer, descriptor)?;
        }
    }

    fn answer(&self, question: Question) -> (Answer, Option<OwnedFd>) {
        match question {
            Question::Note { entries } => (self.note(&entries), None),
            Question::Fact { of, key } => {
                let answer = match fact(&self.manifest, of.as_deref(), key) {
                    Ok(value) => Answer::Fact { value },
                    Err(unavailable) => unavailable.into(),
                };
                (answer, None)
            }
            Question::Archive { name } => match self.hand_in(&name) {
                Ok((handed, descriptor)) => (Answer::Archive(handed), Some(descriptor)),
                Err(unavailable) => (unavailable.into(), None),
            },
        }
    }

    fn note(&self, entries: &[Entry]) -> Answer {
        if !entries.iter().all(is_of_a_drill) {
            return refused("this is no entry of a drill");
        }
        let length = std::fs::symlink_metadata(self.folder.join(ledger::FILE_NAME))
            .map_or(0, |metadata| metadata.len());
        if length > LEDGER_LIMIT {
            return refused("the ledger of this drill is full");
        }
        match ledger::append_all(&self.folder, entries) {
            Ok(()) => Answer::Noted,
            Err(cause) => refused(cause.to_string()),
        }
    }

    /// Opens an archive, and lets it be read through a pipe: the file itself stays outside, where nobody of the cell can
    /// lock it, or open it again to write.
    fn hand_in(&self, name: &str) -> Result<(Handed, OwnedFd), Unavailable> {
        let unreadable = |cause: io::Error| Unavailable::Unreadable(cause.to_string());
        let archive = self.archives.iter().find(|archive| archive.called() == name);
        let archive = archive.ok_or_else(|| names(&self.archives))?;
        let mut file = open_verified(&self.source, &self.folder, archive).map_err(Unavailable::Unreadable)?;
        if self.reading.fetch_add(1, Ordering::SeqCst) >= MOST_ARCHIVES {
            self.reading.fetch_sub(1, Ordering::SeqCst);
            return Err(Unavailable::Unreadable(
                "too many archives are being loaded".to_owned(),
            ));
        }
        let reading = Reading(self.reading.clone());
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|cause| unreadable(cause.into()))?;
        // A limit of the kernel on the pipes of one user: slower, not wrong.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        std::thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || {
                let _reading = reading;
                // What does not arrive is found by its length and hash. It ends with whoever reads.
                let _ = io::copy(&mut file, &mut File::from(writer));
            })
            .map_err(unreadable)?;
        Ok((archive.into(), reader))
    }
}

/// One archive that is being read.
struct Reading(Arc<AtomicUsize>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl From<Unavailable> for Answer {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Unknown(mut names) => {
                names.truncate(MOST_NAMES);
                Self::Unknown { names }
            }
            Unavailable::Unreadable(reason) => Self::Refused { reason },
            Unavailable::NoBackup => refused("there is no backup"),
        }
    }
}

fn refused(reason: impl Into<String>) -> Answer {
    Answer::Refused {
        reason: reason.into(),
    }
}

/// Tells whether a drill may write an entry: what it loaded, what it found, and what it asked in vain.
fn is_of_a_drill(entry: &Entry) -> bool {
    let short = |text: &str, most: usize| text.len() <= most;
    match entry {
        Entry::LoadBegan { name, .. } => short(name, NAME_LIMIT),
        Entry::LoadEnded(ended) => short(&ended.name, NAME_LIMIT),
        Entry::LoadFailed { name, reason, .. } => short(name, NAME_LIMIT) && short(reason, VALUE_LIMIT),
        Entry::CallRefused { words, reason } => short(words, NAME_LIMIT) && short(reason, NAME_LIMIT),
        Entry::FactRefused { of, reason } => short(of, NAME_LIMIT) && short(reason, NAME_LIMIT),
        Entry::Fact { of, value, .. } => {
            of.as_ref().is_none_or(|of| short(of, NAME_LIMIT)) && short(value, VALUE_LIMIT)
        }
        Entry::StoreBegan { .. }
        | Entry::StoreEnded(_)
        | Entry::StoreFailed { .. }
        | Entry::StoreRefused { .. }
        | Entry::Missing { .. } => false,
    }
}

fn send(stream: &UnixStream, answer: &Answer, descriptor: Option<OwnedFd>) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let first = [IoSlice::new(&line[..1])];
    sendmsg(stream, &first, &mut control, SendFlags::NOSIGNAL)?;
    let mut stream = stream;
    stream.write_all(&line[1..])
}

/// Does something with the path of a socket, however long it is: at most 107 bytes can be said (unix(7)), so its folder is
/// held open, and the path is that of the descriptor.
pub(super) fn within_length<T>(socket: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::super::Desk;
    use super::*;
    use crate::backup::example_manifest;
    use crate::fact::FactKey;
    use crate::ledger::{Ledger, LoadEnded, StoreEnded};

    /// A backup of the archives `a` and `b`, of which `a` is rehearsed.
    fn kept(work: &Path, source: &Path) -> (Keeper, Desk) {
        let mut manifest = example_manifest(&["a.zst", "b.zst"]);
        manifest.facts.insert("engine".to_owned(), "x".to_owned());
        for (archive, name) in manifest.archives.iter_mut().zip(["a", "b"]) {
            archive.name = Some(name.to_owned());
            archive.content.insert("rows".to_owned(), "7".to_owned());
            let content = name.repeat(100_000);
            let mut digest = crate::archive::Digest::default();
            digest.update(content.as_bytes());
            archive.sha256 = digest.hex();
            std::fs::write(source.join(&archive.file), content).unwrap();
        }
        let me = rustix::process::geteuid().as_raw();
        let archives = &manifest.archives[..1];
        let keeper = Keeper::start(work, "socket", me, (&manifest, source, archives)).unwrap();
        (keeper, Desk::Hatch(work.join("socket")))
    }

    fn began(name: &str) -> Entry {
        Entry::LoadBegan {
            name: name.to_owned(),
            call: 1,
        }
    }

    #[test]
    fn what_is_rehearsed_is_handed_in_and_nothing_else() {
        let (work, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_keeper, desk) = kept(work.path(), source.path());
        let (handed, mut file) = desk.archive("a").unwrap();
        assert_eq!(handed.file, "a.zst");
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "a".repeat(100_000));
        assert!(
            !file.metadata().unwrap().is_file(),
            "the file itself stays outside"
        );
        for name in ["b", "../a", "a.zst", "/etc/passwd"] {
            let refused = desk.archive(name);
            assert!(
                matches!(&refused, Err(Unavailable::Unknown(names)) if *names == ["a"]),
                "{name}: {refused:?}"
            );
        }
        let key = |text: &str| FactKey::encoded(text).unwrap();
        let recorded = desk.recorded(None, vec![key("engine"), key("none")]).unwrap();
        assert_eq!(recorded, [Some("x".to_owned()), None]);
        assert_eq!(
            desk.recorded(Some("b"), vec![key("rows")]).unwrap(),
            [Some("7".to_owned())]
        );
        assert!(desk.recorded(Some("c"), vec![key("rows")]).is_err());
    }

    #[test]
    fn entries_of_a_drill_are_taken_and_no_others() {
        let (work, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (keeper, desk) = kept(work.path(), source.path());
        let value = "\u{1}".repeat(VALUE_LIMIT);
        let facts = (0..40).map(|number| Entry::Fact {
            of: None,
            key: FactKey::encoded(&format!("k{number}")).unwrap(),
            value: value.clone(),
        });
        desk.note_all(&facts.collect::<Vec<_>>()).unwrap();
        desk.note(&began("a")).unwrap();
        desk.note(&Entry::LoadEnded(LoadEnded {
            name: "a".to_owned(),
            call: 1,
            raw_bytes: 1,
            seconds: 0.1,
        }))
        .unwrap();
        let store = Entry::StoreEnded(StoreEnded {
            name: "a".to_owned(),
            file: "a".to_owned(),
            check: None,
            raw_bytes: 1,
            bytes: 1,
            sha256: String::new(),
            raw_sha256: String::new(),
            seconds: 0.0,
            facts: Default::default(),
        });
        desk.note(&store).unwrap_err();
        desk.note(&began(&"x".repeat(NAME_LIMIT + 1))).unwrap_err();
        let ledger = Ledger::read(work.path());
        assert_eq!((ledger.facts.len(), ledger.loads.len()), (40, 1));
        assert!(ledger.failures().is_empty() && ledger.stores.is_empty());
        drop(keeper);
        desk.note(&began("a")).unwrap_err();
    }

    #[test]
    fn a_full_ledger_takes_nothing_more() {
        let (work, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_keeper, desk) = kept(work.path(), source.path());
        let file = File::create(work.path().join(ledger::FILE_NAME)).unwrap();
        file.set_len(LEDGER_LIMIT + 1).unwrap();
        let refused = desk.note(&began("a")).unwrap_err().to_string();
        assert_eq!(refused, "the ledger of this drill is full");
    }

    #[test]
    fn whoever_asks_what_has_no_meaning_keeps_no_other_from_asking() {
        let (work, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_keeper, desk) = kept(work.path(), source.path());
        for noise in [
            &b"\n"[..],
            b"{}\n",
            b"{\"ask\":\"archive\"}\n",
            b"\xff\xff",
            &[b'x'; 3 << 20],
        ] {
            let mut line =
                within_length(&work.path().join("socket"), |path| UnixStream::connect(path)).unwrap();
            let _ = line.write_all(noise);
            drop(line);
            desk.note(&began("a")).unwrap();
        }
    }
}
