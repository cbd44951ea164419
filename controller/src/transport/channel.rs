//! One command on a host: its stdin, its stdout, the end of its stderr, and how it ended. What a transport has to
//! bring is a writer and a [`Source`]; the rules of reading are here, once for all transports.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Boxed;

/// What is kept of stderr: enough for the last words of a shell or of sudo.
const STDERR_KEPT: usize = 16 * 1024;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It ended by itself, with this code, and all its output has arrived.
    Exited(u32),
    /// A signal killed it: the name without `SIG`.
    Signalled(String),
    /// The line went down, or the host told no status; what the command did is not known.
    Lost(String),
}

/// What a host sends on the channel of a command.
#[derive(Debug)]
pub(crate) enum Received {
    Stdout(Bytes),
    Stderr(Bytes),
    Status(Ending),
    /// The host has closed the channel: everything has arrived.
    Closed,
}

/// Where a channel's messages come from.
pub(crate) trait Source: Send {
    /// Returns the next message, or the reason why there will be none. May be dropped and called again.
    fn next(&mut self) -> Boxed<'_, Result<Received, String>>;
}

/// A running command. Write and read at the same time when both may be large: as with a pipe, a command that waits
/// for its reader does not read. Dropping the channel closes it: the command's input ends and its output breaks, but no
/// signal is sent.
pub(crate) struct Channel {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
}

impl Channel {
    pub(crate) fn new(stdin: impl AsyncWrite + Send + 'static, source: impl Source + 'static) -> Channel {
        Channel {
            stdin: Stdin {
                writer: Some(Box::pin(stdin)),
            },
            stdout: Stdout {
                source: Box::new(source),
                stderr: VecDeque::new(),
                status: None,
                ending: None,
            },
        }
    }

    /// Reads to the end of the channel, discards what is left of stdout, and returns how the command ended.
    pub(crate) async fn ending(&mut self) -> Ending {
        self.stdout.ending().await
    }

    /// Returns the last 16 KiB of stderr that were read so far.
    pub(crate) fn stderr(&self) -> Vec<u8> {
        self.stdout.stderr()
    }
}

/// The writing end: takes no more than the host has room for. `shutdown` ends the command's input.
pub(crate) struct Stdin {
    writer: Option<Pin<Box<dyn AsyncWrite + Send>>>,
}

impl Stdin {
    /// Ends the command's input. Ending it twice is no error.
    ///
    /// # Errors
    ///
    /// When the line is gone.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.shutdown().await
    }

    fn open(&mut self) -> io::Result<Pin<&mut (dyn AsyncWrite + Send)>> {
        match &mut self.writer {
            Some(writer) => Ok(writer.as_mut()),
            None => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the command's input has been ended",
            )),
        }
    }
}

impl AsyncWrite for Stdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // russh takes an empty write for an error; `AsyncWrite` does not.
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.open()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.writer {
            Some(writer) => writer.as_mut().poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writer) = &mut self.writer {
            let result = ready!(writer.as_mut().poll_shutdown(context));
            self.writer = None;
            return Poll::Ready(result);
        }
        Poll::Ready(Ok(()))
    }
}

/// The reading end.
pub(crate) struct Stdout {
    source: Box<dyn Source>,
    stderr: VecDeque<u8>,
    status: Option<Ending>,
    ending: Option<Ending>,
}

impl Stdout {
    /// Returns the next piece of stdout, or nothing when the channel has ended. May be dropped and called again.
    ///
    /// The exit status is no end: OpenSSH often sends it before the last of the output.
    pub(crate) async fn recv(&mut self) -> Option<Bytes> {
        while self.ending.is_none() {
            match self.source.next().await {
                Ok(Received::Stdout(bytes)) if bytes.is_empty() => {}
                Ok(Received::Stdout(bytes)) => return Some(bytes),
                Ok(Received::Stderr(bytes)) => self.keep(&bytes),
                Ok(Received::Status(status)) => self.status = Some(status),
                Ok(Received::Closed) => {
                    let no_status =
                        || Ending::Lost("the host closed the channel without an exit status".into());
                    self.ending = Some(self.status.take().unwrap_or_else(no_status));
                }
                Err(reason) => self.ending = Some(Ending::Lost(reason)),
            }
        }
        None
    }

    /// Reads to the end of the channel and returns how the command ended.
    pub(crate) async fn ending(&mut self) -> Ending {
        while self.recv().await.is_some() {}
        self.ending
            .clone()
            .unwrap_or_else(|| Ending::Lost("the channel has no end".into()))
    }

    /// Returns the last 16 KiB of stderr that were read so far.
    pub(crate) fn stderr(&self) -> Vec<u8> {
        self.stderr.iter().copied().collect()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(STDERR_KEPT)..];
        let excess = (self.stderr.len() + kept.len()).saturating_sub(STDERR_KEPT);
        self.stderr.drain(..excess);
        self.stderr.extend(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Script(VecDeque<Result<Received, String>>);

    impl Source for Script {
        fn next(&mut self) -> Boxed<'_, Result<Received, String>> {
            let next = self.0.pop_front().expect("read beyond the end");
            Box::pin(async { next })
        }
    }

    async fn ending(messages: Vec<Result<Received, String>>) -> Ending {
        let mut channel = Channel::new(tokio::io::sink(), Script(messages.into()));
        let ending = channel.ending().await;
        assert_eq!(channel.stdout.recv().await, None);
        assert_eq!(channel.ending().await, ending);
        ending
    }

    #[tokio::test]
    async fn only_a_status_and_a_proper_end_are_an_exit() {
        let exited = || Ok(Received::Status(Ending::Exited(0)));
        let data = || Ok(Received::Stdout(Bytes::from_static(b"x")));
        assert_eq!(
            ending(vec![exited(), data(), Ok(Received::Closed)]).await,
            Ending::Exited(0)
        );
        assert_eq!(
            ending(vec![data(), exited(), Err("cut".into())]).await,
            Ending::Lost("cut".into())
        );
        assert!(matches!(
            ending(vec![data(), Ok(Received::Closed)]).await,
            Ending::Lost(_)
        ));
    }
}
