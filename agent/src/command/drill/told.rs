//! What is told of drills: to people in words, to programs in JSON.

use batt_protocol::text::{count, escaped};
use batt_protocol::{DrillOutcome, Error, ExitCode, Outcome, Service, Tally};
use serde::Serialize;

use crate::cli::{Format, Output};
use crate::console::Console;
use crate::report::table;

/// What came of one backup, or of one service, of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Came {
    /// The backup was replaced or removed meanwhile.
    Gone,
    /// Somebody wished to stop.
    Cancelled,
    /// There is no backup to begin with, or something is in the way.
    NotStarted,
    /// The service has no drill script, and nobody asked for one.
    NoScript,
    /// It was drilled.
    #[serde(untagged)]
    Drilled(DrillOutcome),
}

impl Came {
    pub(super) const NOT_POSSIBLE: Self = Self::Drilled(DrillOutcome::NotPossible);

    fn count(self, tally: &mut Tally) {
        match self {
            Self::Drilled(outcome) => tally.drill(outcome),
            Self::NoScript => {}
            Self::NotStarted => tally.service(Outcome::NotStarted),
            Self::Gone | Self::Cancelled => tally.service(Outcome::Cancelled),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Drilled(outcome) => outcome.to_string(),
            Self::Gone => "gone meanwhile".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::NotStarted => "not started".to_owned(),
            Self::NoScript => "no drill script".to_owned(),
        }
    }

    /// Tells whether a person who asked for nothing special has to look.
    fn is_trouble(self) -> bool {
        let mut tally = Tally::default();
        self.count(&mut tally);
        !tally.exit().is_ok()
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
    pub(super) outcome: Came,
    pub(super) seconds: f64,
    pub(super) compared: usize,
    pub(super) differences: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Drilled {
    /// Returns what is told of a service of which no backup was drilled.
    pub(super) fn without_backup(service: &Service, outcome: Came, reason: String) -> Self {
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

/// Returns the exit code of all of them.
pub(super) fn exit(drills: &[Drilled]) -> ExitCode {
    let mut tally = Tally::default();
    drills.iter().for_each(|drill| drill.outcome.count(&mut tally));
    tally.exit()
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
        .filter(|drill| !output.quiet || drill.outcome.is_trouble())
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
        Came::Drilled(DrillOutcome::Loaded) => "nothing was recorded to compare".to_owned(),
        _ if drill.compared == 0 => String::new(),
        _ => format!("{} compared", count(drill.compared, "fact")),
    };
    vec![
        drill.service.to_string(),
        drill.outcome.words(),
        format!("{:.1} s", drill.seconds),
        compared,
        drill.id.clone().unwrap_or_default(),
    ]
}
