//! The state of a run of the fleet: what is true now, by the events so far. Applying a journal's events gives the same
//! state as the run itself had.

mod host_state;
mod log_tail;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use batt_protocol::wire::PlannedService;
use batt_protocol::{
    EventKind, ExitCode, FileChange, FleetReport, HostClass, HostReport, Outcome, RunId, ServiceRequest,
    Tally,
};

use crate::event::{FleetEvent, FleetEventKind as Kind, Installed, Interruption, Verb};
use crate::host::Host;

pub(crate) use self::host_state::{HostState, IllegalEvent, Running, Standing};
pub(crate) use self::log_tail::LogTail;

/// The most warnings kept of one host.
const MAX_WARNINGS: usize = 20;

/// What is true of a run.
#[derive(Debug, Clone)]
pub(crate) struct FleetState {
    plan: RunPlan,
    hosts: Vec<HostRecord>,
    places: HashMap<Host, usize>,
    active: BTreeSet<usize>,
    ended: usize,
    cancel: Option<Interruption>,
    exit: Option<ExitCode>,
}

/// What was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunPlan {
    /// The id of the run.
    pub(crate) run: RunId,
    /// What it does on each host.
    pub(crate) verb: Verb,
    /// Who asked for it.
    pub(crate) asked_by: String,
    /// When it was planned.
    pub(crate) started: DateTime<Utc>,
}

/// One selected host: where it stands, and what it told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostRecord {
    /// Its name in the inventory.
    pub(crate) host: Host,
    /// What is asked of it; none means what it has enabled.
    pub(crate) services: Vec<ServiceRequest>,
    /// Where it stands.
    pub(crate) state: HostState,
    /// What it told on the way.
    pub(crate) facts: HostFacts,
    /// The last words of services that did not succeed.
    pub(crate) log: LogTail,
}

/// What a host told on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HostFacts {
    /// The version of its agent.
    pub(crate) agent_version: Option<String>,
    /// What tells it from every other host.
    pub(crate) host_id: Option<String>,
    /// What a push would change.
    pub(crate) changes: Option<Vec<FileChange>>,
    /// What a push did: files added, replaced, removed.
    pub(crate) pushed: Option<(usize, usize, usize)>,
    /// What a run would do.
    pub(crate) planned: Option<Vec<PlannedService>>,
    /// Warnings of the host itself and of its run.
    pub(crate) warnings: Vec<String>,
    /// How long each phase took, in order, as far as it is known: its name and when it began.
    pub(crate) phases: Vec<(crate::event::Phase, DateTime<Utc>)>,
    /// Keys that it showed: the fingerprint, and the key as the inventory takes it.
    pub(crate) keys: Vec<(String, String)>,
    /// What an installation of the agent did.
    pub(crate) installed: Option<Installed>,
}

impl FleetState {
    /// Returns the state after the first event of a run.
    ///
    /// # Errors
    /// A first event that is no plan, or a plan that names a host twice.
    pub(crate) fn planned(event: &FleetEvent) -> Result<Self, IllegalEvent> {
        let Kind::RunPlanned {
            run,
            verb,
            asked_by,
            hosts,
            ..
        } = &event.event
        else {
            return Err(IllegalEvent("a run that does not begin with its plan".to_owned()));
        };
        let mut places = HashMap::with_capacity(hosts.len());
        let mut records = Vec::with_capacity(hosts.len());
        for planned in hosts {
            if places.insert(planned.host.clone(), records.len()).is_some() {
                return Err(IllegalEvent(format!("host `{}` is planned twice", planned.host)));
            }
            records.push(HostRecord {
                host: planned.host.clone(),
                services: planned.services.clone(),
                state: HostState::Queued,
                facts: HostFacts::default(),
                log: LogTail::default(),
            });
        }
        Ok(Self {
            plan: RunPlan {
                run: run.clone(),
                verb: *verb,
                asked_by: asked_by.clone(),
                started: event.at,
            },
            hosts: records,
            places,
            active: BTreeSet::new(),
            ended: 0,
            cancel: None,
            exit: None,
        })
    }

