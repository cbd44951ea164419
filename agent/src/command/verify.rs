//! `batt verify`: reading backups again.

use std::collections::BTreeSet;

use batt_protocol::text::escaped;
use batt_protocol::{Error, ExitCode, Service, VerifiedBackup};
use chrono::Utc;
use serde::Serialize;

use crate::backup::{self, Catalogue, Entry, Line};
use crate::cli::{Format, Output};
use crate::console::Console;
use crate::home::Home;

#[derive(Serialize)]
struct Verified {
    exit: ExitCode,
    backups: Vec<VerifiedBackup>,
}

/// Verifies the newest backup of each service, or every one.
pub(crate) fn verify(
    home: &Home,
    output: Output,
    services: &[Service],
    all: bool,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let catalogue = Catalogue::read(home)?;
    let chosen = choose(&catalogue, services, all);
    if let Some(service) = services
        .iter()
        .find(|service| !chosen.iter().any(|entry| entry.service == **service))
    {
        return Err(Error::new(
            ExitCode::NOTHING,
            format!("there is no backup of `{service}`"),
        ));
    }
    if chosen.is_empty() {
        return Err(Error::new(ExitCode::NOTHING, "there is no backup yet")
            .hint("`batt` makes one of all that is enabled."));
    }
    let mut backups = Vec::new();
    for entry in chosen {
        let verified = verify_one(home, entry)?;
        match output.format {
            Format::Human if verified.verified && output.quiet => {}
            Format::Human => show(&verified, console),
            Format::JsonLines => console.json_line(&verified)?,
            Format::Json => {}
        }
        backups.push(verified);
    }
    let exit = if backups.iter().all(|backup| backup.verified) {
        ExitCode::OK
    } else {
        ExitCode::FAILED
    };
    if output.format == Format::Json {
        console.json(&Verified { exit, backups })?;
    }
    Ok(exit)
}

/// Returns what is to be verified, newest first. One that is gone from the disk is among it: that it is missing is what
/// a verification has to say, unless a newer one took its very place.
fn choose<'a>(catalogue: &'a Catalogue, services: &[Service], all: bool) -> Vec<&'a Entry> {
    let (mut seen, mut places) = (BTreeSet::new(), BTreeSet::new());
    catalogue
        .entries()
        .rev()
        .filter(|entry| services.is_empty() || services.contains(&entry.service))
        .filter(|entry| places.insert(entry.path.clone()))
        .filter(|entry| all || seen.insert(entry.service.clone()))
        .collect()
}

fn verify_one(home: &Home, entry: &Entry) -> Result<VerifiedBackup, Error> {
    let mut found = backup::verify(&entry.path);
    if found.id.as_ref().is_some_and(|id| *id != entry.id()) {
        found
            .damages
            .push(format!("the backup `{}` should lie here", entry.id()));
    }
    let verified = found.damages.is_empty();
    let known = Line::Verified {
        id: entry.id(),
        at: verified.then(Utc::now),
    };
    backup::remember(home, &known)?;
    Ok(VerifiedBackup {
        id: found.id,
        path: entry.path.display().to_string(),
        verified,
        reason: (!verified).then(|| found.damages.join("\n")),
    })
}

fn show(backup: &VerifiedBackup, console: &mut Console) {
    let word = if backup.verified { "verified" } else { "DAMAGED" };
    console.result(&format!(
        "{word}  {}  {}",
        backup.id.as_deref().unwrap_or("(unknown)"),
        escaped(&backup.path)
    ));
    for line in backup.reason.iter().flat_map(|reason| reason.lines()) {
        console.result(&format!("    {}", escaped(line)));
    }
}
