//! The writer's end of an output: what is given to it is written by a thread of its own, so that a terminal that is
//! stopped or a pipe that nobody reads never holds up a host.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// An output. What cannot be written is told at the next call.
#[derive(Debug)]
pub(crate) struct Screen {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<u8>,
    is_writing: bool,
    is_closed: bool,
    failure: Option<(io::ErrorKind, String)>,
}

/// How long a screen is waited for at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// What is left is part of the result.
    Endless,
    /// What is left is only for the eye.
    Short(Duration),
}

impl Screen {
    /// How much may wait to be written. What nobody reads for that long is given up.
    pub(crate) const MAX_WAITING: usize = 8 << 20;

    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn new(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || theirs.write_all(output))?;
        Ok(Self { shared })
    }

    /// Gives it something to write, and does not wait for it.
    ///
    /// # Errors
    /// When something given before could not be written (a broken pipe), or too much of it waits.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        let mut queue = self.shared.lock();
        queue.check()?;
        if queue.waiting.len().saturating_add(text.len()) > Self::MAX_WAITING {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "nobody reads what is written",
            ));
        }
        queue.waiting.extend_from_slice(text.as_bytes());
        drop(queue);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Tells whether all that was given is written. What can be left out need not be given before.
    ///
    /// # Errors
    /// When something given before could not be written.
    pub(crate) fn is_idle(&self) -> io::Result<bool> {
        let queue = self.shared.lock();
        queue.check()?;
        Ok(queue.is_idle())
    }

    /// Waits until all that was given is written.
    ///
    /// # Errors
    /// When it could not be written, or was not in time.
    pub(crate) fn finish(&self, patience: Patience) -> io::Result<()> {
        let end = match patience {
            Patience::Endless => None,
            Patience::Short(time) => Some(Instant::now() + time),
        };
        let mut queue = self.shared.lock();
        loop {
            queue.check()?;
            if queue.is_idle() {
                return Ok(());
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            queue = match left {
                None => self
                    .shared
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "it does not take what is written",
                    ));
                }
                Some(left) => {
                    let waited = self.shared.changed.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The thread is not waited for: it may hang in a write for ever.
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut output: impl Write) {
        let mut queue = self.lock();
        loop {
            if queue.waiting.is_empty() {
                if queue.is_closed {
                    return;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let bytes = std::mem::take(&mut queue.waiting);
            queue.is_writing = true;
            drop(queue);
            let result = output.write_all(&bytes).and_then(|()| output.flush());
            queue = self.lock();
            queue.is_writing = false;
            if let Err(error) = result {
                queue.failure = Some((error.kind(), error.to_string()));
                queue.waiting = Vec::new();
            }
            self.changed.notify_all();
            if queue.failure.is_some() {
                return;
            }
        }
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            None => Ok(()),
            Some((kind, reason)) => Err(io::Error::new(*kind, reason.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// More than any pipe holds.
    const FLOOD: usize = 2 << 20;

    #[test]
    fn what_is_given_is_written_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let screen = Screen::new(writer).unwrap();
        for number in 0..100 {
            screen.write(&format!("{number}\n")).unwrap();
        }
        screen.finish(Patience::Endless).unwrap();
        assert!(screen.is_idle().unwrap());
        drop(screen);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..100));
    }

    #[test]
    fn a_broken_pipe_is_told_and_nothing_waits_for_it() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let screen = Screen::new(writer).unwrap();
        screen.write("lost").unwrap();
        let error = screen.finish(Patience::Endless).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(screen.write("more").is_err());
        assert!(screen.is_idle().is_err());
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_up_nobody_and_takes_bounded_memory() {
        let (reader, writer) = io::pipe().unwrap();
        let screen = Screen::new(writer).unwrap();
        let flood = "x".repeat(FLOOD);
        let refused = (0..10).find_map(|_| screen.write(&flood).err()).unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert!(!screen.is_idle().unwrap());
        let late = screen.finish(Patience::Short(Duration::ZERO)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        // The thread ends with its pipe.
        drop(reader);
        assert!(screen.finish(Patience::Endless).is_err());
    }
}
