//! Following a run: its events, its logs and its progress, from a position on, until everything of it was sent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use batt_protocol::wire::{MAX_CHUNK, Reply, RunState};
use batt_protocol::{Error, EventKind, RunId, Service};
use rustix::fs::inotify;

use super::LogPositions;
use super::channel::Channel;
use crate::journal::Follower;
use crate::log::LogReader;
use crate::run_folder::RunFolder;

/// A controller that hears nothing for longer than its silence deadline gives a host up; so it hears something.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// One run that is followed.
pub(super) struct Following {
    folder: RunFolder,
    journal: Follower,
    /// Events up to this sequence number are known to the controller.
    after: u64,
    logs: LogPositions,
    services: Vec<Service>,
    progress: Vec<EventKind>,
    /// Readable when something in the run's folder changes, so that nobody waits on a tick.
    changes: Option<OwnedFd>,
    sent_at: Instant,
}

impl Following {
    pub(super) fn start(folder: RunFolder, after: u64, logs: LogPositions) -> Self {
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
        let changes = changes.filter(|changes| {
            let what =
                inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE;
            inotify::add_watch(changes, folder.path(), what).is_ok()
        });
        Self {
            journal: Follower::new(&folder.journal()),
            folder,
            after,
            logs,
            services: Vec::new(),
            progress: Vec::new(),
            changes,
            sent_at: Instant::now(),
        }
    }

    pub(super) fn run(&self) -> &RunId {
        self.folder.run()
    }

    /// Returns what becomes readable when there may be something to send.
    pub(super) fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.changes.as_ref().map(AsFd::as_fd)
    }

    /// Sends whatever is new. True when the run has ended and everything was sent.
    pub(super) fn send_new(&mut self, channel: &mut Channel) -> Result<Sent, Error> {
        self.forget_changes();
        // Asked before the journal is read, so that nothing of a run that ends in between is missed.
        let (state, _) = self.folder.state()?;
        let events = self.journal.read_new()?;
        for event in &events {
            if let EventKind::RunStarted { services, .. } = &event.event {
                self.services.clone_from(services);
            }
        }
        // Logs first: when a service is said to have ended, its log is complete.
        if let Sent::HungUp = self.send_logs(channel)? {
            return Ok(Sent::HungUp);
        }
        let mut exit = None;
        for event in events {
            if let EventKind::RunEnded { exit: code, .. } = event.event {
                exit = Some(code);
            }
            if event.sequence > self.after {
                self.after = event.sequence;
                if self
                    .send(
                        channel,
                        &Reply::Event {
                            run: self.run().clone(),
                            event,
                        },
                    )
                    .is_err()
                {
                    return Ok(Sent::HungUp);
                }
            }
        }
        let over = match (exit, state) {
            (Some(_), _) => Some(RunState::Ended),
            (None, RunState::Interrupted) => Some(RunState::Interrupted),
            _ => None,
        };
        if let Some(state) = over {
            let ended = Reply::Ended {
                run: self.run().clone(),
                exit,
                state,
            };
            return Ok(if self.send(channel, &ended).is_err() {
                Sent::HungUp
            } else {
                Sent::AllOfIt
            });
        }
        self.send_progress(channel)
    }

    fn send_logs(&mut self, channel: &mut Channel) -> Result<Sent, Error> {
        for service in self.services.clone() {
            let reader = LogReader::new(&self.folder.log(&service));
            loop {
                let position = self.logs.get(&service).copied().unwrap_or(0);
                if !self.folder.log(&service).exists() {
                    break;
                }
                let Some((offset, bytes)) = reader.read(position, MAX_CHUNK)? else {
                    break;
                };
                self.logs.insert(service.clone(), offset + bytes.len() as u64);
                let log = Reply::Log {
                    run: self.run().clone(),
                    service: service.clone(),
                    offset,
                    bytes,
                };
                if self.send(channel, &log).is_err() {
                    return Ok(Sent::HungUp);
                }
            }
        }
        Ok(Sent::SoFar)
    }

    fn send_progress(&mut self, channel: &mut Channel) -> Result<Sent, Error> {
        let progress = self.folder.progress();
        if progress != self.progress {
            for kind in &progress {
                let EventKind::ServiceProgressed {
                    service,
                    stage,
                    bytes,
                    expected_bytes,
                } = kind
                else {
                    continue;
                };
                let reply = Reply::Progress {
                    run: self.run().clone(),
                    service: service.clone(),
                    stage: *stage,
                    bytes: *bytes,
                    expected_bytes: *expected_bytes,
                };
                if self.send(channel, &reply).is_err() {
                    return Ok(Sent::HungUp);
                }
            }
            self.progress = progress;
        }
        if self.sent_at.elapsed() >= HEARTBEAT && self.send(channel, &Reply::Alive).is_err() {
            return Ok(Sent::HungUp);
        }
        Ok(Sent::SoFar)
    }

    fn send(&mut self, channel: &mut Channel, reply: &Reply) -> io::Result<()> {
        self.sent_at = Instant::now();
        channel.send(reply)
    }

    /// Empties the queue of changes: what they are is read from the folder itself.
    fn forget_changes(&self) {
        let mut buffer = [0u8; 4096];
        if let Some(changes) = &self.changes {
            while rustix::io::read(changes, &mut buffer).is_ok_and(|length| length > 0) {}
        }
    }
}

/// How far the sending got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Everything that there is now.
    SoFar,
    /// Everything that there will be.
    AllOfIt,
    /// Nobody reads any more.
    HungUp,
}
