//! Where a script's calls of batt go: to its private folder, or through the hatch of its cell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::{Deserialize, Serialize};

use super::{ANSWER_LIMIT, Answer, MOST_NAMES, QUESTION_ENOUGH, Question, VARIABLE};
use crate::backup::{ArchiveRecord, Manifest, open_verified};
use crate::fact::FactKey;
use crate::ledger::{self, Entry, EnvironmentError, ScriptEnvironment};

/// How long a question may take on its way. An answer takes as long as an archive that was moved has to be read again.
const PATIENCE: Duration = Duration::from_secs(60);

/// An archive that is handed over, as its manifest tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handed {
    /// The name of its file, whose extension says how it is compressed.
    pub(crate) file: String,
    /// The length of the file.
    pub(crate) bytes: u64,
    /// The length of its content.
    pub(crate) raw_bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl From<&ArchiveRecord> for Handed {
    fn from(archive: &ArchiveRecord) -> Self {
        Self {
            file: archive.file.clone(),
            bytes: archive.bytes,
            raw_bytes: archive.raw_bytes,
            sha256: archive.sha256.clone(),
        }
    }
}

/// Why something of the backup is not to be had.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The backup holds these archives, and none of the name.
    Unknown(Vec<String>),
    /// It cannot be read: why.
    Unreadable(String),
    /// No backup is restored here.
    NoBackup,
}

/// Where the calls of a script go.
#[derive(Debug)]
pub(crate) enum Desk {
    /// To its private folder, and the folder of the backup where there is one.
    Folder {
        environment: ScriptEnvironment,
        source: Option<PathBuf>,
    },
    /// Through this socket.
    Hatch(PathBuf),
}

impl Desk {
    /// Finds it by the variables of a script.
    ///
    /// # Errors
    /// An environment that is not that of a script.
    pub(crate) fn of_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, EnvironmentError> {
        if let Some(socket) = variable(VARIABLE).filter(|path| !path.is_empty()) {
            return Ok(Self::Hatch(socket.into()));
        }
        Ok(Self::Folder {
            source: variable("BATT_SOURCE").map(PathBuf::from),
            environment: ScriptEnvironment::from_variables(variable)?,
        })
    }

    /// Finds it by the environment of this process.
    ///
    /// # Errors
    /// An environment that is not that of a script.
    pub(crate) fn of_this_script() -> Result<Self, EnvironmentError> {
        Self::of_variables(|name| std::env::var_os(name))
    }

    /// Puts an entry into the ledger.
    ///
    /// # Errors
    /// A ledger that cannot be written, or does not take it.
    pub(crate) fn note(&self, entry: &Entry) -> io::Result<()> {
        self.note_all(std::slice::from_ref(entry))
    }

    /// Puts entries into the ledger.
    ///
    /// # Errors
    /// A ledger that cannot be written, or does not take them.
    pub(crate) fn note_all(&self, entries: &[Entry]) -> io::Result<()> {
        match self {
            Self::Folder { environment, .. } => ledger::append_all(environment.staging(), entries),
            Self::Hatch(socket) => {
                let mut line = Line::to(socket)?;
                for part in parts(entries)? {
                    match line.ask(&Question::Note { entries: part })? {
                        (Answer::Noted, _) => {}
                        (answer, _) => return Err(unexpected(answer)),
                    }
                }
                Ok(())
            }
        }
    }

    /// Returns an archive of the backup: what its manifest tells of it, and its file to read from.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn archive(&self, name: &str) -> Result<(Handed, File), Unavailable> {
        match self {
            Self::Folder { environment, source } => {
                let source = source.as_deref().ok_or(Unavailable::NoBackup)?;
                let manifest = manifest(environment)?;
                let archive = manifest
                    .archive_named(name)
                    .ok_or_else(|| names(&manifest.archives))?;
                let file =
                    open_verified(source, environment.staging(), archive).map_err(Unavailable::Unreadable)?;
                Ok((archive.into(), file))
            }
            Self::Hatch(socket) => {
                let name = name.to_owned();
                match asked(socket, &Question::Archive { name })? {
                    (Answer::Archive(handed), Some(file)) => Ok((handed, File::from(file))),
                    (Answer::Unknown { names }, _) => Err(Unavailable::Unknown(names)),
                    (answer, _) => Err(Unavailable::Unreadable(unexpected(answer).to_string())),
                }
            }
        }
    }

    /// Returns facts that were recorded of the backup, with `of` of one of its archives; none where one was not.
    ///
    /// # Errors
    /// Why nobody can know.
    pub(crate) fn recorded(
        &self,
        of: Option<&str>,
        keys: Vec<FactKey>,
    ) -> Result<Vec<Option<String>>, Unavailable> {
        match self {
            Self::Folder { environment, .. } => {
                let manifest = manifest(environment)?;
                keys.into_iter().map(|key| fact(&manifest, of, key)).collect()
            }
            Self::Hatch(socket) => {
                let ask = |key| {
                    let of = of.map(str::to_owned);
                    match asked(socket, &Question::Fact { of, key })? {
                        (Answer::Fact { value }, _) => Ok(value),
                        (Answer::Unknown { names }, _) => Err(Unavailable::Unknown(names)),
                        (answer, _) => Err(Unavailable::Unreadable(unexpected(answer).to_string())),
                    }
                };
                keys.into_iter().map(ask).collect()
            }
        }
    }
}

