//! The only writer of the state and the journal. It gives hosts their turn in the inventory's order, takes in what they
//! tell, and hands it to the readers.
//!
//! Each round of its loop has three steps: wait for one of a few things, apply it to the [`Core`], act on its answer.

mod core;
mod readers;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use batt_protocol::ExitCode;

use self::core::{Answer, Core};
use self::readers::Readers;
use crate::clock::Clock;
use crate::event::{FleetEvent, FleetEventKind as Kind, Interruption};
use crate::host::Host;
use crate::host_ids::HostIds;
use crate::host_task::{HostTask, Surroundings, Ways};
use crate::journal::{Durability, Journal};
use crate::reader::Reader;
use crate::reporter::Message;
use crate::state::{FleetState, IllegalEvent};
use crate::stop::Stop;

/// How many events may wait for the dispatcher: with a log's part in each of them 8 MiB. A host that tells more waits.
const QUEUE: usize = 256;
/// How often readers may draw.
const TICK: Duration = Duration::from_millis(100);

/// A run of the fleet, ready to start.
pub(crate) struct Fleet {
    /// Its first event: what is planned.
    pub(crate) plan: FleetEvent,
    /// Its hosts, in the plan's order.
    pub(crate) tasks: Vec<HostTask>,
    /// The ways to the hosts.
    pub(crate) ways: Ways,
    /// Who answered with which id, now and in earlier runs.
    pub(crate) ids: HostIds,
    /// How long the whole may take.
    pub(crate) deadline: Option<Duration>,
    /// How many hosts have their turn at once.
    pub(crate) forks: usize,
    /// The journal; none for what changes no host.
    pub(crate) journal: Option<Journal>,
    /// Who reads along.
    pub(crate) readers: Vec<Box<dyn Reader>>,
    /// Ctrl-C and SIGTERM.
    pub(crate) interruptions: mpsc::Receiver<Interruption>,
    /// The time.
    pub(crate) clock: Clock,
}

/// How a run of the fleet ended.
#[derive(Debug)]
pub(crate) struct FleetEnd {
    /// What is true of it.
    pub(crate) state: FleetState,
    /// The exit code of the whole.
    pub(crate) exit: ExitCode,
    /// What went wrong with the program and its machine, as sentences.
    pub(crate) problems: Vec<String>,
}

impl Fleet {
    /// Runs to the end of the last host.
    ///
    /// # Errors
    /// A plan that is none.
    pub(crate) async fn run(self) -> Result<FleetEnd, IllegalEvent> {
        let Self {
            plan,
            tasks,
            ways,
            ids,
            deadline,
            forks,
            journal,
            readers,
            mut interruptions,
            clock,
        } = self;
        let (cancel, cancelled) = watch::channel(None);
        let around = Surroundings {
            ways,
            ids,
            stop: Stop::new(cancelled),
            clock,
        };
        let (sender, mut messages) = mpsc::channel(QUEUE);
        let mut dispatch = Dispatch {
            core: Core::new(FleetState::planned(&plan)?),
            journal,
            readers: Readers::new(readers),
            queue: tasks.into(),
            running: JoinSet::new(),
            names: Vec::new(),
            cancel,
            clock,
        };
        dispatch.write(std::slice::from_ref(&plan), Durability::Now).await;
        dispatch.read(&plan).await;

        let end = deadline.map(|deadline| Instant::now() + deadline);
        let mut end_is_ahead = end.is_some();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            dispatch.start(forks.max(1), &around, &sender);
            if dispatch.is_over() {
                break;
            }
            tokio::select! {
                biased;
                Some(by) = interruptions.recv() => dispatch.interrupted(by, &mut messages).await,
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end_is_ahead => {
                    end_is_ahead = false;
                    dispatch.interrupted(Interruption::Deadline, &mut messages).await;
                }
                Some(message) = messages.recv() => dispatch.take(message, &mut messages).await,
                Some(joined) = dispatch.running.join_next_with_id() => {
                    let id = joined.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id);
                    let fault = joined.err().map(|error| error.to_string());
                    dispatch.left(id, fault, &mut messages).await;
                }
                _ = tick.tick() => dispatch.tick().await,
            }
        }
        Ok(dispatch.end().await)
    }
}

struct Dispatch {
    core: Core,
    journal: Option<Journal>,
    readers: Readers,
    queue: VecDeque<HostTask>,
    running: JoinSet<()>,
    names: Vec<(Id, Host)>,
    cancel: watch::Sender<Option<Interruption>>,
    clock: Clock,
}

impl Dispatch {
    /// Gives hosts their turn while there is room.
    fn start(&mut self, forks: usize, around: &Surroundings, sender: &mpsc::Sender<Message>) {
        while self.running.len() < forks
            && let Some(task) = self.queue.pop_front()
        {
            let host = task.host.clone();
            let id = self.running.spawn(task.run(around.clone(), sender.clone())).id();
            self.names.push((id, host));
        }
    }

    fn is_over(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }

