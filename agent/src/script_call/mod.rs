//! A script that is called: in which surroundings, within which limits, and what came of it. The same for every verb.

mod environment;
mod tools;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use batt_protocol::text::count;
use batt_protocol::{Error, HumanBytes};

use crate::account::{self, STRANGER, Stranger};
use crate::cancellation::Cancellation;
use crate::log::{LogReader, LogWriter, Mask};
use crate::process::{
    self, Allowance, Cell, Cgroup, Ended, LaunchRequest, Limits, ScriptProcess, Start, Verdict,
};
pub(crate) use environment::{Environment, MARK, SEARCH_PATH, search_path};
#[cfg(test)]
pub(crate) use tools::SHIPPED_SERVICES;

/// How many lines of its log the reason of a failed script has.
const LAST_LINES: usize = 5;
/// In how many of the last bytes of a log its error is looked for, and how many of that line are told.
const ERROR_WITHIN: u64 = 64 << 10;
const ERROR_MOST: usize = 1000;

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
    /// The account that nobody has, for what it opens that others control.
    pub(crate) stranger: Option<Stranger>,
    /// The cell that it runs in, and what it may take there.
    pub(crate) cell: Option<(Cell, Allowance)>,
}

/// Why a script did not succeed. What is told of it ends with the last lines of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallFailure {
    /// Somebody wished to stop.
    Cancelled,
    /// It was stopped.
    TimedOut(String),
    /// It took more of the machine than it may: memory, or room, or what else is bounded.
    OverLimit(String),
    /// It could not be started, or processes of it cannot be killed.
    Lost(String),
    /// It ended by itself, and not well.
    Complained {
        /// Its exit code, where it has one.
        code: Option<i32>,
        /// How it ended, without the last lines.
        complaint: String,
    },
}

/// A script that ended.
#[derive(Debug)]
pub(crate) struct Called {
    /// Whether it succeeded.
    pub(crate) result: Result<(), CallFailure>,
    /// Why its log is not whole, when it is not.
    pub(crate) log_failure: Option<String>,
    /// Bytes of memory that each process was bound to, where nobody can tell whether that was too little.
    pub(crate) memory_of_each: Option<u64>,
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
        // For all together where the group can; there it is known when it was too little. Else for each process.
        let in_group = |memory: u64| cgroup.as_ref().is_some_and(|group| group.limit_memory(memory));
        let memory = self.memory.filter(|memory| !in_group(*memory));
        if let (Some((cell, _)), Some(group)) = (&self.cell, &cgroup) {
            // The two processes of batt are in the group, too.
            group.limit_processes(cell.processes.saturating_add(2));
        }
        self.environment.set(MARK, &self.mark);
        if let Some(stranger) = &self.stranger {
            self.environment.set(STRANGER, stranger.uid().to_string());
        }
        let start = Start {
            launcher: self.agent.clone(),
            launch: LaunchRequest {
                failure_file: self.failure_file.clone(),
                cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
                nice: self.nice,
                memory,
                cell: self.cell.as_ref().map(|(cell, _)| cell.clone()),
                inside: false,
                script: self.script.clone(),
            },
            items: self.arguments.clone(),
            environment: self.environment.take(),
            mark: format!("{MARK}={}", self.mark),
            cgroup,
            allowance: self.cell.as_ref().map(|(_, allowance)| allowance.clone()),
            log: LogWriter::create(&self.log, self.log_limit)?,
            mask: Mask::new(self.secrets.clone()),
        };
        let mut ended = ScriptProcess::start(start)?.wait(self.limits, cancellation, watch)?;
        let mut warnings = warnings_of(&ended);
        // The number is another call's next.
        match self
            .stranger
            .as_ref()
            .map(|stranger| stranger.end_processes(&self.agent))
        {
            None | Some(account::Ended::Nobody) => {}
            Some(account::Ended::Killed) => {
                warnings
                    .push("processes of an account that nobody has were left behind, now killed".to_owned());
            }
            Some(account::Ended::CannotBeKilled) => ended.all_gone = false,
        }
        Ok(Called {
            result: self.judge(&ended),
            log_failure: ended.log_failure.as_ref().map(ToString::to_string),
            memory_of_each: memory,
            warnings,
        })
    }

    /// Turns the end of a script that did not succeed into a reason.
    fn judge(&self, ended: &Ended) -> Result<(), CallFailure> {
        let told = |what: String| what + &last_lines(&self.log);
        match ended.verdict {
            Verdict::Cancelled => return Err(CallFailure::Cancelled),
            Verdict::TooLong(most) => {
                return Err(CallFailure::TimedOut(told(format!(
                    "stopped after `max_duration`, {} seconds",
                    most.as_secs()
                ))));
            }
            Verdict::Stalled(most) => {
                return Err(CallFailure::TimedOut(told(format!(
                    "stopped: neither its log nor its files grew for {} seconds",
                    most.as_secs()
                ))));
            }
            Verdict::Exceeded | Verdict::ByItself => {}
        }
        if let Some(limit) = &ended.exceeded {
            return Err(CallFailure::OverLimit(told(format!("stopped: {limit}"))));
        }
        if let Ok(reason) = fs::read_to_string(&self.failure_file) {
            return Err(CallFailure::Lost(reason));
        }
        let complaint = process::describe(ended.status).map(|what| format!("the script failed: {what}"));
        if !ended.all_gone {
            // They may still write.
            let also = complaint.map(|complaint| complaint + "; ").unwrap_or_default();
            return Err(CallFailure::Lost(told(format!(
                "{also}processes of the script cannot be killed"
            ))));
        }
        if let Some(memory) = self.memory.filter(|_| ended.out_of_memory) {
            return Err(CallFailure::OverLimit(told(format!(
                "it took more memory than the {} that it may",
                HumanBytes(memory)
            ))));
        }
        complaint.map_or(Ok(()), |complaint| {
            Err(CallFailure::Complained {
                code: ended.status.code(),
                complaint,
            })
        })
    }
}

/// Returns the last lines of a log, each on a line of its own; before them the last one with an error, where they have none: some
/// clients show what they were doing after it, as many lines as that has.
pub(crate) fn last_lines(log: &std::path::Path) -> String {
    let reader = LogReader::new(log);
    let mut lines = reader.last_lines(LAST_LINES);
    if !lines.iter().any(|line| tells_of_an_error(line)) {
        let earlier = reader.last_lines_within(usize::MAX, ERROR_WITHIN);
        let error = earlier.into_iter().rfind(|line| tells_of_an_error(line));
        if let Some(mut error) = error {
            error.truncate(error.floor_char_boundary(ERROR_MOST));
            lines.insert(0, error);
        }
    }
    lines.iter().map(|line| format!("\n| {line}")).collect()
}

/// Tells whether a line is one of a client's or server's in which it says that something is wrong.
fn tells_of_an_error(line: &str) -> bool {
    ["ERROR", "Error:", "error:", "FATAL", "PANIC"]
        .iter()
        .any(|word| line.contains(word))
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
