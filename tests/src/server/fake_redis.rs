//! A Redis server that answers what a test wants: an honest one, with answers in it that are not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::{FLOOD, flood};

/// What a server of its kind says of itself. The fields that scripts read are among them.
const INFO: &str = "redis_version:7.0.15\r\nloading:0\r\ncluster_enabled:0\r\nrole:master\r\nmaster_link_status:up\r\n\
    aof_enabled:0\r\nused_memory:1048576\r\nrdb_bgsave_in_progress:0\r\nrdb_last_bgsave_status:ok\r\n\
    db0:keys=3,expires=0,avg_ttl=0\r\n";

/// An empty data set, as version 7 writes it, with a checksum that says that there is none.
pub const RDB: &[u8] = b"REDIS0010\xff\0\0\0\0\0\0\0\0";

/// A server that speaks RESP, as long as this value lives.
#[derive(Debug)]
pub struct FakeRedis {
    place: Place,
    ended: Arc<AtomicBool>,
    state: Arc<State>,
}

/// What its threads share.
#[derive(Debug, Default)]
struct State {
    answers: Answers,
    /// The words of the command that is answered without end.
    endless: Option<&'static str>,
    saves: AtomicUsize,
    flooded: AtomicU64,
}

/// Where a server listens.
#[derive(Debug)]
enum Place {
    Port(u16),
    Socket(PathBuf),
}

/// The answers that are not the honest ones: by the words of a command, or by a field of `INFO` as `INFO used_memory`.
pub type Answers = BTreeMap<String, Vec<u8>>;

impl FakeRedis {
    /// Starts a server on a port of its own.
    pub fn start(answers: Answers) -> Self {
        Self::at_a_port(State {
            answers,
            ..State::default()
        })
    }

    /// Starts one that answers a command without end.
    pub fn flooding(command: &'static str) -> Self {
        Self::at_a_port(State {
            endless: Some(command),
            ..State::default()
        })
    }

    fn at_a_port(state: State) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let accept = move || {
            let (connection, _) = listener.accept().ok()?;
            let reader = connection.try_clone().ok()?;
            Some((
                Box::new(reader) as Box<dyn Read + Send>,
                Box::new(connection) as Box<dyn Write + Send>,
            ))
        };
        Self::serving(Place::Port(port), state, accept)
    }

    /// Starts a server on a Unix socket.
    pub fn start_at(socket: &Path, answers: Answers) -> Self {
        let listener = UnixListener::bind(socket).expect("the socket can be made");
        let accept = move || {
            let (connection, _) = listener.accept().ok()?;
            let reader = connection.try_clone().ok()?;
            Some((
                Box::new(reader) as Box<dyn Read + Send>,
                Box::new(connection) as Box<dyn Write + Send>,
            ))
        };
        let state = State {
            answers,
            ..State::default()
        };
        Self::serving(Place::Socket(socket.to_owned()), state, accept)
    }

    fn serving(
        place: Place,
        state: State,
        mut accept: impl FnMut() -> Option<(Box<dyn Read + Send>, Box<dyn Write + Send>)> + Send + 'static,
    ) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while let Some((reader, writer)) = accept() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                // A client that goes away is no matter of a server.
                thread::spawn(move || serve(BufReader::new(reader), writer, &state));
            }
        });
        Self { place, ended, state }
    }

    /// Returns how many bytes of the answer without end clients have taken.
    pub fn flooded(&self) -> u64 {
        self.state.flooded.load(Ordering::Relaxed)
    }

    /// Returns its port on 127.0.0.1; 0 for one on a socket.
    pub fn port(&self) -> u16 {
        match self.place {
            Place::Port(port) => port,
            Place::Socket(_) => 0,
        }
    }
}

impl Drop for FakeRedis {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the one who waits for a connection.
        match &self.place {
            Place::Port(port) => drop(TcpStream::connect(("127.0.0.1", *port))),
            Place::Socket(path) => drop(UnixStream::connect(path)),
        }
    }
}

fn serve(mut reader: impl BufRead, mut writer: impl Write, state: &State) -> Option<()> {
    loop {
        let words = command(&mut reader)?;
        let is_meant = |command: &str| command.eq_ignore_ascii_case(&words.join(" "));
        if state.endless.is_some_and(is_meant) {
            writer.write_all(format!("${}\r\n", FLOOD * 2).as_bytes()).ok()?;
            flood(&mut writer, &b"field:value\r\n".repeat(1 << 12), &state.flooded)?;
            return None;
        }
        writer
            .write_all(&answer(&words, &state.answers, &state.saves))
            .ok()?;
    }
}

/// Reads a command: an array of texts, or words on a line.
fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let Some(count) = line.strip_prefix('*') else {
        return Some(line.split_whitespace().map(str::to_owned).collect());
    };
    (0..number(count)?)
        .map(|_| {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let mut text = vec![0; number(line.strip_prefix('$')?)? + 2];
            reader.read_exact(&mut text).ok()?;
            text.truncate(text.len() - 2);
            Some(String::from_utf8_lossy(&text).into_owned())
        })
        .collect()
}

/// Reads a count, of what a client of a test sends.
fn number(text: &str) -> Option<usize> {
    text.trim_end().parse().ok().filter(|number| *number < 1 << 20)
}

fn answer(words: &[String], answers: &Answers, saves: &AtomicUsize) -> Vec<u8> {
    let line = words.join(" ").to_uppercase();
    if let Some(told) = answers.get(&line) {
        return match line.as_str() {
            "SYNC" => [format!("${}\r\n", told.len()).as_bytes(), told].concat(),
            "CONFIG GET DIR" | "CONFIG GET DBFILENAME" => list(&[words[2].to_lowercase().as_bytes(), told]),
            "TIME" => list(&[told, b"0"]),
            _ => bulk(told),
        };
    }
    let saved = saves.load(Ordering::Relaxed);
    match line.split(' ').next().unwrap_or_default() {
        "INFO" => bulk(&info(answers)),
        "LASTSAVE" => format!(":{}\r\n", 1000 + 2 * saved).into_bytes(),
        "TIME" => list(&[(1001 + 2 * saved).to_string().as_bytes(), b"0"]),
        "BGSAVE" => {
            saves.fetch_add(1, Ordering::Relaxed);
            b"+Background saving started\r\n".to_vec()
        }
        "SYNC" => [format!("${}\r\n", RDB.len()).as_bytes(), RDB].concat(),
        "CONFIG" => list(&[b"dir", b"/nonexistent"]),
        _ => b"+OK\r\n".to_vec(),
    }
}

fn info(answers: &Answers) -> Vec<u8> {
    let mut said = Vec::new();
    for line in INFO.split_inclusive("\r\n") {
        let (field, _) = line.split_once(':').expect("fields have values");
        match answers.get(&format!("INFO {field}")) {
            Some(told) => said.extend([field.as_bytes(), b":", told, b"\r\n"].concat()),
            None => said.extend(line.as_bytes()),
        }
    }
    said
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn list(texts: &[&[u8]]) -> Vec<u8> {
    let mut answer = format!("*{}\r\n", texts.len()).into_bytes();
    texts.iter().for_each(|text| answer.extend(bulk(text)));
    answer
}