    /// Takes in a message, and those that wait behind it: one sync of the disk serves them all.
    async fn take(&mut self, first: Message, messages: &mut mpsc::Receiver<Message>) {
        let mut batch = vec![first];
        while batch.len() < QUEUE
            && let Ok(message) = messages.try_recv()
        {
            batch.push(message);
        }
        let mut events = Vec::with_capacity(batch.len());
        let mut waiting = Vec::new();
        for Message { event, recorded } in batch {
            // The state of a reader is the one right after its event, so each is read before the next is applied;
            // the journal comes first where an order waits for it.
            waiting.extend(recorded);
            events.push(event);
        }
        let durability = if waiting.is_empty() {
            Durability::Whenever
        } else {
            Durability::Now
        };
        let mut kept = Vec::with_capacity(events.len());
        for event in events {
            if self.core.apply(&event) {
                self.read(&event).await;
                kept.push(event);
            }
        }
        self.write(&kept, durability).await;
        // Who waits for the journal also goes on when it is lost: a run that began is not left half-way for that.
        for recorded in waiting {
            let _ = recorded.send(());
        }
    }

    /// Tells one event of our own.
    async fn tell(&mut self, host: Option<Host>, event: Kind, durability: Durability) {
        let event = FleetEvent {
            at: self.clock.now(),
            host,
            event,
        };
        if self.core.apply(&event) {
            self.read(&event).await;
            self.write(std::slice::from_ref(&event), durability).await;
        }
    }

    /// Writes events into the journal. When it is lost the run goes on without, and ends 1.
    async fn write(&mut self, events: &[FleetEvent], durability: Durability) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let kept = events.iter().filter(|event| event.event.is_kept());
        let written = journal.append(kept);
        let path = journal.path().to_owned();
        let synced = match (written, durability) {
            (Ok(()), Durability::Now) => {
                // A slow disk holds up who waits for it, not the hosts that are being served.
                let sync = tokio::task::spawn_blocking(move || {
                    let result = journal.sync();
                    (journal, result)
                });
                match sync.await {
                    Ok((journal, Ok(()))) => Ok(journal),
                    Ok((_, Err(error))) => Err(error),
                    Err(error) => Err(std::io::Error::other(error)),
                }
            }
            (Ok(()), Durability::Whenever) => Ok(journal),
            (Err(error), _) => Err(error),
        };
        match synced {
            Ok(journal) => self.journal = Some(journal),
            Err(error) => self.core.problem(format!(
                "the journal `{}` was lost: {error}",
                batt_protocol::text::escaped(&path.to_string_lossy())
            )),
        }
    }

    async fn read(&mut self, event: &FleetEvent) {
        self.readers.on_event(event, self.core.state());
        self.remove_readers().await;
    }

    async fn tick(&mut self) {
        self.readers.on_tick(self.core.state());
        self.remove_readers().await;
    }

    /// Tells of readers that failed; those that are left read that too, and may fail at it.
    async fn remove_readers(&mut self) {
        while let Some(failed) = self.readers.failed() {
            self.core.lost_reader(&failed);
            let event = FleetEvent {
                at: self.clock.now(),
                host: None,
                event: Kind::ReaderFailed {
                    reader: failed.name.to_owned(),
                    reason: failed.reason,
                },
            };
            if self.core.apply(&event) {
                self.readers.on_event(&event, self.core.state());
                self.write(&[event], Durability::Whenever).await;
            }
        }
    }

    async fn interrupted(&mut self, by: Interruption, messages: &mut mpsc::Receiver<Message>) {
        match self.core.interrupted(by) {
            Answer::GoOn => {}
            Answer::Cancel => {
                self.tell(None, Kind::CancelRequested { by }, Durability::Now)
                    .await;
                self.queue.clear();
                for (host, end) in self.core.never_started(by) {
                    self.tell(Some(host), end, Durability::Whenever).await;
                }
                // Nobody is left to hear it when no host runs.
                let _ = self.cancel.send(Some(by));
            }
            Answer::Leave => {
                self.running.shutdown().await;
                self.names.clear();
                while let Ok(message) = messages.try_recv() {
                    self.take(message, messages).await;
                }
                for (host, end) in self.core.abandoned() {
                    self.tell(Some(host), end, Durability::Whenever).await;
                }
            }
        }
    }

    /// A host's work is over. What it told before is taken in first; work that told no end has failed in ours.
    async fn left(&mut self, id: Id, fault: Option<String>, messages: &mut mpsc::Receiver<Message>) {
        while let Ok(message) = messages.try_recv() {
            self.take(message, messages).await;
        }
        let Some(place) = self.names.iter().position(|(known, _)| *known == id) else {
            return;
        };
        let (_, host) = self.names.swap_remove(place);
        if let Some(end) = self.core.end_without_word(&host, fault) {
            self.tell(Some(host), end, Durability::Whenever).await;
        }
    }

    async fn end(mut self) -> FleetEnd {
        let exit = self.core.exit();
        let totals = self.core.state().totals();
        self.tell(None, Kind::RunEnded { exit, totals }, Durability::Now)
            .await;
        self.readers.finish(self.core.state());
        while let Some(failed) = self.readers.failed() {
            self.core.lost_reader(&failed);
        }
        self.core.end()
    }
}

#[cfg(test)]
mod tests;