impl Desk {
    /// Returns all facts that were recorded of the content of an archive. A drill has no use for them.
    ///
    /// # Errors
    /// Why nobody can know.
    pub(crate) fn facts(&self, of: &str) -> Result<BTreeMap<String, String>, Unavailable> {
        match self {
            Self::Folder { environment, .. } => {
                let mut manifest = manifest(environment)?;
                let found = manifest
                    .archives
                    .iter()
                    .position(|archive| archive.called() == of);
                let found = found.ok_or_else(|| names(&manifest.archives))?;
                Ok(manifest.archives.swap_remove(found).content)
            }
            Self::Hatch(_) => Err(Unavailable::Unreadable(
                "a drill is told one fact at a time".to_owned(),
            )),
        }
    }
}

/// Returns the manifest as it was verified, not as it may be by now.
fn manifest(environment: &ScriptEnvironment) -> Result<Manifest, Unavailable> {
    Manifest::read(environment.staging()).map_err(|error| Unavailable::Unreadable(error.to_string()))
}

/// Returns the error for a name that no archive has.
pub(super) fn names(archives: &[ArchiveRecord]) -> Unavailable {
    let names = archives.iter().take(MOST_NAMES);
    Unavailable::Unknown(names.map(|archive| archive.called().to_owned()).collect())
}

/// Returns a fact of a manifest.
pub(super) fn fact(
    manifest: &Manifest,
    of: Option<&str>,
    key: FactKey,
) -> Result<Option<String>, Unavailable> {
    let key = String::from(key);
    let found = match of {
        None => manifest.facts.get(&key),
        Some(name) => {
            let archive = manifest.archive_named(name);
            let archive = archive.ok_or_else(|| names(&manifest.archives))?;
            // What it holds, or what its check found.
            archive.content.get(&key).or_else(|| archive.facts.get(&key))
        }
    };
    Ok(found.cloned())
}

/// Parts entries so that each part is a question that is not too long.
fn parts(entries: &[Entry]) -> io::Result<Vec<Vec<Entry>>> {
    let mut parts = Vec::new();
    let (mut part, mut length) = (Vec::new(), 0);
    for entry in entries {
        length += serde_json::to_vec(entry)?.len();
        part.push(entry.clone());
        if length > QUESTION_ENOUGH {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
    }
    parts.push(part);
    Ok(parts)
}

fn asked(socket: &Path, question: &Question) -> Result<(Answer, Option<OwnedFd>), Unavailable> {
    Line::to(socket)
        .and_then(|mut line| line.ask(question))
        .map_err(|cause| Unavailable::Unreadable(format!("batt cannot be asked: {cause}")))
}

fn unexpected(answer: Answer) -> io::Error {
    match answer {
        Answer::Refused { reason } => io::Error::other(reason),
        _ => io::Error::other("batt gives an answer that was not asked for"),
    }
}

/// A line to whoever keeps the hatch.
struct Line(UnixStream);

impl Line {
    fn to(socket: &Path) -> io::Result<Self> {
        let stream = super::keeper::within_length(socket, |path| UnixStream::connect(path))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    fn ask(&mut self, question: &Question) -> io::Result<(Answer, Option<OwnedFd>)> {
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        let (first, descriptor) = self.first()?;
        let mut answer = vec![first];
        // One question at a time: nothing comes after its answer.
        BufReader::new((&self.0).take(ANSWER_LIMIT as u64)).read_until(b'\n', &mut answer)?;
        Ok((serde_json::from_slice(&answer)?, descriptor))
    }

    /// Returns the first byte of an answer, and the descriptor that came with it.
    fn first(&self) -> io::Result<(u8, Option<OwnedFd>)> {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            self.0.as_fd(),
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok((byte[0], descriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_entries_are_asked_in_parts() {
        let entry = Entry::Fact {
            of: None,
            key: FactKey::encoded("k").unwrap(),
            value: "x".repeat(60_000),
        };
        let parts = parts(&vec![entry; 40]).unwrap();
        assert!(parts.len() > 1);
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 40);
    }
}
