//! One conversation with `batt serve`: the greeting, then requests and replies, over a channel of the transport.
//!
//! What a host sends is bounded in length, count and time, and a stream that ends before it should is lost, never well.
//! A trouble ends the conversation; a refusal is an answer, after which it goes on.

mod absence;
mod bounds;

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use batt_protocol::wire::{
    GREETING_START, Greeting, Hello, LineError, LineReader, MAX_NOISE, PROTOCOL, ProtocolRange, Refusal,
    Reply, Request, encode,
};
use batt_protocol::{HostClass, RunId, text};

pub(crate) use self::bounds::bounded;
use crate::shell::AgentPlace;
use crate::transport::{Channel, Connection, Ending};
use crate::trouble::{Trouble, foreign, last_line};

/// The versions of the protocol that this controller speaks.
const SPOKEN: ProtocolRange = ProtocolRange {
    oldest: PROTOCOL,
    newest: PROTOCOL,
};
/// The most messages of one conversation: a host that progresses every second for eleven days.
const MAX_MESSAGES: u64 = 1_000_000;
/// The most bytes of one conversation: sixty services that each fill their log.
const MAX_BYTES: u64 = 1 << 30;
/// What a message of the line counts at least: many small ones are work too.
const SMALLEST: u64 = 64;
/// The longest text that an agent may say of itself.
const MAX_WORD: usize = 256;

/// How long a host may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    /// From the command until the greeting.
    pub(crate) greeting: Duration,
    /// Between two messages, and for one of ours to be taken. An agent that follows a run says something every 10 s.
    pub(crate) silence: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(10),
            silence: Duration::from_secs(60),
        }
    }
}

/// A conversation after its greeting.
pub(crate) struct Session {
    channel: Channel,
    lines: LineReader,
    silence: Duration,
    heard: Instant,
    messages: u64,
    bytes: u64,
}

/// What the beginning of a conversation told.
pub(crate) struct Opened {
    /// The conversation.
    pub(crate) session: Session,
    /// What the agent says of itself; its words are bounded, not escaped.
    pub(crate) hello: Hello,
    /// What a login shell printed before, as a sentence to show.
    pub(crate) noise: Option<String>,
}

impl Session {
    /// Starts the agent and reads its greeting.
    ///
    /// # Errors
    /// No agent, no root, an agent that is too old or too new, no greeting in time, a line that went down.
    pub(crate) async fn open(
        connection: &mut dyn Connection,
        place: &AgentPlace,
        limits: SessionLimits,
    ) -> Result<Opened, Trouble> {
        let command = place.serve();
        let deadline = Instant::now() + limits.greeting;
        let opening = async {
            let channel = connection
                .exec(&command)
                .await
                .map_err(|lost| Trouble::lost(lost.to_string()))?;
            let mut session = Self {
                channel,
                lines: LineReader::new(),
                silence: limits.silence,
                heard: Instant::now(),
                messages: 0,
                bytes: 0,
            };
            let (hello, noise) = session.greeting(place).await?;
            Ok(Opened {
                session,
                hello,
                noise,
            })
        };
        timeout_at(deadline, opening).await.unwrap_or_else(|_| {
            let seconds = limits.greeting.as_secs_f64();
            Err(Trouble::new(
                HostClass::TimedOut,
                format!("the agent did not greet within {seconds} s"),
            )
            .hint(format!("Try it by hand on the host: `{command}`.")))
        })
    }

