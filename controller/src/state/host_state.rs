//! The life of one host in a run. States change in one place, [`HostState::next`], for a run that goes on as for a
//! journal that is read again.

use std::fmt;

use chrono::{DateTime, Utc};

use batt_protocol::{
    Event, EventKind, ExitCode, HostClass, Outcome, Service, ServiceReport, ServiceRequest, Stage,
};

use crate::event::{FleetEvent, FleetEventKind as Kind, Phase};

/// Where a host stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostState {
    /// Its turn has not come.
    Queued,
    /// The agent has not greeted yet.
    Connecting(Connecting),
    /// The agent greeted; it has no order to run.
    Ready(Connecting),
    /// The order to run was sent.
    Running(Running),
    /// Nothing follows.
    Ended(Ended),
}

/// What a host is being asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Connecting {
    /// When its turn came.
    pub(crate) started: DateTime<Utc>,
    /// What is being done.
    pub(crate) phase: Phase,
    /// Since when.
    pub(crate) since: DateTime<Utc>,
}

/// What is known of the run on a host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    /// When the host's turn came.
    pub(crate) started: DateTime<Utc>,
    /// Whether the host said that it has the run.
    pub(crate) accepted: bool,
    /// Which attempt to reach it again is under way, and what it does; none while there is a connection.
    pub(crate) reconnecting: Option<(u32, Phase)>,
    /// The sequence number of the last event.
    pub(crate) sequence: u64,
    /// Its services, in order; empty until the host has told them.
    pub(crate) services: Vec<ServiceProgress>,
    /// The exit code of the run, once it ended.
    pub(crate) exit: Option<ExitCode>,
}

/// How far a service is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceProgress {
    /// The service.
    pub(crate) service: Service,
    /// How far.
    pub(crate) standing: Standing,
}

/// How far a service is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Its turn has not come.
    Waiting,
    /// It runs.
    Running {
        /// Since when, by the controller's clock.
        since: DateTime<Utc>,
        /// What it is doing.
        stage: Stage,
        /// Bytes so far.
        bytes: u64,
        /// The bytes of the last backup of the same items.
        expected_bytes: Option<u64>,
    },
    /// It ended.
    Ended(ServiceReport),
}

/// How a host ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    /// When its turn came, when it did.
    pub(crate) started: Option<DateTime<Utc>>,
    /// When it ended.
    pub(crate) ended: DateTime<Utc>,
    /// How.
    pub(crate) class: HostClass,
    /// Why, when it is not `ok`.
    pub(crate) reason: Option<String>,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
    /// Whether somebody else held a lock there.
    pub(crate) busy: bool,
    /// The services that are known to have ended.
    pub(crate) services: Vec<ServiceReport>,
    /// The services that were to run and are not known to have ended.
    pub(crate) open: Vec<Service>,
}

/// An event that cannot happen to a host in its state. The state stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IllegalEvent(pub(crate) String);

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IllegalEvent {}

fn illegal<T>(why: impl Into<String>) -> Result<T, IllegalEvent> {
    Err(IllegalEvent(why.into()))
}

impl HostState {
    /// Returns the state after `event`.
    ///
    /// # Errors
    /// An event that cannot happen now: from a host that contradicts itself, or from a journal that was changed.
    pub(crate) fn next(&self, event: &FleetEvent) -> Result<Self, IllegalEvent> {
        let at = event.at;
        match (self, &event.event) {
            (Self::Ended(_), _) => illegal("an event after the host's end"),
            (_, Kind::Unknown | Kind::HostWarned { .. }) => Ok(self.clone()),
            (
                _,
                Kind::HostEnded {
                    class,
                    reason,
                    hints,
                    busy,
                },
            ) => {
                let mut end = self.end(at, *class, reason.clone(), hints.clone())?;
                end.busy = *busy;
                Ok(Self::Ended(end))
            }
            (Self::Queued, Kind::HostStarted) => Ok(Self::Connecting(Connecting {
                started: at,
                phase: Phase::Resolve,
                since: at,
            })),
            (Self::Queued, _) => illegal("an event of a host whose turn has not come"),
            (Self::Connecting(now), Kind::PhaseEntered { phase }) => {
                Ok(Self::Connecting(now.entered(*phase, at)))
            }
            (Self::Connecting(_), Kind::KeyShown { .. } | Kind::AgentInstalled { .. }) => Ok(self.clone()),
            (Self::Connecting(now), Kind::Greeted { .. }) => Ok(Self::Ready(now.clone())),
            (
                Self::Ready(now),
                Kind::PhaseEntered {
                    phase: phase @ (Phase::Greeting | Phase::Push | Phase::Run),
                },
            ) => Ok(Self::Ready(now.entered(*phase, at))),
            // A host whose home was laid out by a push greets again, with an id.
            (
                Self::Ready(_),
                Kind::Greeted { .. } | Kind::Compared { .. } | Kind::Pushed { .. } | Kind::Planned { .. },
            ) => Ok(self.clone()),
            (Self::Ready(now), Kind::OrderSent) => Ok(Self::Running(Running {
                started: now.started,
                accepted: false,
                reconnecting: None,
                sequence: 0,
                services: Vec::new(),
                exit: None,
            })),
            (Self::Running(run), kind) => run.next(at, kind).map(Self::Running),
            _ => illegal("an event out of its order"),
        }
    }

