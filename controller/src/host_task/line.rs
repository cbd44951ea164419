//! The line to a host while work is done there: it is opened phase by phase, and mended when it breaks.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::time::timeout;

use batt_protocol::{HostClass, text};

use super::{Errand, HostTask, Order, Surroundings};
use crate::event::{FleetEventKind as Kind, Phase};
use crate::follow::{self, Reconnect};
use crate::install;
use crate::push::{PushMode, Refused, Unverified, Verified};
use crate::reporter::HostReporter;
use crate::session::{Opened, Session};
use crate::state::HostState;
use crate::transport::{self, ConnectFailure, Connection, FailureClass, OfferedKey};
use crate::trouble::{Trouble, foreign};

/// How long a push may take as a whole, or the questions before it: 50 MB over a line of half a Mbit/s.
const PUSH: Duration = Duration::from_secs(15 * 60);
/// How far the clock of a host may be off before it is told.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);
/// The line to a host, which may break and be mended.
pub(super) struct Line<'a> {
    pub(super) task: &'a HostTask,
    pub(super) around: &'a Surroundings,
    pub(super) connection: Option<Box<dyn Connection>>,
}

impl Line<'_> {
    /// Does what is to be done.
    pub(super) async fn work(&mut self, reporter: &mut HostReporter) -> Result<(), Trouble> {
        let stop = self.around.stop.clone();
        let task = self.task;
        match &task.order {
            Order::Errand(errand) => tokio::select! {
                biased;
                reason = stop.wait() => Err(reason.trouble("before it was done")),
                result = self.errand(errand, reporter) => result,
            },
            Order::Run(order, mode) => {
                let prepare = self.verified(*mode, reporter);
                let verified = tokio::select! {
                    biased;
                    reason = stop.wait() => return Err(reason.trouble("before the order was sent")),
                    verified = prepare => verified?,
                };
                let stop = stop.limited(self.around.ways.limits.run);
                follow::run(order, verified, self, reporter, &stop).await
            }
        }
    }

    async fn errand(&mut self, errand: &Errand, reporter: &mut HostReporter) -> Result<(), Trouble> {
        let task = self.task;
        let bundle = task.bundle.as_deref();
        match errand {
            Errand::Ping { show_keys } => {
                if *show_keys {
                    self.show_keys(reporter).await?;
                }
                self.open(reporter).await.map(drop)
            }
            Errand::Push { mode, agent } => {
                if let Some(agent) = agent {
                    let connection = self.connect(reporter).await?;
                    reporter
                        .emit(Kind::PhaseEntered {
                            phase: Phase::Install,
                        })
                        .await?;
                    let installed = install::install(connection, &task.place, agent).await?;
                    reporter.emit(Kind::AgentInstalled { installed }).await?;
                }
                self.verified(*mode, reporter).await.map(drop)
            }
            Errand::PushCheck => {
                let mut unverified = self.open(reporter).await?;
                let Some(bundle) = bundle else { return Ok(()) };
                let comparing = unverified.compare(bundle, reporter);
                match within(PUSH, "the comparison", comparing).await? {
                    Ok(changes) if changes.is_empty() => Ok(()),
                    Ok(changes) => Err(Trouble::new(
                        HostClass::Failed,
                        format!("{} from the fleet folder", differ(changes.len())),
                    )),
                    Err(Refused(trouble)) => Err(trouble),
                }
            }
            Errand::Plan(services, mode) => {
                let mut unverified = self.open(reporter).await?;
                let pattern = task.place.pattern.as_deref();
                let planning = unverified.look_ahead(bundle, *mode, services, pattern, reporter);
                let planned = within(PUSH, "the plan", planning).await?;
                planned.map_err(|Refused(trouble)| trouble)
            }
        }
    }

    /// Connects and brings the bundle. A host whose home is laid out by that is greeted again: it has an id from then
    /// on, and two names of one host have to be told apart before they run.
    async fn verified(&mut self, mode: PushMode, reporter: &mut HostReporter) -> Result<Verified, Trouble> {
        let bundle = self.task.bundle.as_deref();
        for _ in 0..2 {
            let unverified = self.open(reporter).await?;
            let was_bare = unverified.has_no_home();
            let verifying = unverified.verify(bundle, mode, reporter);
            let verified = within(PUSH, "the push", verifying).await?;
            let verified = verified.map_err(|Refused(trouble)| trouble)?;
            if !was_bare || matches!(mode, PushMode::Verify | PushMode::Never) {
                return Ok(verified);
            }
        }
        Err(Trouble::protocol(
            "the agent's home is not there although it was laid out",
        ))
    }

    async fn show_keys(&mut self, reporter: &mut HostReporter) -> Result<(), Trouble> {
        let keys = self
            .around
            .ways
            .keys
            .keys(&self.task.target, &self.around.ways.limits.deadlines)
            .await
            .map_err(unreachable)?;
        for OfferedKey { line, fingerprint } in keys {
            reporter
                .emit(Kind::KeyShown {
                    fingerprint,
                    key: line,
                })
                .await?;
        }
        Ok(())
    }

    /// Connects unless there is a connection, and reads the greeting.
    async fn open(&mut self, reporter: &mut HostReporter) -> Result<Unverified, Trouble> {
        let (task, limits) = (self.task, self.around.ways.limits.session);
        let connection = self.connect(reporter).await?;
        reporter
            .emit(Kind::PhaseEntered {
                phase: Phase::Greeting,
            })
            .await?;
        let Opened {
            session,
            hello,
            noise,
        } = Session::open(connection, &task.place, limits).await?;
        // A host that greets again has been warned of.
        let is_first = matches!(reporter.state(), HostState::Connecting(_));
        if let Some(text) = noise.filter(|_| is_first) {
            reporter.emit(Kind::HostWarned { text }).await?;
        }
        reporter
            .emit(Kind::Greeted {
                version: foreign(&hello.version),
                host_id: foreign(&hello.host_id),
                host_name: foreign(&hello.host),
            })
            .await?;
        if let Some(text) = skew(hello.time, self.around.clock.now()).filter(|_| is_first) {
            reporter.emit(Kind::HostWarned { text }).await?;
        }
        if let Some(text) = self.around.ids.claim(&hello.host_id, &task.host)? {
            reporter.emit(Kind::HostWarned { text }).await?;
        }
        Ok(Unverified::new(session, hello))
    }

    /// Returns the connection, a new one where there is none. Each phase is told as it begins.
    async fn connect(&mut self, reporter: &mut HostReporter) -> Result<&mut dyn Connection, Trouble> {
        if self.connection.is_none() {
            let (sender, mut phases) = mpsc::unbounded_channel();
            let mut observer = move |phase| {
                // Nobody is left to tell only when this is dropped.
                let _ = sender.send(phase);
            };
            let connecting = self.around.ways.transport.connect(
                &self.task.target,
                &self.around.ways.limits.deadlines,
                &mut observer,
            );
            tokio::pin!(connecting);
            let connected = loop {
                tokio::select! {
                    biased;
                    Some(phase) = phases.recv() => {
                        reporter.emit(Kind::PhaseEntered { phase: phase_of(phase) }).await?;
                    }
                    connected = &mut connecting => break connected,
                }
            };
            while let Ok(phase) = phases.try_recv() {
                reporter
                    .emit(Kind::PhaseEntered {
                        phase: phase_of(phase),
                    })
                    .await?;
            }
            self.connection = Some(connected.map_err(unreachable)?);
        }
        match &mut self.connection {
            Some(connection) => Ok(&mut **connection),
            None => Err(Trouble::lost("there is no connection")),
        }
    }
}