    async fn greeting(&mut self, place: &AgentPlace) -> Result<(Hello, Option<String>), Trouble> {
        let mut noise: Vec<u8> = Vec::new();
        loop {
            match self.lines.next_line() {
                Ok(Some(line)) => match find(line, GREETING_START.as_bytes()) {
                    Some(start) => {
                        noise.extend_from_slice(&line[..start]);
                        let hello = hello(&line[start..])?;
                        self.heard = Instant::now();
                        return Ok((hello, told(&noise)));
                    }
                    None => {
                        noise.extend_from_slice(line);
                        noise.push(b'\n');
                    }
                },
                Ok(None) => match self.channel.stdout.recv().await {
                    Some(bytes) => self.lines.feed(&bytes),
                    None => {
                        noise.extend_from_slice(self.lines.rest());
                        let ending = self.channel.ending().await;
                        return Err(absence::why(&ending, &self.channel.stderr(), &noise, place));
                    }
                },
                Err(_) => return Err(too_noisy(&noise)),
            }
            if noise.len() > MAX_NOISE {
                return Err(too_noisy(&noise));
            }
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// A line that went down or is not read for as long as a host may be silent.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<(), Trouble> {
        let line =
            encode(request).map_err(|error| Trouble::protocol(format!("cannot ask the host: {error}")))?;
        let stdin = &mut self.channel.stdin;
        let sending = async {
            stdin.write_all(&line).await?;
            stdin.flush().await
        };
        match timeout(self.silence, sending).await {
            // An answer is waited for from here on.
            Ok(Ok(())) => {
                self.heard = Instant::now();
                Ok(())
            }
            // The end of the other direction tells more than a broken pipe.
            Ok(Err(error)) => Err(
                match timeout(Duration::from_secs(1), self.channel.ending()).await {
                    Ok(ending) => self.lost(&ending),
                    Err(_) => Trouble::lost(format!("the connection broke: {error}")),
                },
            ),
            Err(_) => Err(Trouble::lost(format!(
                "the host took nothing for {} s",
                self.silence.as_secs_f64()
            ))),
        }
    }

    /// Returns the next reply that this version knows. May be dropped and called again.
    ///
    /// # Errors
    /// A stream that ended, was silent for too long, or holds what cannot be.
    pub(crate) async fn receive(&mut self) -> Result<Reply, Trouble> {
        loop {
            match self.lines.next_message::<Reply>() {
                Ok(Some(reply)) => {
                    self.heard = Instant::now();
                    self.messages += 1;
                    if self.messages > MAX_MESSAGES || self.bytes > MAX_BYTES {
                        return Err(Trouble::protocol("the host sends without end"));
                    }
                    // `alive` has done what it is for: the line is not silent.
                    if !matches!(reply, Reply::Alive | Reply::Unknown) {
                        return bounded(reply);
                    }
                }
                Ok(None) => match timeout_at(self.heard + self.silence, self.channel.stdout.recv()).await {
                    Ok(Some(bytes)) => {
                        self.bytes = self.bytes.saturating_add(SMALLEST.max(bytes.len() as u64));
                        self.lines.feed(&bytes);
                    }
                    Ok(None) => {
                        let ending = self.channel.ending().await;
                        return Err(self.lost(&ending));
                    }
                    Err(_) => {
                        let seconds = self.silence.as_secs_f64();
                        return Err(Trouble::lost(format!("the host was silent for {seconds} s")));
                    }
                },
                Err(error) => return Err(not_understood(&error)),
            }
        }
    }

    /// Sends a request and returns its answer, or that it was refused.
    ///
    /// # Errors
    /// Those of [`Session::send`] and [`Session::receive`].
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Result<Reply, Refusal>, Trouble> {
        self.send(request).await?;
        self.answer().await
    }

    /// Returns the answer to what was sent last, or that it was refused.
    ///
    /// # Errors
    /// Those of [`Session::receive`].
    pub(crate) async fn answer(&mut self) -> Result<Result<Reply, Refusal>, Trouble> {
        Ok(match self.receive().await? {
            Reply::Refused(refusal) => Err(refusal),
            reply => Ok(reply),
        })
    }

    fn lost(&self, ending: &Ending) -> Trouble {
        let how = match ending {
            Ending::Exited(code) => {
                format!("the agent ended with exit code {code} before its closing message")
            }
            Ending::Signalled(signal) => {
                format!(
                    "signal {} ended the agent before its closing message",
                    foreign(signal)
                )
            }
            Ending::Lost(reason) => format!("the connection was lost: {}", foreign(reason)),
        };
        match last_line(&self.channel.stderr()) {
            Some(words) => Trouble::lost(format!("{how}; its last words: {words}")),
            None => Trouble::lost(how),
        }
    }
}

/// Returns the trouble of a reply that is no answer to what was asked.
pub(crate) fn out_of_place(expected: &str) -> Trouble {
    Trouble::protocol(format!("the host did not answer with `{expected}`"))
}

/// Checks that a reply speaks of our run: an id from a host is never trusted.
///
/// # Errors
/// A reply about another run.
pub(crate) fn check_run(ours: &RunId, theirs: &RunId) -> Result<(), Trouble> {
    if ours == theirs {
        Ok(())
    } else {
        Err(Trouble::protocol(format!(
            "the host spoke of run `{theirs}`, which is not ours"
        )))
    }
}

fn hello(line: &[u8]) -> Result<Hello, Trouble> {
    let Greeting { batt: hello } = serde_json::from_slice(line)
        .map_err(|error| Trouble::protocol(format!("the greeting cannot be understood: {error}")))?;
    let words = [&hello.version, &hello.host_id, &hello.host, &hello.bundle];
    if words.iter().any(|word| word.len() > MAX_WORD) {
        return Err(Trouble::protocol(
            "the greeting holds a word of more than 256 bytes",
        ));
    }
    if hello.protocol.contains(PROTOCOL) {
        return Ok(hello);
    }
    let theirs = match hello.protocol {
        ProtocolRange { oldest, newest } if oldest == newest => format!("{oldest}"),
        ProtocolRange { oldest, newest } => format!("{oldest} to {newest}"),
    };
    let version = text::quoted(&hello.version);
    let why = format!("`batt` {version} speaks version {theirs} of the protocol, and we speak {PROTOCOL}");
    Err(if hello.protocol.newest < SPOKEN.oldest {
        Trouble::new(HostClass::AgentTooOld, why)
            .hint("Install the present one with `batt-fleet push --agent`.")
    } else {
        Trouble::protocol(why).hint("Use a `batt-fleet` that is as new as the agent.")
    })
}

/// Returns what a line says that may be a greeting.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn greeted(line: &[u8]) -> Result<Hello, Trouble> {
    hello(line)
}

fn told(noise: &[u8]) -> Option<String> {
    let printed = String::from_utf8_lossy(noise);
    let first = printed.lines().map(str::trim).find(|line| !line.is_empty())?;
    let bytes = noise.len();
    Some(format!(
        "the login shell printed {} before the greeting: {}",
        text::count(bytes, "byte"),
        text::quoted(first)
    ))
}

fn too_noisy(noise: &[u8]) -> Trouble {
    let trouble = Trouble::protocol("there was no greeting in the first 64 KiB that the host printed")
        .hint("The login shell's files must print nothing when it is not interactive.");
    match told(noise) {
        Some(words) => trouble.hint(format!("What came instead: {words}.")),
        None => trouble,
    }
}

fn not_understood(error: &LineError) -> Trouble {
    Trouble::protocol(format!("what the host sent cannot be used: {error}"))
}

fn find(line: &[u8], word: &[u8]) -> Option<usize> {
    line.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests;
