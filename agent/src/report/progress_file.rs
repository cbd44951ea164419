//! Writes how far services are for whoever follows from another process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use batt_protocol::{Event, EventKind, Service};

use crate::run::Reader;
use crate::run_folder::{Progress, RunFolder};

/// How often the file is written at most.
const PAUSE: Duration = Duration::from_millis(400);

/// A reader that keeps the progress file of a run.
pub(crate) struct ProgressFile {
    folder: RunFolder,
    services: BTreeMap<Service, EventKind>,
    written: Option<Instant>,
}

impl ProgressFile {
    pub(crate) fn new(folder: RunFolder) -> Self {
        Self {
            folder,
            services: BTreeMap::new(),
            written: None,
        }
    }
}

impl Reader for ProgressFile {
    fn read(&mut self, event: &Event) {
        match &event.event {
            EventKind::ServiceProgressed { service, .. } => {
                self.services.insert(service.clone(), event.event.clone());
            }
            EventKind::ServiceEnded { report } => {
                self.services.remove(&report.service);
            }
            _ => return,
        }
        if self.written.is_none_or(|at| at.elapsed() >= PAUSE) {
            let progress = Progress {
                progress: self.services.values().cloned().collect(),
            };
            // Whoever follows sees the journal all the same.
            let _ = self.folder.write_progress(&progress);
            self.written = Some(Instant::now());
        }
    }
}
