//! The log files of a run: what each host kept of its scripts' output, raw, one file per host.
//!
//! The first 4 MiB and the last 12 MiB of a host are kept. The end is written in turns into further files, of which two stay, and put
//! behind the beginning when the host has ended; a crash leaves all three, and [`read`] takes either.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use batt_protocol::Service;
use sha2::{Digest as _, Sha256};

use crate::event::{FleetEvent, FleetEventKind as Kind};
use crate::host::Host;
use crate::reader::Reader;
use crate::state::FleetState;

const HEAD: u64 = 4 << 20;
/// Two of these make the end; at the moment of a turn only one of them is full.
const TURN: u64 = 6 << 20;

/// Writes the log files of a run.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
    open: HashMap<Host, HostLog>,
    sizes: Sizes,
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    head: u64,
    turn: u64,
}

impl LogFiles {
    /// Returns the writer of the files in `logs` of a run's folder.
    pub(crate) fn new(run_folder: &Path) -> Self {
        Self {
            folder: run_folder.join("logs"),
            open: HashMap::new(),
            sizes: Sizes {
                head: HEAD,
                turn: TURN,
            },
        }
    }

    fn log(&mut self, host: &Host) -> io::Result<&mut HostLog> {
        use std::collections::hash_map::Entry;
        match self.open.entry(host.clone()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(HostLog::create(path(&self.folder, host), self.sizes)?)),
        }
    }
}

