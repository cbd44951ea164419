//! A MySQL server that answers what a test wants. It lets anybody in, and can ask a client for a file of its own.
//!
//! The protocol is that of "MySQL Internals: Client/Server Protocol": handshake 10, text result sets.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::flood;

/// What a server answers to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Rows of texts; every row has as many columns as the first.
    Rows(Vec<Vec<Vec<u8>>>),
    /// The same row again and again.
    WithoutEnd(Vec<Vec<u8>>),
    /// It has done what was asked.
    Done,
    /// It refuses.
    Refused,
    /// It wants a file of the client's host: `LOAD DATA LOCAL INFILE`, though nobody asked it to load anything.
    WantsFile(String),
}

impl Reply {
    /// Returns one row of one column.
    pub fn text(text: &str) -> Self {
        Reply::Rows(vec![vec![text.as_bytes().to_vec()]])
    }
}

/// A server on a port of its own, as long as this value lives.
#[derive(Debug)]
pub struct FakeMysql {
    port: u16,
    ended: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    flooded: Arc<AtomicU64>,
}

/// What clients have sent.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// The statements.
    pub statements: Vec<String>,
    /// The content of files that were asked for.
    pub files: Vec<Vec<u8>>,
}

/// Says to each statement what the server answers.
pub type Answering = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

impl FakeMysql {
    /// Starts a server.
    pub fn start(answering: Answering) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ears = Arc::clone(&heard);
        let flooded = Arc::new(AtomicU64::new(0));
        let flood = Arc::clone(&flooded);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (answering, ears) = (Arc::clone(&answering), Arc::clone(&ears));
                let flood = Arc::clone(&flood);
                if let Ok(connection) = connection {
                    thread::spawn(move || Session::new(connection, flood).serve(&answering, &ears));
                }
            }
        });
        Self {
            port,
            ended,
            heard,
            flooded,
        }
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns how many bytes of answers without end clients have taken.
    pub fn flooded(&self) -> u64 {
        self.flooded.load(Ordering::Relaxed)
    }

    /// Returns what clients have sent so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeMysql {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the one who waits for a connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A connection, and the number of the next packet on it.
struct Session {
    connection: TcpStream,
    sequence: u8,
    flooded: Arc<AtomicU64>,
}

const OK: &[u8] = b"\0\0\0\x02\0\0\0";
const END: &[u8] = b"\xfe\0\0\x02\0";
const REFUSED: &[u8] = b"\xff\x28\x04#42000no";

impl Session {
    fn new(connection: TcpStream, flooded: Arc<AtomicU64>) -> Self {
        Self {
            connection,
            sequence: 0,
            flooded,
        }
    }

    fn serve(mut self, answering: &Answering, heard: &Mutex<Heard>) -> Option<()> {
        // Long password, transactions, protocol 4.1, secure connection, local files, several results.
        let mut greeting = b"\x0a10.11.19-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
        greeting
            .extend(b"\x8d\xa2\x2d\x02\0\x0b\0\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0");
        self.send(&greeting)?;
        self.receive()?;
        self.send(OK)?;
        loop {
            self.sequence = 0;
            let packet = self.receive()?;
            match packet.split_first()? {
                (3, statement) => {
                    let statement = String::from_utf8_lossy(statement).into_owned();
                    let reply = answering(&statement);
                    lock(heard).statements.push(statement);
                    self.reply(reply, heard)?;
                }
                (1, _) => return None,
                _ => self.send(OK)?,
            }
        }
    }

    fn reply(&mut self, reply: Reply, heard: &Mutex<Heard>) -> Option<()> {
        match reply {
            Reply::Done => self.send(OK),
            Reply::Refused => self.send(REFUSED),
            Reply::Rows(rows) => self.rows(&rows),
            Reply::WithoutEnd(row) => {
                self.columns(row.len())?;
                // As many as there are numbers of packets.
                let mut again = Vec::new();
                for _ in 0..=u8::MAX {
                    again.extend(self.packet(&texts(&row))?);
                }
                flood(&mut self.connection, &again, &self.flooded)?;
                self.send(END)
            }
            Reply::WantsFile(path) => {
                self.send(&[b"\xfb", path.as_bytes()].concat())?;
                let mut content = Vec::new();
                loop {
                    let packet = self.receive()?;
                    if packet.is_empty() {
                        break;
                    }
                    content.extend(packet);
                }
                if !content.is_empty() {
                    lock(heard).files.push(content);
                }
                self.send(OK)
            }
        }
    }

    fn rows(&mut self, rows: &[Vec<Vec<u8>>]) -> Option<()> {
        self.columns(rows.first().map_or(1, Vec::len))?;
        for row in rows {
            self.send(&texts(row))?;
        }
        self.send(END)
    }

    fn columns(&mut self, columns: usize) -> Option<()> {
        self.send(&[u8::try_from(columns).ok()?])?;
        for _ in 0..columns {
            let mut column = Vec::new();
            for text in ["def", "", "", "", "c", ""] {
                put(&mut column, text.as_bytes());
            }
            // utf8mb4, as long as may be, VAR_STRING.
            column.extend(b"\x0c\x2d\0\xff\xff\xff\0\xfd\0\0\0\0\0");
            self.send(&column)?;
        }
        self.send(END)
    }

    fn send(&mut self, payload: &[u8]) -> Option<()> {
        let packet = self.packet(payload)?;
        self.connection.write_all(&packet).ok()
    }

    fn packet(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(payload.len()).ok()?.to_le_bytes();
        let header = [length[0], length[1], length[2], self.sequence];
        self.sequence = self.sequence.wrapping_add(1);
        Some([&header, payload].concat())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; 4];
        self.connection.read_exact(&mut header).ok()?;
        self.sequence = header[3].wrapping_add(1);
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.connection.read_exact(&mut payload).ok()?;
        Some(payload)
    }
}

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a row.
fn texts(row: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = Vec::new();
    row.iter().for_each(|text| put(&mut packet, text));
    packet
}

/// Puts a text with its length before it.
fn put(packet: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).expect("texts of tests are short");
    match u8::try_from(length) {
        Ok(length) if length < 0xfb => packet.push(length),
        _ => packet.extend([&[0xfc], &length.to_le_bytes()[..]].concat()),
    }
    packet.extend(text);
}