    /// Applies an event.
    ///
    /// # Errors
    /// An event that cannot happen now. The state stays as it was.
    pub(crate) fn apply(&mut self, event: &FleetEvent) -> Result<(), IllegalEvent> {
        if self.exit.is_some() {
            return Err(IllegalEvent("an event after the end of the run".to_owned()));
        }
        if let Some(host) = &event.host {
            let Some(&place) = self.places.get(host) else {
                return Err(IllegalEvent(format!("host `{host}` is not one of this run")));
            };
            return self.apply_host(place, event);
        }
        match &event.event {
            Kind::CancelRequested { by } => self.cancel = self.cancel.or(Some(*by)),
            Kind::RunEnded { exit, .. } => self.exit = Some(*exit),
            Kind::ReaderFailed { .. } | Kind::Unknown => {}
            _ => return Err(IllegalEvent("an event of a host that names none".to_owned())),
        }
        Ok(())
    }

    fn apply_host(&mut self, place: usize, event: &FleetEvent) -> Result<(), IllegalEvent> {
        let record = &mut self.hosts[place];
        let next = record.state.next(event)?;
        if let Kind::HostEnded {
            class: HostClass::Ok, ..
        } = &event.event
        {
            let good = match (&record.state, self.plan.verb) {
                (HostState::Running(run), Verb::Run) => run.is_proven(&record.services),
                (HostState::Ready(_), verb) => verb != Verb::Run,
                _ => false,
            };
            if !good {
                return Err(IllegalEvent(
                    "a host cannot end well without its own record that says so".to_owned(),
                ));
            }
        }
        record.note(event);
        record.state = next;
        match &record.state {
            HostState::Queued => {}
            HostState::Ended(_) => {
                self.active.remove(&place);
                self.ended += 1;
            }
            HostState::Connecting(_) | HostState::Ready(_) | HostState::Running(_) => {
                self.active.insert(place);
            }
        }
        Ok(())
    }

    /// Returns what was planned.
    pub(crate) fn plan(&self) -> &RunPlan {
        &self.plan
    }

    /// Returns every selected host, in the inventory's order.
    pub(crate) fn hosts(&self) -> &[HostRecord] {
        &self.hosts
    }

    /// Returns a host.
    pub(crate) fn host(&self, host: &Host) -> Option<&HostRecord> {
        self.places.get(host).map(|place| &self.hosts[*place])
    }

    /// Returns the hosts whose turn came and that have not ended, in the inventory's order.
    pub(crate) fn active(&self) -> impl Iterator<Item = &HostRecord> {
        self.active.iter().map(|place| &self.hosts[*place])
    }

    /// Returns the hosts whose turn has not come, in the inventory's order.
    pub(crate) fn queued(&self) -> impl Iterator<Item = &HostRecord> {
        self.hosts
            .iter()
            .filter(|record| record.state == HostState::Queued)
    }

    /// Returns how many hosts have ended.
    pub(crate) fn ended(&self) -> usize {
        self.ended
    }