impl Reader for LogFiles {
    fn name(&self) -> &'static str {
        "the log files"
    }

    fn on_event(&mut self, event: &FleetEvent, _state: &FleetState) -> io::Result<()> {
        let Some(host) = &event.host else { return Ok(()) };
        match &event.event {
            Kind::LogReceived {
                service,
                offset,
                bytes,
            } => self.log(host)?.add(service, *offset, bytes),
            Kind::HostEnded { .. } => match self.open.remove(host) {
                Some(log) => log.finish(),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _state: &FleetState) -> io::Result<()> {
        let open = std::mem::take(&mut self.open);
        open.into_values().try_for_each(HostLog::finish)
    }
}

/// The log of one host. A file that is not needed is never made.
#[derive(Debug)]
struct HostLog {
    path: PathBuf,
    file: File,
    /// Which file is written to: 0 is the head, the others are the end, of which the last two are kept.
    turn: u64,
    written: u64,
    sizes: Sizes,
    /// Bytes of turns that were overwritten.
    dropped: u64,
    /// The service that printed last, and how far each is.
    last: Option<Service>,
    offsets: HashMap<Service, u64>,
}

impl HostLog {
    fn create(path: PathBuf, sizes: Sizes) -> io::Result<Self> {
        Ok(Self {
            file: open(&path)?,
            path,
            turn: 0,
            written: 0,
            sizes,
            dropped: 0,
            last: None,
            offsets: HashMap::new(),
        })
    }

    fn add(&mut self, service: &Service, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.last.as_ref() != Some(service) {
            self.write(format!("==> {service} <==\n").as_bytes())?;
            self.last = Some(service.clone());
        }
        let known = self.offsets.get(service).copied().unwrap_or(0);
        if offset > known {
            self.write(format!("\n==> {} bytes dropped on the host <==\n", offset - known).as_bytes())?;
        }
        self.offsets
            .insert(service.clone(), offset.saturating_add(bytes.len() as u64));
        self.write(bytes)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let limit = if self.turn == 0 {
                self.sizes.head
            } else {
                self.sizes.turn
            };
            if self.written >= limit {
                self.turn += 1;
                self.written = 0;
                if self.turn > 2 {
                    fs::remove_file(turn_path(&self.path, self.turn - 2))?;
                    self.dropped += self.sizes.turn;
                }
                self.file = open(&turn_path(&self.path, self.turn))?;
                continue;
            }
            let room = usize::try_from(limit - self.written).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(now)?;
            self.written += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Puts head and end into one file.
    fn finish(mut self) -> io::Result<()> {
        if self.turn == 0 {
            return self.file.sync_data();
        }
        let mut head = OpenOptions::new().append(true).open(&self.path)?;
        if self.dropped > 0 {
            head.write_all(format!("\n==> {} bytes dropped here <==\n", self.dropped).as_bytes())?;
        }
        let first = if self.turn == 1 { 1 } else { self.turn - 1 };
        for turn in first..=self.turn {
            io::copy(&mut File::open(turn_path(&self.path, turn))?, &mut head)?;
        }
        head.sync_data()?;
        self.written = 0;
        (first..=self.turn).try_for_each(|turn| fs::remove_file(turn_path(&self.path, turn)))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn path(folder: &Path, host: &Host) -> PathBuf {
    // A host's name is never a path, and comes from our own inventory.
    folder.join(format!("{}.log", stem(host)))
}

/// Returns how the files of a host begin: its name, or of one that is too long for a file system (255 bytes with what
/// follows) its beginning and a digest. No name holds a `~`.
fn stem(host: &Host) -> Cow<'_, str> {
    const LONGEST: usize = 200;
    let name = host.as_str();
    let Some(begin) = name.get(..LONGEST).filter(|begin| begin.len() < name.len()) else {
        return Cow::Borrowed(name);
    };
    let digest = Sha256::digest(name.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("{begin}~{digest}"))
}

fn turn_path(path: &Path, turn: u64) -> PathBuf {
    path.with_added_extension(turn.to_string())
}

/// Returns what is kept of a host's log; nothing when it printed nothing. The end of a run that crashed is appended
/// as it lies.
///
/// # Errors
/// When a file is there and cannot be read.
pub(crate) fn read(run_folder: &Path, host: &Host) -> io::Result<Vec<u8>> {
    let head = path(&run_folder.join("logs"), host);
    let mut log = read_or_nothing(&head)?;
    let name = format!("{}.log.", stem(host));
    let mut turns = Vec::new();
    for entry in fs::read_dir(run_folder.join("logs"))? {
        let file = entry?.file_name();
        let turn = file
            .to_str()
            .and_then(|file| file.strip_prefix(&name)?.parse::<u64>().ok());
        turns.extend(turn);
    }
    turns.sort_unstable();
    for turn in turns {
        log.extend(read_or_nothing(&turn_path(&head, turn))?);
    }
    Ok(log)
}

fn read_or_nothing(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path, sizes: Sizes) -> HostLog {
        fs::create_dir_all(folder.join("logs")).unwrap();
        HostLog::create(path(&folder.join("logs"), &"db1".parse().unwrap()), sizes).unwrap()
    }

    fn content(folder: &Path) -> String {
        String::from_utf8(read(folder, &"db1".parse().unwrap()).unwrap()).unwrap()
    }

    const LARGE: Sizes = Sizes {
        head: 1 << 20,
        turn: 1 << 20,
    };

    #[test]
    fn services_follow_each_other_and_gaps_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), LARGE);
        let (mysql, file) = ("mysql".parse().unwrap(), "file".parse().unwrap());
        log.add(&mysql, 0, b"one\n").unwrap();
        log.add(&mysql, 4, b"two\n").unwrap();
        log.add(&file, 0, b"three\n").unwrap();
        log.add(&mysql, 100, b"four\n").unwrap();
        log.finish().unwrap();
        assert_eq!(
            content(folder.path()),
            "==> mysql <==\none\ntwo\n==> file <==\nthree\n==> mysql <==\n\n==> 92 bytes dropped on the host <==\nfour\n"
        );
    }

    #[test]
    fn a_flood_leaves_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), Sizes { head: 100, turn: 50 });
        let service = "mysql".parse().unwrap();
        let mut offset = 0;
        for number in 0..1_000 {
            let line = format!("line {number:04}\n");
            log.add(&service, offset, line.as_bytes()).unwrap();
            offset += line.len() as u64;
        }
        let crashed = content(folder.path());
        assert!(
            crashed.len() <= 200 && crashed.ends_with("line 0999\n"),
            "{crashed}"
        );
        log.finish().unwrap();
        let text = content(folder.path());
        assert!(text.starts_with("==> mysql <==\nline 0000\n"), "{text}");
        assert!(text.ends_with("line 0999\n"), "{text}");
        let dropped: usize = text
            .split("==> ")
            .find_map(|part| {
                part.strip_suffix(" bytes dropped here <==\n")
                    .or(part.split_once(" bytes dropped here").map(|(n, _)| n))
            })
            .unwrap()
            .parse()
            .unwrap();
        let marker = format!("\n==> {dropped} bytes dropped here <==\n");
        let printed = "==> mysql <==\n".len() as u64 + offset;
        assert_eq!((text.len() - marker.len() + dropped) as u64, printed);
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 1);
    }

    #[test]
    fn names_that_are_too_long_for_a_file_have_one_each() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        let hosts: Vec<Host> = ["a", "b"]
            .iter()
            .map(|end| format!("{}{end}", "x.".repeat(126)).parse().unwrap())
            .collect();
        for host in &hosts {
            let path = path(&folder.path().join("logs"), host);
            let mut log = HostLog::create(path, Sizes { head: 10, turn: 10 }).unwrap();
            log.add(&"mysql".parse().unwrap(), 0, format!("of {host}").as_bytes())
                .unwrap();
        }
        for host in &hosts {
            let log = String::from_utf8(read(folder.path(), host).unwrap()).unwrap();
            assert!(log.ends_with(&host.as_str()[250..]), "{log}");
        }
    }

    #[test]
    fn a_host_that_printed_nothing_has_no_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        assert_eq!(content(folder.path()), "");
    }
}
