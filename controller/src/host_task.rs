//! One host from its turn to its end. Every phase has its own deadline, so that a host that is stuck gives its place
//! free, and what is returned is the end that gets reported: it cannot be forgotten.

mod line;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use batt_protocol::ServiceRequest;

use self::line::Line;
use crate::agent_binary::AgentBinary;
use crate::bundle::Bundle;
use crate::clock::Clock;
use crate::event::FleetEventKind as Kind;
use crate::follow::RunOrder;
use crate::host::Host;
use crate::host_ids::HostIds;
use crate::push::PushMode;
use crate::reporter::{HostReporter, Message};
use crate::session::SessionLimits;
use crate::shell::AgentPlace;
use crate::stop::Stop;
use crate::transport::{Boxed, ConnectFailure, Deadlines, OfferedKey, SshTransport, Target, Transport};

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
