//! Healing what a run that died left: its staging folders, a backup that it had set aside, a journal without an end.

use std::path::Path;

use batt_protocol::{Error, EventKind, ExitCode, Service};

use crate::backup;
use crate::home::Home;
use crate::journal::Journal;
use crate::run_folder::{RunFolder, forget_old_runs};

/// Heals every run of the home that was interrupted, and forgets what is too old to be kept.
///
/// # Errors
/// What cannot be healed, by name. The caller goes on without.
pub(crate) fn recover(home: &Home) -> Result<(), Error> {
    for folder in RunFolder::all(home)? {
        if folder.is_interrupted() {
            heal(&folder)?;
        }
    }
    forget_old_runs(home)
}

fn heal(folder: &RunFolder) -> Result<(), Error> {
    // Whoever gets the supervision heals; another one that starts now leaves it to us.
    let Some(supervision) = folder.supervise()? else {
        return Ok(());
    };
    let (mut path, mut services, mut ended) = (String::new(), Vec::<Service>::new(), false);
    for event in folder.events()? {
        match event.event {
            EventKind::RunStarted {
                path: to,
                services: planned,
                ..
            } => (path, services) = (to, planned),
            EventKind::RunEnded { .. } => ended = true,
            _ => {}
        }
    }
    for service in &services {
        backup::clean_up(Path::new(&path), service, folder.run())?;
    }
    if !ended && folder.journal().exists() {
        let mut journal = Journal::resume(&folder.journal())?;
        let text = "the run was interrupted: its supervisor died, or the machine was switched off".to_owned();
        journal.append(EventKind::Warned { service: None, text })?;
        journal.append(EventKind::RunEnded {
            exit: ExitCode::PROGRAM,
            seconds: 0.0,
        })?;
    }
    supervision.end()
}
