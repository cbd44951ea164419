//! Ctrl-C, SIGTERM and a terminal that was closed.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::event::Interruption;

/// Returns the interruptions of this process from now on. A closed terminal (SIGHUP) is none: what was started goes on,
/// and its journal tells.
///
/// # Errors
/// When the signals cannot be caught.
pub(crate) fn interruptions() -> io::Result<mpsc::Receiver<Interruption>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // More than two say nothing new.
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let by = tokio::select! {
                Some(()) = interrupt.recv() => Interruption::Interrupt,
                Some(()) = terminate.recv() => Interruption::Terminate,
                Some(()) = hangup.recv() => continue,
                else => return,
            };
            if sender.send(by).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