    /// Tells whether every host has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.ended == self.hosts.len()
    }

    /// Returns who asked for the end of the run.
    pub(crate) fn cancel(&self) -> Option<Interruption> {
        self.cancel
    }

    /// Returns how many hosts ended in each class.
    pub(crate) fn totals(&self) -> BTreeMap<HostClass, usize> {
        let mut totals = BTreeMap::new();
        for record in &self.hosts {
            if let HostState::Ended(end) = &record.state {
                *totals.entry(end.class).or_insert(0) += 1;
            }
        }
        totals
    }

    /// Returns the exit code that the run ended with; none while it goes on, or when it never came to an end.
    pub(crate) fn exit(&self) -> Option<ExitCode> {
        self.exit
    }

    /// Returns the exit code that the hosts and an interruption make. A host that has not ended counts as unfinished.
    pub(crate) fn verdict(&self) -> ExitCode {
        if let Some(exit) = self.cancel.and_then(Interruption::exit) {
            return exit;
        }
        let mut tally = Tally::default();
        for record in &self.hosts {
            match &record.state {
                HostState::Ended(end) if end.busy => tally.service(Outcome::Busy),
                HostState::Ended(end) => {
                    let outcomes: Vec<Outcome> = end.services.iter().map(|report| report.outcome).collect();
                    tally.host(end.class, &outcomes);
                }
                _ => tally.host(HostClass::Cancelled, &[]),
            }
        }
        tally.exit()
    }

    /// Returns the machine-readable report, with this exit code. Hosts that have not ended are `lost`: nobody knows.
    pub(crate) fn report(&self, exit: ExitCode) -> FleetReport {
        let mut totals = BTreeMap::new();
        let hosts: Vec<HostReport> = self.hosts.iter().map(HostRecord::report).collect();
        for host in &hosts {
            *totals.entry(host.class).or_insert(0) += 1;
        }
        FleetReport {
            run: self.plan.run.clone(),
            exit,
            totals,
            hosts,
        }
    }
}

impl HostRecord {
    /// Returns the machine-readable report of this host.
    pub(crate) fn report(&self) -> HostReport {
        let (class, reason, seconds, services, open) = match &self.state {
            HostState::Ended(end) => {
                let seconds = end
                    .started
                    .map_or(0.0, |started| (end.ended - started).as_seconds_f64().max(0.0));
                let (services, open) = (end.services.clone(), end.open.clone());
                (end.class, end.reason.clone(), seconds, services, open)
            }
            HostState::Running(run) => {
                let (services, open) = run.split();
                (HostClass::Lost, None, 0.0, services, open)
            }
            HostState::Queued => (HostClass::Cancelled, None, 0.0, Vec::new(), Vec::new()),
            HostState::Connecting(_) | HostState::Ready(_) => {
                (HostClass::Lost, None, 0.0, Vec::new(), Vec::new())
            }
        };
        let unknown = || "its end was not recorded".to_owned();
        HostReport {
            host: self.host.to_string(),
            class,
            reason: (class != HostClass::Ok).then(|| reason.unwrap_or_else(unknown)),
            seconds,
            services,
            open,
        }
    }

    fn note(&mut self, event: &FleetEvent) {
        let facts = &mut self.facts;
        match &event.event {
            Kind::PhaseEntered { phase } if !matches!(self.state, HostState::Running(_)) => {
                facts.phases.push((*phase, event.at));
            }
            Kind::Greeted { version, host_id, .. } => {
                facts.agent_version = Some(version.clone());
                facts.host_id = Some(host_id.clone());
            }
            Kind::KeyShown { fingerprint, key } => {
                facts.keys.push((fingerprint.clone(), key.clone()));
            }
            Kind::AgentInstalled { installed } => facts.installed = Some(*installed),
            Kind::Compared { changes } => facts.changes = Some(changes.clone()),
            Kind::Pushed {
                added,
                replaced,
                removed,
            } => facts.pushed = Some((*added, *replaced, *removed)),
            Kind::Planned { services } => facts.planned = Some(services.clone()),
            Kind::HostWarned { text } => facts.warn(text.clone()),
            Kind::LogReceived { service, bytes, .. } => self.log.push(service, bytes),
            Kind::Agent { event } => match &event.event {
                EventKind::Warned { service, text } => facts.warn(match service {
                    Some(service) => format!("{service}: {text}"),
                    None => text.clone(),
                }),
                EventKind::ServiceEnded { report } if report.outcome == Outcome::Succeeded => {
                    self.log.forget(&report.service);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

impl HostFacts {
    fn warn(&mut self, text: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(text);
        }
    }
}

#[cfg(test)]
mod tests;
