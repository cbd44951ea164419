//! Passphrases of encrypted keys, typed at the terminal. Without a terminal there are none: nothing ever waits for a
//! person who is not there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use batt_protocol::text;

use crate::transport::{Boxed, Passphrase, PassphraseSource};

/// The longest passphrase.
const LONGEST: usize = 1024;
/// How long until it is noticed that nobody wants the passphrase any more.
const GLANCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Asks at `/dev/tty`.
pub(crate) struct AtTerminal;

impl PassphraseSource for AtTerminal {
    fn ask<'a>(&'a self, file: &'a Path, attempt: u32) -> Boxed<'a, Option<Passphrase>> {
        let again = if attempt > 1 { "That is not it. " } else { "" };
        let question = format!("{again}Passphrase of {}: ", text::quoted(&file.to_string_lossy()));
        Box::pin(async move {
            let (sender, answer) = oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let typed = ask(&question, || sender.is_closed()).ok().flatten();
                // Whoever asked may have gone.
                let _ = sender.send(typed);
            });
            answer.await.ok().flatten().map(Passphrase)
        })
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO;
        hidden.local_modes |= LocalModes::ECHONL;
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

fn ask(question: &str, is_over: impl Fn() -> bool) -> io::Result<Option<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let hidden = Hidden::new(&terminal)?;
    let mut typed = Vec::new();
    while typed.last() != Some(&b'\n') {
        if is_over() || typed.len() > LONGEST {
            return Ok(None);
        }
        let mut wanted = [PollFd::new(&terminal, PollFlags::IN)];
        match poll(&mut wanted, Some(&GLANCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [0; 256];
        let size = (&terminal).read(&mut buffer)?;
        if size == 0 {
            return Ok(None);
        }
        typed.extend_from_slice(&buffer[..size]);
    }
    drop(hidden);
    typed.pop();
    Ok(String::from_utf8(typed).ok().filter(|typed| !typed.is_empty()))
}
