//! The one place that emits what happens in a run: into the journal first, then to whoever reads along.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use batt_protocol::{Event, EventKind};
use chrono::Utc;

use crate::journal::Journal;

/// As many events may wait for a reader before progress is left out for it.
const MOST_WAITING: usize = 256;

/// Something that reads along: the terminal, or the progress file of a supervisor.
pub(crate) trait Reader: Send {
    /// Takes what happened; progress has no place in the journal, and the sequence number 0. It must not fail the run: what it cannot show it leaves.
    fn read(&mut self, event: &Event);
}

/// How many events a reader has not read yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backlog(Arc<AtomicUsize>);

/// Emits events. A reader on a thread of its own takes them, so that a terminal which stands still stops nothing.
pub(crate) struct Events {
    journal: Mutex<Journal>,
    journal_lost: AtomicBool,
    readers: Mutex<mpsc::Sender<Event>>,
    backlog: Backlog,
}

impl Events {
    /// Returns an emitter, and the thread that feeds the readers until the emitter is dropped.
    pub(crate) fn start(
        journal: Journal,
        mut readers: Vec<Box<dyn Reader>>,
    ) -> (Self, std::thread::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel::<Event>();
        let backlog = Backlog::default();
        let waiting = backlog.clone();
        let thread = std::thread::spawn(move || {
            for event in receiver {
                waiting.0.fetch_sub(1, Ordering::Relaxed);
                readers.iter_mut().for_each(|reader| reader.read(&event));
            }
        });
        let events = Self {
            journal: Mutex::new(journal),
            journal_lost: AtomicBool::new(false),
            readers: Mutex::new(sender),
            backlog,
        };
        (events, thread)
    }

    /// Emits what happened. A journal that does not take it is remembered, and the run goes on.
    pub(crate) fn emit(&self, kind: EventKind) {
        let unkept = |event| Event {
            sequence: 0,
            at: Utc::now(),
            event,
        };
        let event = if !matches!(kind, EventKind::ServiceProgressed { .. }) {
            let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.append(kind.clone()).unwrap_or_else(|_| {
                self.journal_lost.store(true, Ordering::Relaxed);
                unkept(kind)
            })
        } else if self.backlog.0.load(Ordering::Relaxed) > MOST_WAITING {
            return;
        } else {
            unkept(kind)
        };
        self.backlog.0.fetch_add(1, Ordering::Relaxed);
        let _ = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(event);
    }

    /// Tells whether something that happened is missing in the journal.
    pub(crate) fn is_journal_lost(&self) -> bool {
        self.journal_lost.load(Ordering::Relaxed)
    }
}