    fn end(
        &self,
        ended: DateTime<Utc>,
        class: HostClass,
        reason: Option<String>,
        hints: Vec<String>,
    ) -> Result<Ended, IllegalEvent> {
        let (started, services, open) = match self {
            Self::Queued | Self::Connecting(_) if class == HostClass::Ok => {
                return illegal("a host cannot end well before its agent greeted");
            }
            Self::Running(run) if class == HostClass::Ok && !run.is_proven(&[]) => {
                return illegal("a host cannot end well without its own record that says so");
            }
            Self::Queued | Self::Ended(_) => (None, Vec::new(), Vec::new()),
            Self::Connecting(now) | Self::Ready(now) => (Some(now.started), Vec::new(), Vec::new()),
            Self::Running(run) => {
                let (reports, open) = run.split();
                (Some(run.started), reports, open)
            }
        };
        Ok(Ended {
            started,
            ended,
            class,
            reason,
            hints,
            busy: false,
            services,
            open,
        })
    }
}

impl Connecting {
    fn entered(&self, phase: Phase, since: DateTime<Utc>) -> Self {
        Self {
            started: self.started,
            phase,
            since,
        }
    }
}

impl Running {
    /// Tells whether the host's own record says that everything was done and verified: at least one service, each
    /// succeeded, those `requested` among them, and an end of the run without an error.
    pub(crate) fn is_proven(&self, requested: &[ServiceRequest]) -> bool {
        let succeeded = |progress: &ServiceProgress| matches!(&progress.standing, Standing::Ended(report) if report.outcome == Outcome::Succeeded);
        let known = |request: &ServiceRequest| {
            self.services
                .iter()
                .any(|progress| progress.service == request.service)
        };
        self.accepted
            && self.exit.is_some_and(ExitCode::is_ok)
            && !self.services.is_empty()
            && self.services.iter().all(succeeded)
            && requested.iter().all(known)
    }

    /// Returns the reports of the services that ended, and those that did not.
    pub(crate) fn split(&self) -> (Vec<ServiceReport>, Vec<Service>) {
        let (mut reports, mut open) = (Vec::new(), Vec::new());
        for progress in &self.services {
            match &progress.standing {
                Standing::Ended(report) => reports.push(report.clone()),
                Standing::Waiting | Standing::Running { .. } => open.push(progress.service.clone()),
            }
        }
        (reports, open)
    }

    /// Returns the bytes so far and, where each running service has an estimate, those expected.
    pub(crate) fn bytes(&self) -> (u64, Option<u64>) {
        let mut sum = (0_u64, Some(0_u64));
        for progress in &self.services {
            let (bytes, expected) = match &progress.standing {
                Standing::Waiting => (0, None),
                Standing::Running {
                    bytes,
                    expected_bytes,
                    ..
                } => (*bytes, *expected_bytes),
                Standing::Ended(report) => (report.bytes, Some(report.bytes)),
            };
            sum.0 = sum.0.saturating_add(bytes);
            sum.1 = sum.1.zip(expected).map(|(a, b)| a.saturating_add(b));
        }
        sum
    }

