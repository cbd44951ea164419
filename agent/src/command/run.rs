//! `batt`, `batt SERVICE...`: back up here and now; `batt attach`: see a run that goes on.

use std::io;
use std::time::Duration;

use batt_protocol::wire::RunState;
use batt_protocol::{Error, EventKind, ExitCode, RunId, RunReport, ServiceReport, ServiceRequest};
use chrono::{Local, Utc};

use crate::cancellation::Cancellation;
use crate::cli::{Format, Output};
use crate::console::{Console, has_watcher};
use crate::home::Home;
use crate::host;
use crate::journal::Follower;
use crate::pattern::Pattern;
use crate::report::{Bars, JsonEvents, Lines, summary, table};
use crate::run::{self, Plan, Reader};
use crate::run_folder::{Admission, Order, RunFolder};

/// What a person asked for.
pub(crate) struct Request {
    pub(crate) services: Vec<ServiceRequest>,
    pub(crate) path: Option<Pattern>,
    pub(crate) wait: Duration,
    /// Services at a time, in place of what batt.toml says.
    pub(crate) jobs: Option<usize>,
}

impl Request {
    /// Returns the order, and the plan for it.
    fn plan(self, home: &Home) -> Result<(Order, Plan), Error> {
        let jobs = self.jobs;
        let order = self.order()?;
        let plan = Plan::make(home, &order, Local::now().fixed_offset())?;
        let jobs = jobs.unwrap_or(plan.jobs);
        Ok((order, Plan { jobs, ..plan }))
    }

    fn order(self) -> Result<Order, Error> {
        let mut chance = [0u8; 3];
        getrandom::fill(&mut chance).map_err(|cause| Error::system("cannot get random bytes", cause))?;
        Ok(Order {
            run: RunId::new(Utc::now(), chance),
            services: self.services,
            path: self.path.map(|path| path.as_str().to_owned()),
            wait_seconds: self.wait.as_secs(),
            asked_by: host::asked_by(None),
        })
    }
}

/// Backs up.
pub(crate) fn run(
    home: &Home,
    output: Output,
    request: Request,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    // Before anything is written: what cannot be meant leaves no trace.
    let (order, plan) = request.plan(home)?;
    let cancellation = Cancellation::by_signals()?;
    if let Err(error) = run::recover(home) {
        console.error(&error);
    }
    let Admission::New(folder) = RunFolder::admit(home, &order)? else {
        return Err(Error::program(format!("the run `{}` exists already", order.run)));
    };
    let supervision = folder
        .supervise()?
        .ok_or_else(|| Error::program(format!("another process supervises the run `{}`", order.run)))?;
    let report = run::execute(
        home,
        &plan,
        &folder,
        supervision,
        readers(output, console),
        &cancellation,
    )
    .inspect_err(|_| folder.remove_if_never_started())?;
    show(&report, output, console)?;
    Ok(report.exit)
}

/// Tells what a run would do, and changes nothing.
pub(crate) fn plan(
    home: &Home,
    output: Output,
    request: Request,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let (_, plan) = request.plan(home)?;
    let planned = run::look_ahead(home, &plan);
    if output.format != Format::Human {
        console.json(&planned)?;
    } else {
        let rows: Vec<Vec<String>> = planned
            .iter()
            .map(|service| {
                vec![
                    service.service.to_string(),
                    service
                        .refusal
                        .clone()
                        .unwrap_or_else(|| format!("to {}", service.path)),
                ]
            })
            .collect();
        table(&rows).iter().for_each(|line| console.result(line));
    }
    let refused = planned.iter().any(|service| service.refusal.is_some());
    Ok(if refused { ExitCode::FAILED } else { ExitCode::OK })
}

/// Shows a run that goes on, until it ends. Ctrl-C leaves it alone.
pub(crate) fn attach(
    home: &Home,
    output: Output,
    run: &RunId,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let folder = RunFolder::of(home, run);
    folder.order()?;
    let cancellation = Cancellation::by_signals()?;
    let mut readers = readers(output, console);
    let mut journal = Follower::new(&folder.journal());
    let mut services: Vec<ServiceReport> = Vec::new();
    loop {
        // Asked before the journal is read, so that nothing is missed.
        let (state, _) = folder.state()?;
        for event in journal.read_new()? {
            readers.iter_mut().for_each(|reader| reader.read(&event));
            match event.event {
                EventKind::ServiceEnded { report } => services.push(report),
                EventKind::RunEnded { exit, .. } => {
                    show(
                        &RunReport {
                            run: run.clone(),
                            exit,
                            services,
                        },
                        output,
                        console,
                    )?;
                    return Ok(exit);
                }
                _ => {}
            }
        }
        if let Some(wish) = cancellation.requested() {
            console.remark(&format!("the run goes on; `batt cancel {run}` ends it"));
            return Ok(wish.exit());
        }
        if state == RunState::Interrupted {
            return Err(Error::program(format!(
                "the run `{run}` was interrupted: its supervisor is dead"
            )));
        }
        for progress in folder.progress() {
            let event = batt_protocol::Event {
                sequence: 0,
                at: Utc::now(),
                event: progress,
            };
            readers.iter_mut().for_each(|reader| reader.read(&event));
        }
        cancellation.pause(Duration::from_millis(200));
    }
}

fn readers(output: Output, console: &Console) -> Vec<Box<dyn Reader>> {
    match output.format {
        Format::JsonLines => vec![Box::new(JsonEvents(console.results()))],
        _ if has_watcher() && !output.quiet => vec![Box::new(Bars::new())],
        _ => vec![Box::new(Lines::new(io::stderr(), output.quiet))],
    }
}

fn show(report: &RunReport, output: Output, console: &mut Console) -> Result<(), Error> {
    match output.format {
        Format::Human => summary(report, output.quiet)
            .iter()
            .for_each(|line| console.result(line)),
        Format::Json => console.json(report)?,
        Format::JsonLines => {}
    }
    Ok(())
}
