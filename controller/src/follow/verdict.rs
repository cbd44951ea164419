//! What the record of a run that did not go well means for its host.

use batt_protocol::{ExitCode, HostClass, Outcome, ServiceReport, ServiceRequest, text};

use crate::state::Running;
use crate::stop::StopReason;
use crate::trouble::{Trouble, foreign};

/// Returns the trouble of a run whose supervisor died.
pub(super) fn interrupted() -> Trouble {
    Trouble::new(
        HostClass::Failed,
        "the run was interrupted on the host: its supervisor died before it could say how it ended",
    )
    .hint("A reboot or the kernel's memory killer do that; `batt logs` on the host tells how far it came.")
}

/// Returns the trouble of a run that ended, and whose record does not prove that all went well.
pub(super) fn of(running: &Running, requested: &[ServiceRequest], stopped: Option<StopReason>) -> Trouble {
    let (reports, open) = running.split();
    let bad: Vec<&ServiceReport> = reports
        .iter()
        .filter(|report| report.outcome != Outcome::Succeeded)
        .collect();
    if let Some(reason) = stopped
        && (!bad.is_empty() || !open.is_empty() || running.services.is_empty())
    {
        return reason.trouble("while it ran");
    }
    if !open.is_empty() {
        let names: Vec<String> = open.iter().map(ToString::to_string).collect();
        return failed(format!(
            "the record of the run ends without an end of {}",
            text::list_and(&names)
        ));
    }
    if !bad.is_empty() {
        let only = |outcomes: &[Outcome]| bad.iter().all(|report| outcomes.contains(&report.outcome));
        let class = if only(&[Outcome::Cancelled, Outcome::NotStarted]) {
            HostClass::Cancelled
        } else {
            HostClass::Failed
        };
        return Trouble::new(class, sentence(&bad));
    }
    let missing: Vec<String> = requested
        .iter()
        .filter(|request| {
            running
                .services
                .iter()
                .all(|known| known.service != request.service)
        })
        .map(|request| request.service.to_string())
        .collect();
    if running.services.is_empty() {
        return failed("no service is enabled or named");
    }
    if !missing.is_empty() {
        let names = text::list_and(&missing);
        return failed(format!("the run with this id on the host does not hold {names}"));
    }
    failed(format!(
        "the run ended with exit code {} although each service succeeded",
        running.exit.unwrap_or(ExitCode::PROGRAM)
    ))
}

fn failed(reason: impl Into<String>) -> Trouble {
    Trouble::new(HostClass::Failed, reason)
}

fn sentence(bad: &[&ServiceReport]) -> String {
    let told: Vec<String> = bad
        .iter()
        .map(|report| match (&report.reason, bad.len()) {
            (Some(reason), 1) => {
                let first = reason.lines().next().unwrap_or_default();
                format!(
                    "`{}` {}: {}",
                    report.service,
                    verb(report.outcome),
                    foreign(first)
                )
            }
            _ => format!("`{}` {}", report.service, verb(report.outcome)),
        })
        .collect();
    told.join(", ")
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Partial => "is partial",
        Outcome::Suspicious => "is suspicious",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed out",
        Outcome::Cancelled => "was cancelled",
        Outcome::Refused => "was refused",
        Outcome::Busy => "is busy",
        Outcome::NotStarted => "was not started",
    }
}
