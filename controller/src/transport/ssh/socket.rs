//! A TCP stream that is cut when its [`Lifeline`] is dropped. russh moves the stream into a task of its own, which
//! goes on reading when nobody is interested any more; this is how we get it back.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::noise::Noise;

/// Keeps a [`Socket`] usable. Nothing is ever sent: dropping it is the message.
pub(super) struct Lifeline {
    _held: oneshot::Sender<Infallible>,
}

/// A TCP stream that fails all reading and writing once its lifeline is gone.
pub(super) struct Socket {
    stream: TcpStream,
    noise: Noise,
    lifeline: oneshot::Receiver<Infallible>,
    is_cut: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, noise: Noise) -> (Socket, Lifeline) {
        let (held, lifeline) = oneshot::channel();
        (
            Socket {
                stream,
                noise,
                lifeline,
                is_cut: false,
            },
            Lifeline { _held: held },
        )
    }

    /// Reading and writing happen in one task, so that one waker, the last one, is enough for both.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_cut = self.is_cut || Pin::new(&mut self.lifeline).poll(context).is_ready();
        match self.is_cut {
            true => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the connection was given up",
            )),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.noise.arrived(buffer.filled().len().saturating_sub(before))?;
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
