//! Lines in and lines out, and waiting for either a request or a change on the disk.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use batt_protocol::wire::{LineError, LineReader, encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

/// A controller that takes nothing for so long has gone.
const PATIENCE: Timespec = Timespec {
    tv_sec: 600,
    tv_nsec: 0,
};
/// `PIPE_BUF`.
const AT_ONCE: usize = 4096;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// So many bytes; whole lines may be waiting.
    Bytes(usize),
    /// Something else woke us, or the time is over.
    Nothing,
    /// The controller hung up.
    End,
}

/// The two streams of a session.
pub(super) struct Channel {
    input: Box<dyn AsFd>,
    output: Box<dyn AsFd>,
    lines: LineReader,
    buffer: Vec<u8>,
}

impl Channel {
    pub(super) fn new(input: impl AsFd + 'static, output: impl AsFd + 'static) -> Self {
        Self {
            input: Box::new(input),
            output: Box::new(output),
            lines: LineReader::new(),
            buffer: vec![0; 64 << 10],
        }
    }

    /// Sends one line.
    pub(super) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let line = encode(message).map_err(io::Error::other)?;
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            let output = self.output.as_fd();
            let mut waiting = [PollFd::from_borrowed_fd(output, PollFlags::OUT)];
            match poll(&mut waiting, Some(&PATIENCE)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(cause) => return Err(cause.into()),
            }
            // What fits for sure when there is room (pipe(7)), so that nobody is waited for but in `poll`.
            match rustix::io::write(output, &rest[..rest.len().min(AT_ONCE)]) {
                Ok(length) => rest = &rest[length..],
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    /// Waits for bytes, or for `other` to become readable, for `time` at most; without end where there is no time.
    pub(super) fn wait(
        &mut self,
        other: Option<BorrowedFd<'_>>,
        time: Option<Duration>,
    ) -> io::Result<Incoming> {
        let time = time
            .map(Timespec::try_from)
            .transpose()
            .map_err(io::Error::other)?;
        // Not through the buffer of `Stdin`, which would hide from `poll` what it holds.
        let input = self.input.as_fd();
        let mut waiting = vec![PollFd::from_borrowed_fd(input, PollFlags::IN)];
        waiting.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        match poll(&mut waiting, time.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Incoming::Nothing),
            Err(cause) => return Err(cause.into()),
        }
        if waiting[0].revents().is_empty() {
            return Ok(Incoming::Nothing);
        }
        match rustix::io::read(input, &mut self.buffer)? {
            0 => Ok(Incoming::End),
            length => {
                self.lines.feed(&self.buffer[..length]);
                Ok(Incoming::Bytes(length))
            }
        }
    }

    /// Returns the next whole line.
    pub(super) fn next_line(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        Ok(self.lines.next_line()?.map(<[u8]>::to_vec))
    }
}
