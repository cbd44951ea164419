//! What is told of drills: to people in words, to programs in JSON.

use batt_protocol::text::{count, escaped};
use batt_protocol::{Error, ExitCode, Service};
use serde::Serialize;

use crate::cli::{Format, Output};
use crate::console::Console;
use crate::report::table;

/// What a drill tells of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Everything came back as it was recorded.
    Proven,
    /// The backup is bad.
    Failed,
    /// This host cannot rehearse it, which says nothing of the backup.
    NotPossible,
    /// It took too long, which says nothing of the backup.
    TimedOut,
    /// The backup was replaced or removed meanwhile.
    Gone,
    /// Somebody wished to stop.
    Cancelled,
    /// The service has no drill script.
    NoScript,
}

impl Outcome {
    pub(super) fn exit(self) -> u8 {
        match self {
            Self::Proven | Self::NoScript => 0,
            Self::Failed => ExitCode::FAILED.code(),
            Self::NotPossible | Self::TimedOut | Self::Gone | Self::Cancelled => ExitCode::UNFINISHED.code(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Failed => "failed",
            Self::NotPossible => "not possible here",
            Self::TimedOut => "timed out",
            Self::Gone => "gone meanwhile",
            Self::Cancelled => "cancelled",
            Self::NoScript => "no drill script",
        }
    }
}

/// What is told of one drill.
#[derive(Debug, Serialize)]
pub(super) struct Drilled {
    pub(super) id: Option<String>,
    pub(super) service: Service,
    /// What the backup was asked for; none is everything, or no backup was found.
    pub(super) items: Vec<String>,
    pub(super) path: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) seconds: f64,
    pub(super) compared: usize,
    pub(super) differences: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Drilled {
    /// Returns what is told of a service of which no backup was drilled.
    pub(super) fn without_backup(service: &Service, outcome: Outcome, reason: String) -> Self {
        Self {
            id: None,
            service: service.clone(),
            items: Vec::new(),
            path: None,
            outcome,
            seconds: 0.0,
            compared: 0,
            differences: Vec::new(),
            reason: Some(reason),
            warnings: Vec::new(),
        }
    }
}

/// What is told of all drills of a call.
#[derive(Debug, Serialize)]
pub(super) struct Drills {
    pub(super) exit: ExitCode,
    pub(super) drills: Vec<Drilled>,
}

/// Shows what came of the drills.
pub(super) fn show(drills: &Drills, output: Output, console: &mut Console) -> Result<(), Error> {
    match output.format {
        Format::Json => return console.json(drills),
        Format::JsonLines => {
            return drills
                .drills
                .iter()
                .try_for_each(|drill| console.json_line(drill));
        }
        Format::Human => {}
    }
    let shown: Vec<&Drilled> = drills
        .drills
        .iter()
        .filter(|drill| !output.quiet || drill.outcome.exit() != 0)
        .collect();
    let rows: Vec<Vec<String>> = shown.iter().map(|drill| row(drill)).collect();
    for (line, drill) in table(&rows).into_iter().zip(shown) {
        console.result(&line);
        let reason = drill.reason.iter().flat_map(|reason| reason.lines());
        for text in reason.chain(drill.differences.iter().map(String::as_str)) {
            console.result(&format!("    {}", escaped(text)));
        }
        for warning in &drill.warnings {
            console.result(&format!("    note: {}", escaped(warning)));
        }
    }
    Ok(())
}

fn row(drill: &Drilled) -> Vec<String> {
    let compared = match drill.outcome {
        Outcome::Proven if drill.compared == 0 => "nothing was recorded to compare".to_owned(),
        Outcome::Proven | Outcome::Failed => format!("{} compared", count(drill.compared, "fact")),
        _ => String::new(),
    };
    vec![
        drill.service.to_string(),
        drill.outcome.words().to_owned(),
        format!("{:.1} s", drill.seconds),
        compared,
        drill.id.clone().unwrap_or_default(),
    ]
}
