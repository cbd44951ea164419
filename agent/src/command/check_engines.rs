//! The parts of `batt check` about what scripts say themselves, and about those that restore.

use std::path::{Path, PathBuf};

use batt_protocol::{Error, ExitCode, Service};

use super::check::Findings;
use crate::backup::Catalogue;
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::preflight::{Preflight, preflight};
use crate::script::{Shelf, require_startable};
use crate::settings::Settings;
use crate::trust;

/// Asks each enabled script that can be asked whether it could back up now.
pub(super) fn check_engines(
    home: &Home,
    shelf: &Shelf,
    settings: &Settings,
    enabled: &[Service],
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let cancellation = Cancellation::by_signals()?;
    for service in enabled {
        let answers = shelf
            .script(service.name())
            .is_ok_and(|script| script.header.check.is_some() && is_sound(&script.path));
        if !answers || cancellation.is_requested() {
            continue;
        }
        match preflight(home, service, &settings.service(service), &cancellation) {
            Ok(Preflight::Good(said)) => said.iter().for_each(|line| tell(line, false, service, findings)),
            Ok(Preflight::Bad(said)) => {
                said.iter().for_each(|line| tell(line, true, service, findings));
                if said.iter().all(|line| is_remark(line)) {
                    findings.problem(&Error::new(
                        ExitCode::FAILED,
                        format!("`{service}`: its script found something wrong, and did not say what"),
                    ));
                }
            }
            Err(error) => findings.problem(&error),
        }
    }
    Ok(())
}

/// How a script begins what is well, and worth knowing.
const NOTE: &str = "note: ";
/// How it begins what keeps nothing from being backed up.
const WARNING: &str = "warning: ";

fn is_remark(said: &str) -> bool {
    said.starts_with(NOTE) || said.starts_with(WARNING)
}

/// Tells what a script said. What it calls a note or a warning is one, whatever else it has found.
fn tell(said: &str, is_bad: bool, service: &Service, findings: &mut Findings<'_>) {
    if let Some(note) = said.strip_prefix(NOTE) {
        findings.note(&format!("`{service}`: {note}"));
    } else if let Some(warning) = said.strip_prefix(WARNING) {
        findings.warn(&format!("`{service}`: {warning}"));
    } else if is_bad {
        findings.problem(&Error::new(ExitCode::FAILED, format!("`{service}`: {said}")));
    } else {
        findings.warn(&format!("`{service}`: {said}"));
    }
}

/// Checks the scripts that restore and drill as those that back up are, and tells whose backups did not come back.
pub(super) fn check_restores(
    home: &Home,
    settings: &Settings,
    enabled: &[Service],
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    for (path, service) in companions(home) {
        let is_enabled = enabled.iter().any(|own| own.name().as_str() == service);
        let sound = trust::require_trusted(&path).and_then(|()| require_startable(&path));
        match sound {
            Err(error) if is_enabled => findings.problem(&error),
            Err(error) => findings.warn(&error.to_string()),
            Ok(()) => {}
        }
    }
    let catalogue = Catalogue::read(home)?;
    for service in enabled {
        let promise = settings.promise(service);
        let newest = catalogue.entries().rev().find(|entry| {
            entry.service == *service
                && entry.can_be_drilled()
                && entry.scope().covers(&promise)
                && entry.is_there()
        });
        if let Some((entry, (_, reason))) = newest.and_then(|entry| Some((entry, entry.failed_drill()?))) {
            findings.problem(
                &Error::new(
                    ExitCode::FAILED,
                    format!("the last drill of `{}` failed: {reason}", entry.id()),
                )
                .hint(format!(
                    "The backup does not count; `batt drill {service}` tries again, and `batt restore --from {}` takes it all the same.",
                    entry.id()
                )),
            );
        }
    }
    Ok(())
}

fn is_sound(script: &Path) -> bool {
    trust::require_trusted(script)
        .and_then(|()| require_startable(script))
        .is_ok()
}

/// Returns the scripts of a home that restore or drill, with the names of their services.
fn companions(home: &Home) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(home.scripts_available())
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let service = name.strip_prefix("restore-").or(name.strip_prefix("drill-"))?;
            (!service.ends_with('~')).then(|| (entry.path(), service.to_owned()))
        })
        .collect();
    found.sort();
    found
}