    fn next(&self, at: DateTime<Utc>, kind: &Kind) -> Result<Self, IllegalEvent> {
        let mut run = self.clone();
        match kind {
            Kind::Accepted { .. } => run.accepted = true,
            Kind::ConnectionLost { attempt, .. } => run.reconnecting = Some((*attempt, Phase::Resolve)),
            Kind::PhaseEntered { phase } => {
                // Without a connection that is being mended, it is the phase of the run itself.
                if let Some((_, now)) = &mut run.reconnecting {
                    *now = *phase;
                }
            }
            Kind::Greeted { .. } => {
                if run.reconnecting.take().is_none() {
                    return illegal("the agent greeted twice");
                }
            }
            // The order is repeated on a new connection, in case the first one got lost; a run id executes once.
            Kind::OrderSent => {}
            Kind::Compared { .. } if !self.accepted => {}
            // An agent sends what is in the logs before the events that it has just read.
            Kind::LogReceived { service, .. } if !run.services.is_empty() => {
                run.progress(service)?;
            }
            Kind::LogReceived { .. } => {}
            Kind::Agent { event } => run.record(at, event)?,
            Kind::Progressed {
                service,
                stage,
                bytes,
                expected_bytes,
            } => run.advance(service, *stage, *bytes, *expected_bytes)?,
            _ => return illegal("an event out of its order"),
        }
        Ok(run)
    }

    fn progress(&mut self, service: &Service) -> Result<&mut ServiceProgress, IllegalEvent> {
        match self
            .services
            .iter_mut()
            .find(|progress| progress.service == *service)
        {
            Some(progress) => Ok(progress),
            None => illegal(format!("service `{service}` is not one of this run")),
        }
    }

    fn advance(
        &mut self,
        service: &Service,
        new_stage: Stage,
        new_bytes: u64,
        new_expected: Option<u64>,
    ) -> Result<(), IllegalEvent> {
        // Progress is a snapshot that may arrive late, so that of an ended service is no contradiction.
        if let Standing::Running {
            stage,
            bytes,
            expected_bytes,
            ..
        } = &mut self.progress(service)?.standing
        {
            (*stage, *bytes, *expected_bytes) = (new_stage, new_bytes, new_expected);
        }
        Ok(())
    }

    fn record(&mut self, at: DateTime<Utc>, event: &Event) -> Result<(), IllegalEvent> {
        if !self.accepted {
            return illegal("an event of a run that the host has not accepted");
        }
        if self.exit.is_some() {
            return illegal("an event after the end of the run");
        }
        if event.sequence <= self.sequence {
            return illegal(format!(
                "event {} came after event {}",
                event.sequence, self.sequence
            ));
        }
        self.sequence = event.sequence;
        match &event.event {
            EventKind::RunStarted { services, .. } => self.begin(services)?,
            EventKind::ServiceStarted {
                service,
                expected_bytes,
                ..
            } => {
                let progress = self.progress(service)?;
                if progress.standing != Standing::Waiting {
                    return illegal(format!("service `{service}` started twice"));
                }
                progress.standing = Standing::Running {
                    since: at,
                    stage: Stage::Running,
                    bytes: 0,
                    expected_bytes: *expected_bytes,
                };
            }
            EventKind::ServiceProgressed {
                service,
                stage,
                bytes,
                expected_bytes,
            } => self.advance(service, *stage, *bytes, *expected_bytes)?,
            EventKind::ServiceEnded { report } => {
                let progress = self.progress(&report.service)?;
                if matches!(progress.standing, Standing::Ended(_)) {
                    return illegal(format!("service `{}` ended twice", report.service));
                }
                // Refused, busy and not started are ends without a beginning.
                if report.outcome == Outcome::Succeeded && progress.standing == Standing::Waiting {
                    return illegal(format!(
                        "service `{}` succeeded and never started",
                        report.service
                    ));
                }
                progress.standing = Standing::Ended(report.clone());
            }
            EventKind::RunEnded { exit, .. } => self.exit = Some(*exit),
            EventKind::ServicePurged { .. }
            | EventKind::Warned { .. }
            | EventKind::CancelRequested
            | EventKind::Unknown => {}
        }
        Ok(())
    }

    fn begin(&mut self, services: &[Service]) -> Result<(), IllegalEvent> {
        if !self.services.is_empty() {
            return illegal("the run started twice");
        }
        for service in services {
            if self.services.iter().any(|progress| progress.service == *service) {
                return illegal(format!("service `{service}` is planned twice"));
            }
            self.services.push(ServiceProgress {
                service: service.clone(),
                standing: Standing::Waiting,
            });
        }
        Ok(())
    }
}
