//! One host from its turn to its end. Every phase has its own deadline, so that a host that is stuck gives its place
//! free, and what is returned is the end that gets reported: it cannot be forgotten.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::time::timeout;

use batt_protocol::{HostClass, ServiceRequest, text};

use crate::agent_binary::AgentBinary;
use crate::bundle::Bundle;
use crate::clock::Clock;
use crate::event::{FleetEventKind as Kind, Phase};
use crate::follow::{self, Reconnect, RunOrder};
use crate::host::Host;
use crate::host_ids::HostIds;
use crate::install;
use crate::push::{PushMode, Refused, Unverified, Verified};
use crate::reporter::{HostReporter, Message};
use crate::session::{Opened, Session, SessionLimits};
use crate::shell::AgentPlace;
use crate::state::HostState;
use crate::stop::Stop;
use crate::transport::{
    self, Boxed, ConnectFailure, Connection, Deadlines, FailureClass, OfferedKey, SshTransport, Target,
    Transport,
};
use crate::trouble::{Trouble, foreign};

/// How long a push may take as a whole, or the questions before it: 50 MB over a line of half a Mbit/s.
const PUSH: Duration = Duration::from_secs(15 * 60);
/// How far the clock of a host may be off before it is told.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);
/// How long a goodbye may take; the host has been reported by then.
const GOODBYE: Duration = Duration::from_secs(2);

/// A host, and what is to be done there.
#[derive(Debug, Clone)]
pub(crate) struct HostTask {
    /// Its name.
    pub(crate) host: Host,
    /// Where and as whom it is reached.
    pub(crate) target: Target,
    /// Where its agent is.
    pub(crate) place: AgentPlace,
    /// What it should have; none where the fleet folder holds nothing.
    pub(crate) bundle: Option<Arc<Bundle>>,
    /// What is to be done.
    pub(crate) order: Order,
}

/// What is to be done on a host.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// A backup.
    Run(RunOrder, PushMode),
    /// Anything else.
    Errand(Errand),
}

/// What is done on a host beside a backup. It ends with the connection.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Connects and reads the greeting.
    Ping {
        /// Whether the host's keys are collected before, for a person to compare and pin.
        show_keys: bool,
    },
    /// Puts the bundle in place, and the agent before it.
    Push {
        /// How conflicts are met.
        mode: PushMode,
        /// The binary to install, where one is.
        agent: Option<Arc<AgentBinary>>,
    },
    /// Asks what a push would change.
    PushCheck,
    /// Asks what a run would do, and what a push would change before it.
    Plan(Vec<ServiceRequest>),
}

/// Collects the keys of a host without logging in.
pub(crate) trait KeySource: Send + Sync {
    /// Returns the keys that the host shows, each as a fingerprint and as the inventory's `host_key` takes it.
    fn keys<'a>(
        &'a self,
        target: &'a Target,
        deadlines: &'a Deadlines,
    ) -> Boxed<'a, Result<Vec<OfferedKey>, ConnectFailure>>;
}

impl KeySource for SshTransport {
    fn keys<'a>(
        &'a self,
        target: &'a Target,
        deadlines: &'a Deadlines,
    ) -> Boxed<'a, Result<Vec<OfferedKey>, ConnectFailure>> {
        Box::pin(async move { self.host_keys(target, deadlines, &mut |_| {}).await })
    }
}

/// The ways to the hosts.
#[derive(Clone)]
pub(crate) struct Ways {
    /// The way to work there.
    pub(crate) transport: Arc<dyn Transport>,
    /// Where keys are shown, when that is asked for.
    pub(crate) keys: Arc<dyn KeySource>,
    /// How long a host may take.
    pub(crate) limits: Limits,
}

/// What all hosts of a run share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The ways to the hosts.
    pub(crate) ways: Ways,
    /// Who answered with which id.
    pub(crate) ids: HostIds,
    /// When to stop.
    pub(crate) stop: Stop,
    /// The time.
    pub(crate) clock: Clock,
}

/// How long a host may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// For each phase until it is logged in to.
    pub(crate) deadlines: Deadlines,
    /// For its answers.
    pub(crate) session: SessionLimits,
    /// For its run; none without end.
    pub(crate) run: Option<Duration>,
}

impl HostTask {
    /// Does what is to be done, tells every step, and ends with exactly one end.
    pub(crate) async fn run(self, around: Surroundings, sender: mpsc::Sender<Message>) {
        let mut reporter = HostReporter::new(self.host.clone(), around.clock, sender);
        let mut line = Line {
            task: &self,
            around: &around,
            connection: None,
        };
        let result = match reporter.emit(Kind::HostStarted).await {
            Ok(()) => line.work(&mut reporter).await,
            Err(trouble) => Err(trouble),
        };
        reporter.end(result).await;
        if let Some(connection) = line.connection.take() {
            // A host that does not take leave is left.
            let _ = timeout(GOODBYE, connection.close()).await;
        }
    }
}

/// The line to a host, which may break and be mended.
struct Line<'a> {
    task: &'a HostTask,
    around: &'a Surroundings,
    connection: Option<Box<dyn Connection>>,
}

impl Line<'_> {
    async fn work(&mut self, reporter: &mut HostReporter) -> Result<(), Trouble> {
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
            Errand::Plan(services) => {
                let mut unverified = self.open(reporter).await?;
                let planning = async {
                    if let Some(bundle) = bundle
                        && let Err(refused) = unverified.compare(bundle, reporter).await?
                    {
                        return Ok(Err(refused));
                    }
                    unverified.plan(services.clone(), reporter).await
                };
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
        if let Some(text) = noise {
            reporter.emit(Kind::HostWarned { text }).await?;
        }
        reporter
            .emit(Kind::Greeted {
                version: foreign(&hello.version),
                host_id: foreign(&hello.host_id),
                host_name: foreign(&hello.host),
            })
            .await?;
        if let Some(text) = skew(hello.time, self.around.clock.now()) {
            reporter.emit(Kind::HostWarned { text }).await?;
        }
        self.around.ids.claim(&hello.host_id, &task.host)?;
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
pub(crate) fn unreachable(failure: ConnectFailure) -> Trouble {
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
