//! The readers of a run. One that fails is taken out, and the others go on.

use std::io;

use crate::event::FleetEvent;
use crate::reader::Reader;
use crate::state::FleetState;

/// Readers that still read, and those that failed and were not told yet.
pub(super) struct Readers {
    readers: Vec<Box<dyn Reader>>,
    failed: Vec<FailedReader>,
}

/// A reader that is out.
pub(super) struct FailedReader {
    pub(super) name: &'static str,
    pub(super) reason: String,
    pub(super) is_essential: bool,
}

impl Readers {
    pub(super) fn new(readers: Vec<Box<dyn Reader>>) -> Self {
        Self {
            readers,
            failed: Vec::new(),
        }
    }

    pub(super) fn on_event(&mut self, event: &FleetEvent, state: &FleetState) {
        self.each(|reader| reader.on_event(event, state));
    }

    pub(super) fn on_tick(&mut self, state: &FleetState) {
        self.each(|reader| reader.on_tick(state));
    }

    pub(super) fn finish(&mut self, state: &FleetState) {
        self.each(|reader| reader.finish(state));
    }

    /// Returns one that failed and was not returned before.
    pub(super) fn failed(&mut self) -> Option<FailedReader> {
        self.failed.pop()
    }

    fn each(&mut self, mut call: impl FnMut(&mut dyn Reader) -> io::Result<()>) {
        let Self { readers, failed } = self;
        readers.retain_mut(|reader| match call(&mut **reader) {
            Ok(()) => true,
            Err(error) => {
                failed.push(FailedReader {
                    name: reader.name(),
                    reason: error.to_string(),
                    is_essential: reader.is_essential(),
                });
                false
            }
        });
    }
}