impl Reconnect for Line<'_> {
    async fn reconnect(&mut self, reporter: &mut HostReporter) -> Result<Session, Trouble> {
        self.connection = None;
        let opened = self.open(reporter).await?;
        // The order went to a verified host. Should it never have arrived, it goes out again with the same id, and the
        // files may not have changed in between.
        let mode = match &self.task.order {
            Order::Run(_, PushMode::Never) => PushMode::Never,
            _ if is_accepted(reporter) => PushMode::Never,
            _ => PushMode::Verify,
        };
        let verified = opened.verify(self.task.bundle.as_deref(), mode, reporter).await?;
        verified
            .map(Verified::into_session)
            .map_err(|Refused(trouble)| trouble)
    }
}

/// Gives work its time.
async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Err(Trouble::new(
            HostClass::TimedOut,
            format!("{what} took longer than {seconds} s"),
        ))
    })
}

/// Returns a warning about a clock that is far off: backups are named and kept by the host's time.
fn skew(theirs: DateTime<Utc>, ours: DateTime<Utc>) -> Option<String> {
    let ahead = theirs - ours;
    let side = if ahead > TimeDelta::zero() {
        "ahead of"
    } else {
        "behind"
    };
    (ahead.abs() > MAX_SKEW).then(|| format!("its clock is {} s {side} ours", ahead.num_seconds().abs()))
}

fn is_accepted(reporter: &HostReporter) -> bool {
    matches!(reporter.state(), HostState::Running(running) if running.accepted)
}

fn differ(count: usize) -> String {
    let verb = if count == 1 { "differs" } else { "differ" };
    format!("{} {verb}", text::count(count, "file"))
}

fn phase_of(phase: transport::Phase) -> Phase {
    match phase {
        transport::Phase::Resolve => Phase::Resolve,
        transport::Phase::Connect => Phase::Connect,
        transport::Phase::Handshake => Phase::Handshake,
        transport::Phase::Authenticate => Phase::Authenticate,
    }
}

/// Returns the trouble of a host that cannot be reached.
fn unreachable(failure: ConnectFailure) -> Trouble {
    let class = match failure.class {
        FailureClass::Resolve => HostClass::Resolve,
        FailureClass::Connect => HostClass::Connect,
        FailureClass::HostKey => HostClass::HostKey,
        FailureClass::Authentication => HostClass::Authentication,
        // A name that is not answered for and an address that does not answer are what these two classes mean.
        FailureClass::TimedOut(transport::Phase::Resolve) => HostClass::Resolve,
        FailureClass::TimedOut(transport::Phase::Connect) => HostClass::Connect,
        FailureClass::TimedOut(_) => HostClass::TimedOut,
        FailureClass::Lost => HostClass::Lost,
        FailureClass::Protocol => HostClass::Protocol,
    };
    let trouble = Trouble::new(class, failure.reason);
    match failure.hint {
        Some(hint) => trouble.hint(hint),
        None => trouble,
    }
}
