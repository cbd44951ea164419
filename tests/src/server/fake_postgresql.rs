//! A server that speaks as much of PostgreSQL's protocol as psql needs, and answers what a test likes: servers may be hostile.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use super::flood;

/// What answers a query: the columns of each row. No row at all is the answer to a statement without a result.
pub type Answers = Arc<dyn Fn(&str) -> Vec<Vec<String>> + Send + Sync>;

/// The protocol's version 3.0, and the wish for an encrypted connection (protocol-message-formats).
const STARTUP: u32 = 196_608;
const WISHES: [u32; 2] = [80_877_103, 80_877_104];
/// The type `text`, in pg_type.
const TEXT: i32 = 25;

/// What all connections share.
struct Shared {
    version: String,
    answers: Mutex<Answers>,
    begun: Mutex<Vec<BTreeMap<String, String>>>,
    /// What is in the queries whose last row comes again and again.
    endless: Mutex<Option<String>>,
    flooded: AtomicU64,
    /// What is in the queries that end a session.
    refused: Mutex<Option<String>>,
}

/// A server on a Unix socket. Its threads end with their clients.
pub struct FakePostgresql {
    folder: TempDir,
    shared: Arc<Shared>,
}

impl FakePostgresql {
    /// Starts one that calls itself by a version.
    pub fn start(version: &str, answers: Answers) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("batt-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket can be made");
        let shared = Arc::new(Shared {
            version: version.to_owned(),
            answers: Mutex::new(answers),
            begun: Mutex::default(),
            endless: Mutex::default(),
            flooded: AtomicU64::new(0),
            refused: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&of_thread);
                // A client that goes away in the middle is none of a test's business.
                thread::spawn(move || serve(&shared, &stream).ok());
            }
        });
        Self { folder, shared }
    }

    /// Answers otherwise from now on.
    pub fn answer(&self, answers: Answers) {
        *locked(&self.shared.answers) = answers;
    }

    /// Answers queries with this text in them without end.
    pub fn flood(&self, about: &str) {
        *locked(&self.shared.endless) = Some(about.to_owned());
    }

    /// Ends each session that sends a query with this text in it.
    pub fn refuse(&self, about: &str) {
        *locked(&self.shared.refused) = Some(about.to_owned());
    }

    /// Returns how many bytes of answers without end clients have taken.
    pub fn flooded(&self) -> u64 {
        self.shared.flooded.load(Ordering::Relaxed)
    }

    /// Returns the packets that sessions have begun with.
    pub fn begun(&self) -> Vec<BTreeMap<String, String>> {
        locked(&self.shared.begun).clone()
    }

    /// Returns the settings that lead a client here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.folder.path().display().to_string()),
            ("PGUSER", "postgres".to_owned()),
        ]
    }

    /// Returns the path of the socket's folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one client until it goes.
fn serve(shared: &Shared, stream: &UnixStream) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    let parameters = loop {
        let packet = packet(&mut input)?;
        let code = u32::from_be_bytes(packet[..4].try_into().expect("four bytes"));
        if WISHES.contains(&code) {
            output.write_all(b"N")?;
        } else if code == STARTUP {
            break packet[4..].to_vec();
        } else {
            return Ok(());
        }
    };
    let words: Vec<String> = parameters
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let pairs = words
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()));
    locked(&shared.begun).push(pairs.collect());

    let mut greeting = message(b'R', &0_i32.to_be_bytes());
    for (name, value) in [
        ("server_version", shared.version.as_str()),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
    ] {
        greeting.extend(message(b'S', format!("{name}\0{value}\0").as_bytes()));
    }
    greeting.extend(message(b'K', &[0; 8]));
    greeting.extend(message(b'Z', b"I"));
    output.write_all(&greeting)?;
    loop {
        let mut kind = [0];
        input.read_exact(&mut kind)?;
        let body = packet(&mut input)?;
        match kind[0] {
            b'Q' => {
                let query = String::from_utf8_lossy(body.strip_suffix(&[0]).unwrap_or(&body)).into_owned();
                let answers = Arc::clone(&locked(&shared.answers));
                let is_meant = |about: &Mutex<Option<String>>| {
                    locked(about)
                        .as_ref()
                        .is_some_and(|about| query.contains(about.as_str()))
                };
                if is_meant(&shared.refused) {
                    let told = b"SFATAL\0VFATAL\0C57P01\0Mno more of you\0\0";
                    return output.write_all(&message(b'E', told));
                }
                let rows = answers(&query);
                if is_meant(&shared.endless)
                    && let Some(last) = rows.last()
                {
                    output.write_all(&columns(rows.first()))?;
                    if flood(&mut output, &row(last).repeat(1 << 10), &shared.flooded).is_none() {
                        return Ok(());
                    }
                }
                output.write_all(&answer(&rows))?;
            }
            _ => return Ok(()),
        }
    }
}

fn answer(rows: &[Vec<String>]) -> Vec<u8> {
    let mut told = columns(rows.first());
    rows.iter().for_each(|values| told.extend(row(values)));
    let tag: &[u8] = if rows.is_empty() { b"SET\0" } else { b"SELECT 1\0" };
    told.extend(message(b'C', tag));
    told.extend(message(b'Z', b"I"));
    told
}

fn count(length: usize) -> [u8; 2] {
    i16::try_from(length).expect("few columns").to_be_bytes()
}

fn columns(first: Option<&Vec<String>>) -> Vec<u8> {
    let mut told = Vec::new();
    if let Some(first) = first {
        let mut columns = count(first.len()).to_vec();
        for _ in first {
            columns.extend(b"column\0");
            columns.extend(0_i32.to_be_bytes());
            columns.extend(0_i16.to_be_bytes());
            columns.extend(TEXT.to_be_bytes());
            columns.extend((-1_i16).to_be_bytes());
            columns.extend((-1_i32).to_be_bytes());
            columns.extend(0_i16.to_be_bytes());
        }
        told.extend(message(b'T', &columns));
    }
    told
}

fn row(row: &[String]) -> Vec<u8> {
    let mut values = count(row.len()).to_vec();
    for value in row {
        let length = i32::try_from(value.len()).expect("a short value");
        values.extend(length.to_be_bytes());
        values.extend(value.as_bytes());
    }
    message(b'D', &values)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.extend(body);
    message
}

/// Reads a length, itself included, and as many bytes.
fn packet(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length).saturating_sub(4).min(1 << 24);
    let mut body = vec![0; length as usize];
    input.read_exact(&mut body)?;
    Ok(body)
}
