//! What a backup script finds wrong before it is run: whether it reaches its engine, may read everything, and has the right
//! client. The script is called with `BATT_CHECK=yes`, where its header says that it understands that.

use std::ffi::OsString;
use std::time::Duration;

use batt_protocol::{Error, Service};

use crate::account::Stranger;
use crate::cancellation::Cancellation;
use crate::conf_file::Conf;
use crate::home::Home;
use crate::log::LogReader;
use crate::process::Limits;
use crate::script_call::{CallFailure, Environment, ScriptCall};
use crate::settings::ServiceSettings;
use crate::trust;
use crate::work_folder::WorkFolder;

/// An engine that has not answered after this long does not do so at night either.
const PATIENCE: Duration = Duration::from_secs(60);
/// More lines than a person reads.
const LOG_LIMIT: u64 = 256 << 10;
const MOST_LINES: usize = 50;

/// What a script said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preflight {
    /// It finds nothing wrong. What it printed is worth knowing.
    Good(Vec<String>),
    /// It finds something wrong: what it printed, or how it ended.
    Bad(Vec<String>),
}

/// Asks the script of a service whether it could back up now.
///
/// # Errors
/// What kept it from being called.
pub(crate) fn preflight(
    home: &Home,
    service: &Service,
    settings: &ServiceSettings,
    cancellation: &Cancellation,
) -> Result<Preflight, Error> {
    let script = home.script(service.name());
    let conf = Conf::of_service(home, service)?;
    trust::require_trusted(&script)?;
    conf.files()
        .iter()
        .try_for_each(|file| trust::require_trusted(file))?;
    let work = WorkFolder::make(&WorkFolder::usual_place())?;
    let mut environment = Environment::clean();
    environment.set_common(service, Some(home), Some(&conf), &work.tools());
    environment.set("TMPDIR", work.scratch());
    environment.set("BATT_CHECK", "yes");
    let call = ScriptCall {
        agent: std::env::current_exe()
            .map_err(|cause| Error::system("cannot find the running program", cause))?,
        script,
        arguments: settings.items.iter().map(OsString::from).collect(),
        environment,
        mark: work.mark().to_owned(),
        cgroup: work.mark().to_owned(),
        failure_file: work.failure_file(),
        log: work.log(),
        log_limit: LOG_LIMIT,
        secrets: conf.secrets(),
        nice: None,
        limits: Limits {
            max_duration: Some(PATIENCE),
            stall_timeout: None,
        },
        memory: None,
        stranger: Stranger::allot(),
        cell: None,
    };
    let called = call.run(cancellation, || 0)?;
    let said = with_hints(LogReader::new(&work.log()).last_lines(MOST_LINES));
    Ok(match called.result {
        Ok(()) => Preflight::Good(said),
        Err(CallFailure::Complained { complaint, .. }) if said.is_empty() => Preflight::Bad(vec![complaint]),
        Err(CallFailure::Complained { .. }) => Preflight::Bad(said),
        Err(CallFailure::Cancelled) => Preflight::Bad(vec!["cancelled".to_owned()]),
        Err(CallFailure::TimedOut(_)) => {
            let complaint = format!("it has not answered for {} seconds", PATIENCE.as_secs());
            Preflight::Bad(said.into_iter().chain([complaint]).collect())
        }
        Err(CallFailure::OverLimit(reason) | CallFailure::Lost(reason)) => Preflight::Bad(vec![reason]),
    })
}

/// Returns the lines of a script with each hint at the complaint that it belongs to.
fn with_hints(lines: Vec<String>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        match said.last_mut() {
            Some(complaint) if line.starts_with("hint: ") => {
                complaint.push('\n');
                complaint.push_str(&line);
            }
            _ => said.push(line),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_stands_with_its_complaint() {
        let lines = ["hint: first", "a", "hint: b", "c"].map(str::to_owned).to_vec();
        assert_eq!(with_hints(lines), ["hint: first", "a\nhint: b", "c"]);
    }
}
