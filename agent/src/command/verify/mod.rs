//! `batt verify`: reading backups again.

mod one;

use std::collections::BTreeSet;
use std::path::Path;

use batt_protocol::text::escaped;
use batt_protocol::{Error, ExitCode, Service, VerifiedBackup};
use serde::Serialize;

use crate::backup::{Catalogue, Entry};
use crate::cancellation::Cancellation;
use crate::cli::{Format, Output};
use crate::console::Console;
use crate::home::Home;
use crate::scope::Scope;
use crate::settings::Settings;
use one::Read;

#[derive(Serialize)]
struct Verified {
    exit: ExitCode,
    backups: Vec<VerifiedBackup>,
}

/// Verifies the newest backup of each service, or every one. Ctrl-C ends it with 130: what was read to its end by then
/// is told and remembered, nothing else.
pub(crate) fn verify(
    home: &Home,
    output: Output,
    services: &[Service],
    all: bool,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let catalogue = Catalogue::read(home)?;
    // What batt.toml says is no reason not to read.
    let settings = Settings::read(home).unwrap_or_else(|error| {
        console.error(&error);
        Settings::default()
    });
    let chosen = choose(&catalogue, &settings, services, all);
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
    let cancellation = Cancellation::by_signals()?;
    let mut results = Results {
        output,
        console,
        told: Vec::new(),
        passed_over: false,
    };
    for entry in chosen {
        if cancellation.is_requested() {
            break;
        }
        match one::known(home, entry, &cancellation)? {
            Read::Whole(backup) => results.add(backup)?,
            Read::Gone(remark) => results.pass_over(&remark),
            Read::Stopped => {}
        }
    }
    results.end(&cancellation)
}

/// Verifies the backup in a folder, wherever it came from. Nothing is remembered of it.
pub(crate) fn verify_folder(
    home: &Home,
    output: Output,
    folder: &Path,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let cancellation = Cancellation::by_signals()?;
    let mut results = Results {
        output,
        console,
        told: Vec::new(),
        passed_over: false,
    };
    if let Some(backup) = one::in_folder(home, folder, &cancellation)? {
        results.add(backup)?;
    }
    results.end(&cancellation)
}

/// Returns what is to be verified, newest first: of each service the newest that keeps its promise, and of every other selection
/// of its items the newest too. One that is gone from the disk is among it: that it is missing is what
/// a verification has to say, unless a newer one took its very place.
fn choose<'a>(
    catalogue: &'a Catalogue,
    settings: &Settings,
    services: &[Service],
    all: bool,
) -> Vec<&'a Entry> {
    let (mut seen, mut places) = (BTreeSet::new(), BTreeSet::new());
    catalogue
        .entries()
        .rev()
        .filter(|entry| services.is_empty() || services.contains(&entry.service))
        .filter(|entry| !entry.is_being_removed())
        .filter(|entry| places.insert(entry.path.clone()))
        .filter(|entry| {
            let scope = entry.scope().within(&settings.promise(&entry.service));
            all || seen.insert((entry.service.clone(), scope))
        })
        .collect()
}

/// What was read to its end so far.
struct Results<'a> {
    output: Output,
    console: &'a mut Console,
    told: Vec<VerifiedBackup>,
    /// Whether something could not be judged, because a run or a purge was at work on it.
    passed_over: bool,
}

impl Results<'_> {
    fn add(&mut self, backup: VerifiedBackup) -> Result<(), Error> {
        match self.output.format {
            Format::Human if backup.verified && self.output.quiet => {}
            Format::Human => show(&backup, self.console),
            Format::JsonLines => self.console.json_line(&backup)?,
            Format::Json => {}
        }
        self.told.push(backup);
        Ok(())
    }

    fn pass_over(&mut self, remark: &str) {
        self.passed_over = true;
        self.console.remark(remark);
    }

    fn end(self, cancellation: &Cancellation) -> Result<ExitCode, Error> {
        let exit = match cancellation.requested() {
            Some(wish) => wish.exit(),
            None if self.told.iter().any(|backup| !backup.verified) => ExitCode::FAILED,
            None if self.passed_over => ExitCode::BUSY,
            None => ExitCode::OK,
        };
        if self.output.format == Format::Json {
            let backups = self.told;
            self.console.json(&Verified { exit, backups })?;
        }
        Ok(exit)
    }
}

fn show(backup: &VerifiedBackup, console: &mut Console) {
    let word = if backup.verified { "verified" } else { "DAMAGED" };
    console.result(&format!(
        "{word}  {}  {}  {}",
        backup.id.as_deref().unwrap_or("(unknown)"),
        escaped(&Scope::as_named(&backup.items).words()),
        escaped(&backup.path)
    ));
    for line in backup.reason.iter().flat_map(|reason| reason.lines()) {
        console.result(&format!("    {}", escaped(line)));
    }
    for remark in &backup.remarks {
        console.result(&format!("    note: {}", escaped(remark)));
    }
}
