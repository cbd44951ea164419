//! How work on a host tells what happened. It holds the host's own state, so that nothing is told that cannot be.

use tokio::sync::{mpsc, oneshot};

use batt_protocol::HostClass;

use crate::clock::Clock;
use crate::event::{FleetEvent, FleetEventKind as Kind};
use crate::host::Host;
use crate::state::HostState;
use crate::trouble::Trouble;

/// An event on its way to the dispatcher.
#[derive(Debug)]
pub(crate) struct Message {
    /// It.
    pub(crate) event: FleetEvent,
    /// Is answered once the event is on the disk: an order waits for it.
    pub(crate) recorded: Option<oneshot::Sender<()>>,
}

/// Tells the events of one host.
#[derive(Debug)]
pub(crate) struct HostReporter {
    host: Host,
    clock: Clock,
    sender: mpsc::Sender<Message>,
    state: HostState,
}

impl HostReporter {
    /// Returns a reporter of a host whose turn has not come.
    pub(crate) fn new(host: Host, clock: Clock, sender: mpsc::Sender<Message>) -> Self {
        Self {
            host,
            clock,
            sender,
            state: HostState::Queued,
        }
    }

    /// Returns where the host stands by what was told.
    pub(crate) fn state(&self) -> &HostState {
        &self.state
    }

    /// Tells an event. Waits while the dispatcher is behind, and so makes the host wait.
    ///
    /// # Errors
    /// An event that cannot be: the host contradicts itself. Nothing is told then.
    pub(crate) async fn emit(&mut self, event: Kind) -> Result<(), Trouble> {
        self.tell(event, None).await
    }

    /// Tells an event and waits until it is on the disk, or the journal is known to be lost.
    ///
    /// # Errors
    /// Those of [`HostReporter::emit`].
    pub(crate) async fn record(&mut self, event: Kind) -> Result<(), Trouble> {
        let (sender, recorded) = oneshot::channel();
        self.tell(event, Some(sender)).await?;
        // A dispatcher that is gone has ended the run; then nothing may be ordered any more.
        recorded
            .await
            .map_err(|_| Trouble::new(HostClass::Cancelled, "the run ended before the order was sent"))
    }

    /// Tells the end of the host: well, or with its trouble. An end that its record does not prove is not told as good.
    pub(crate) async fn end(&mut self, result: Result<(), Trouble>) {
        let end = |result: Result<(), Trouble>| match result {
            Ok(()) => Kind::HostEnded {
                class: HostClass::Ok,
                reason: None,
                hints: Vec::new(),
                busy: false,
            },
            Err(trouble) => Kind::HostEnded {
                class: trouble.class,
                reason: Some(trouble.reason),
                hints: trouble.hints,
                busy: trouble.busy,
            },
        };
        if let Err(unproven) = self.emit(end(result)).await {
            // Any other end than a good one is possible in every state but the last.
            let _ = self.emit(end(Err(unproven))).await;
        }
    }

    async fn tell(&mut self, event: Kind, recorded: Option<oneshot::Sender<()>>) -> Result<(), Trouble> {
        let event = FleetEvent {
            at: self.clock.now(),
            host: Some(self.host.clone()),
            event,
        };
        self.state = self
            .state
            .next(&event)
            .map_err(|illegal| Trouble::protocol(format!("the host contradicts itself: {illegal}")))?;
        // Without a dispatcher nobody listens any more, and this work is about to be dropped.
        let _ = self.sender.send(Message { event, recorded }).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_without_proof_is_told_as_a_contradiction() {
        let (sender, mut receiver) = mpsc::channel(8);
        let mut reporter = HostReporter::new("db1".parse().unwrap(), Clock::start(), sender);
        reporter.emit(Kind::HostStarted).await.unwrap();
        reporter.end(Ok(())).await;
        drop(reporter);
        receiver.recv().await.unwrap();
        let Kind::HostEnded { class, .. } = receiver.recv().await.unwrap().event.event else {
            panic!()
        };
        assert_eq!(class, HostClass::Protocol);
        assert!(receiver.recv().await.is_none(), "a host ends once");
    }

    #[tokio::test]
    async fn nothing_is_ordered_when_nobody_keeps_the_journal() {
        let (sender, receiver) = mpsc::channel(8);
        drop(receiver);
        let mut reporter = HostReporter::new("db1".parse().unwrap(), Clock::start(), sender);
        assert!(reporter.record(Kind::HostStarted).await.is_err());
    }
}
