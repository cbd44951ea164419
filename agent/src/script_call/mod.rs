//! A script that is called: in which surroundings, within which limits, and what came of it. The same for every verb.

mod environment;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use batt_protocol::Error;
use batt_protocol::text::count;

use crate::cancellation::Cancellation;
use crate::log::{LogReader, LogWriter, Mask};
use crate::process::{self, Cgroup, Ended, LaunchRequest, Limits, ScriptProcess, Start, Verdict};
pub(crate) use environment::{Environment, MARK};

/// How many lines of its log the reason of a failed script has.
const LAST_LINES: usize = 5;

/// Everything that a script is called with.
#[derive(Debug)]
pub(crate) struct ScriptCall {
    /// The running agent, which launches it.
    pub(crate) agent: PathBuf,
    /// The script.
    pub(crate) script: PathBuf,
    /// Its arguments, each exactly one.
    pub(crate) arguments: Vec<OsString>,
    /// Its environment, the mark not yet in it.
    pub(crate) environment: Environment,
    /// What no other script has in its environment.
    pub(crate) mark: String,
    /// The name of its control group.
    pub(crate) cgroup: String,
    /// Where the reason goes when it cannot be started.
    pub(crate) failure_file: PathBuf,
    /// The file that its log begins in.
    pub(crate) log: PathBuf,
    /// Bytes of its log that are kept.
    pub(crate) log_limit: u64,
    /// What its log must not hold.
    pub(crate) secrets: Vec<String>,
    /// How much it gives way to others.
    pub(crate) nice: Option<i32>,
    /// How long it may run.
    pub(crate) limits: Limits,
    /// Bytes of memory that it may take.
    pub(crate) memory: Option<u64>,
}

/// Why a script did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallFailure {
    /// Somebody wished to stop.
    Cancelled,
    /// It was stopped: why, and its last lines.
    TimedOut(String),
    /// It failed.
    Failed {
        /// Its exit code, where it has one.
        code: Option<i32>,
        /// Why, and its last lines.
        reason: String,
    },
}

/// A script that ended.
#[derive(Debug)]
pub(crate) struct Called {
    /// Whether it succeeded.
    pub(crate) result: Result<(), CallFailure>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

impl ScriptCall {
    /// Runs the script to its end. `watch` is called now and then, and returns a number that grows while it gets on.
    ///
    /// # Errors
    /// Those of this machine. What the script did is no error.
    pub(crate) fn run(
        mut self,
        cancellation: &Cancellation,
        watch: impl FnMut() -> u64,
    ) -> Result<Called, Error> {
        let cgroup = Cgroup::make(&self.cgroup);
        if let (Some(cgroup), Some(memory)) = (&cgroup, self.memory) {
            cgroup.limit_memory(memory);
        }
        self.environment.set(MARK, &self.mark);
        let start = Start {
            launcher: self.agent.clone(),
            launch: LaunchRequest {
                failure_file: self.failure_file.clone(),
                cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
                nice: self.nice,
                memory: self.memory,
                script: self.script.clone(),
                items: self.arguments.clone(),
            },
            environment: self.environment.take(),
            mark: format!("{MARK}={}", self.mark),
            cgroup,
            log: LogWriter::create(&self.log, self.log_limit)?,
            mask: Mask::new(self.secrets.clone()),
        };
        let ended = ScriptProcess::start(start)?.wait(self.limits, cancellation, watch)?;
        Ok(Called {
            result: self.judge(&ended),
            warnings: warnings_of(&ended),
        })
    }

    /// Turns the end of a script that did not succeed into a reason: what happened, and the last lines of its log.
    fn judge(&self, ended: &Ended) -> Result<(), CallFailure> {
        let timed_out = |what: String| Err(CallFailure::TimedOut(what + &self.last_lines()));
        let failed = |code: Option<i32>, reason: String| Err(CallFailure::Failed { code, reason });
        match ended.verdict {
            Verdict::Cancelled => return Err(CallFailure::Cancelled),
            Verdict::TooLong(most) => {
                return timed_out(format!(
                    "stopped after `max_duration`, {} seconds",
                    most.as_secs()
                ));
            }
            Verdict::Stalled(most) => {
                return timed_out(format!(
                    "stopped: neither its log nor its files grew for {} seconds",
                    most.as_secs()
                ));
            }
            Verdict::ByItself => {}
        }
        if let Ok(reason) = fs::read_to_string(&self.failure_file) {
            return failed(None, reason);
        }
        if let Some(what) = process::describe(ended.status) {
            let reason = format!("the script failed: {what}{}", self.last_lines());
            return failed(ended.status.code(), reason);
        }
        if !ended.all_gone {
            let reason = "processes of the script cannot be killed";
            return failed(None, reason.to_owned() + &self.last_lines());
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        last_lines(&self.log)
    }
}

/// Returns the last lines of a log, each on a line of its own.
pub(crate) fn last_lines(log: &std::path::Path) -> String {
    let lines = LogReader::new(log).last_lines(LAST_LINES);
    lines.iter().map(|line| format!("\n| {line}")).collect()
}

fn warnings_of(ended: &Ended) -> Vec<String> {
    let mut warnings = Vec::new();
    if ended.left_behind > 0 {
        warnings.push(format!(
            "the script left {} behind, now killed",
            count(ended.left_behind, "process")
        ));
    }
    if let Some(error) = &ended.log_failure {
        warnings.push(error.to_string());
    }
    warnings
}
