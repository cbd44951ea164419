//! Healing what a run that died left: its processes, its staging folders, a backup that it had set aside, a journal without an end.

use std::path::Path;

use batt_protocol::{Error, EventKind, ExitCode, Service};

use super::process_names::{ProcessNames, supervisor_cgroup};
use crate::backup::{self, BackupFolder, Catalogue, Entry, Line};
use crate::home::Home;
use crate::host;
use crate::journal::Journal;
use crate::process::Cgroup;
use crate::purge::finish_interrupted;
use crate::run_folder::{RunFolder, forget_old_runs, forget_unadmitted};
use crate::settings::Settings;
use crate::trust::AllowedForeign;

/// Heals every run of the home that was interrupted, and every purge, and forgets what is too old to be kept.
///
/// # Errors
/// What cannot be healed, by name. The caller goes on without.
pub(crate) fn recover(home: &Home) -> Result<(), Error> {
    let mut first_error = Ok(());
    for folder in RunFolder::all(home)? {
        // One that cannot be healed, as when its disk is away, keeps no other from it.
        if folder.is_interrupted() {
            first_error = first_error.and(heal(home, &folder));
        }
    }
    // One that is broken is healed, and told of, by the run that follows.
    let (catalogue, _) = Catalogue::read_or_tell(home);
    first_error
        .and(finish_interrupted(home, &catalogue))
        .and(forget_unadmitted(home))
        .and(forget_old_runs(home))
}

fn heal(home: &Home, folder: &RunFolder) -> Result<(), Error> {
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
    let host_id = host::host_id(home)?;
    // By settings that cannot be understood nothing is allowed.
    let allowed =
        Settings::read(home).map_or_else(|_| AllowedForeign::default(), |settings| settings.allow_foreign);
    for service in &services {
        // First what still writes there: a script outlives a supervisor that was killed.
        let names = ProcessNames {
            host_id: &host_id,
            run: folder.run(),
            service,
        };
        let orphans = names.orphans();
        if !orphans.kill().all_gone {
            return Err(Error::program(format!(
                "processes that the interrupted run `{}` left cannot be killed",
                folder.run()
            )));
        }
        if let Some(cgroup) = &orphans.cgroup {
            cgroup.remove();
        }
        backup::clean_up(Path::new(&path), &home.staging(), &allowed, service, folder.run())?;
        remember_published(home, Path::new(&path), &allowed, service, folder)?;
    }
    if let Some(cgroup) = Cgroup::existing(&supervisor_cgroup(&host_id, folder.run())) {
        cgroup.remove();
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

/// Enters a backup of the run into the catalogue that was published just before the end came, and the place of the earlier
/// one that had stepped aside for it.
fn remember_published(
    home: &Home,
    path: &Path,
    allowed: &AllowedForeign,
    service: &Service,
    folder: &RunFolder,
) -> Result<(), Error> {
    let (run, usual) = (folder.run(), path.join(service.to_string()));
    let catalogue = Catalogue::read(home)?;
    let earlier = (catalogue.entries().rev())
        .find(|entry| entry.service == *service && entry.path == usual && entry.run != *run);
    let mut lines = Vec::new();
    if let Some(earlier) = earlier {
        let aside = backup::settle(path, allowed, earlier, run)?;
        lines.extend(aside.map(|path| Line::Moved {
            id: earlier.id(),
            path,
        }));
    }
    let published = [usual, path.join(format!("{service}~{run}"))]
        .into_iter()
        // Where others can write they can have forged it.
        .filter(|place| BackupFolder::is_ours_alone(place))
        .find_map(|place| Entry::read(place).ok().filter(|entry| entry.run == *run));
    lines.extend(
        published
            .filter(|entry| catalogue.entries().all(|known| known.id() != entry.id()))
            .map(Line::Published),
    );
    if lines.is_empty() {
        return Ok(());
    }
    backup::remember_all(home, &lines)
}
