//! `batt check`: what would go wrong tonight, told today.

mod backups;
mod findings;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, ExitCode, HumanBytes, Service};
use chrono::Local;

use backups::Backups;
pub(super) use findings::Findings;

use super::check_engines::{check_engines, check_restores};
use crate::backup::Destination;
use crate::bundle::BundleRecord;
use crate::cli::Output;
use crate::conf_file::Conf;
use crate::console::Console;
use crate::home::Home;
use crate::host;
use crate::pattern::Pattern;
use crate::script::{Script, Shelf, enabled_services, require_startable};
use crate::script_call::search_path;
use crate::settings::{Policy, Settings};
use crate::trust;

/// Checks settings, scripts, ownership, tools and room. Exit 2 when something is wrong; warnings alone are 0.
pub(crate) fn check(
    home: &Home,
    output: Output,
    path: Option<Pattern>,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let mut findings = Findings::new(console, output.format);
    if !home.is_laid_out() {
        return Err(Error::new(
            ExitCode::FAILED,
            format!("`{}` is not laid out", home.root().display()),
        )
        .hint("`batt init` makes the layout."));
    }
    if let Err(error) = trust::require_trusted_home(home) {
        // By what others could have written nothing else can be told, and nothing is run.
        findings.problem(&error);
        return findings.finish(", and nothing else was looked at");
    }
    let settings = Settings::read(home).unwrap_or_else(|error| {
        findings.problem(&error);
        Settings::default()
    });
    if let Err(error) = Policy::read(home) {
        findings.problem(&error);
    }
    let enabled = enabled_services(home).unwrap_or_else(|error| {
        findings.problem(&error);
        Vec::new()
    });
    if enabled.is_empty() {
        findings.warn("no service is enabled");
    }
    check_scripts(home, &enabled, &mut findings)?;
    check_restores(home, &settings, &enabled, &mut findings)?;
    check_engines(home, &Shelf::read(home)?, &settings, &enabled, &mut findings)?;
    let backups = Backups::look(home, &settings, &enabled, &mut findings);
    backups.check_ages(&mut findings);
    backups.check_retention(&mut findings);
    for file in BundleRecord::read(home)?.changed(home)?.keys() {
        findings.note(&format!("note: `{file}` was changed on this host"));
    }
    let pattern = path
        .or_else(|| settings.path.clone())
        .map_or_else(|| Pattern::DEFAULT.parse(), Ok)?;
    check_destination(
        &pattern.expand(Local::now().fixed_offset(), &host::host_name())?,
        &settings,
        &backups,
        &mut findings,
    );
    findings.finish("")
}

fn check_scripts(home: &Home, enabled: &[Service], findings: &mut Findings<'_>) -> Result<(), Error> {
    let shelf = Shelf::read(home)?;
    for path in &shelf.misnamed {
        findings.warn(&format!(
            "`{}` is not named as a script is, and is passed over",
            path.display()
        ));
    }
    for (name, (_, owner)) in shelf.options() {
        if let crate::script::OptionOwner::Many(services) = owner {
            let names: Vec<String> = services.iter().map(ToString::to_string).collect();
            findings.problem(&Error::usage(format!(
                "the option `--{name}` is claimed by {}",
                batt_protocol::text::list_and(&names)
            )));
        }
    }
    for script in shelf.scripts() {
        let is_enabled = enabled.iter().any(|service| *service.name() == script.service);
        let sound = script
            .refusal()
            .map_or(Ok(()), Err)
            .and_then(|()| trust::require_trusted(&script.path))
            .and_then(|()| require_startable(&script.path));
        match sound {
            Err(error) if is_enabled => findings.problem(&error),
            Err(error) => findings.warn(&error.to_string()),
            Ok(()) => {}
        }
        for (line, complaint) in &script.header.complaints {
            findings.warn(&format!("{}:{line}: {complaint}", script.path.display()));
        }
        if is_enabled {
            check_tools(home, script, findings);
        }
    }
    for service in enabled {
        if let Err(error) = shelf.script(service.name()) {
            findings.problem(&error);
        }
        check_conf(home, service, findings);
    }
    Ok(())
}

fn check_tools(home: &Home, script: &Script, findings: &mut Findings<'_>) {
    let conf = Conf::of_service(home, &script.service.clone().into()).ok();
    let path = search_path(conf.as_ref());
    for tool in script
        .header
        .needs
        .iter()
        .filter(|tool| find_in_path(tool, &path).is_none())
    {
        findings.problem(
            &Error::new(
                ExitCode::FAILED,
                format!("`{}` needs `{tool}`, which is not installed", script.service),
            )
            .hint("Install it, or disable the service."),
        );
    }
}

/// Returns where a program is; `a|b` stands for either.
fn find_in_path(tool: &str, path: &OsStr) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let executable = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    tool.split('|')
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(executable))
}

fn check_conf(home: &Home, service: &Service, findings: &mut Findings<'_>) {
    let conf = match Conf::of_service(home, service) {
        Ok(conf) => conf,
        Err(error) => return findings.problem(&error),
    };
    for odd in conf.odd_lines() {
        findings.warn(&format!(
            "{}:{}: not a plain assignment, so it is left to scripts that source the file",
            odd.file.display(),
            odd.line
        ));
    }
    for file in conf.files() {
        if let Err(error) = trust::require_trusted(file) {
            findings.problem(&error);
        }
        let readable = fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0);
        if readable && !conf.secrets().is_empty() {
            findings.warn(&format!(
                "`{}` may hold a password and can be read by others; `chmod 600` it",
                file.display()
            ));
        }
    }
}

/// Looks at the part of the destination that exists: nothing is made here.
fn check_destination(path: &Path, settings: &Settings, backups: &Backups<'_>, findings: &mut Findings<'_>) {
    let Some(existing) = path.ancestors().find(|folder| folder.is_dir()) else {
        return;
    };
    if let Ok(real) = fs::canonicalize(existing)
        && real != existing
    {
        findings.problem(
            &Error::refused(format!(
                "the destination `{}` leads through a link",
                existing.display()
            ))
            .hint(format!("Set `path` to where it leads, `{}`.", real.display())),
        );
    }
    match Destination::judge(path, &settings.allow_foreign) {
        // The link was told.
        Err(error) if !error.message().contains("through the link") => findings.problem(&error),
        Err(_) => {}
        Ok(()) => {
            if let Err(error) = trust::require_trusted(existing) {
                findings.warn(&format!("the destination: {}", error.message()));
            }
        }
    }
    let Ok(numbers) = rustix::fs::statvfs(existing) else {
        return;
    };
    let room = numbers.f_bavail.saturating_mul(numbers.f_frsize);
    findings.note(&format!("room in `{}`: {}", existing.display(), HumanBytes(room)));
    if room < settings.reserve {
        findings.problem(&Error::new(
            ExitCode::FAILED,
            format!(
                "only {} are free, the reserve is {}",
                HumanBytes(room),
                HumanBytes(settings.reserve)
            ),
        ));
    } else {
        backups.check_room(room, existing, findings);
    }
}
