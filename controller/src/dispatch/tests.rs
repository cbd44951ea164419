//! Whole runs of a fleet, with hosts in memory.

mod failing;
mod good;
mod interrupted;
mod pushing;

use std::io;
use std::sync::{Arc, Mutex};

use batt_protocol::{HostClass, HostReport, RunId, ServiceRequest};

use super::*;
use crate::bundle::Bundle;
use crate::event::{PlannedHost, Verb};
use crate::fake_agent::{FakeAgent, Script};
use crate::follow::RunOrder;
use crate::host_task::{Errand, KeySource, Limits, Order};
use crate::push::PushMode;
use crate::shell::AgentPlace;
use crate::transport::memory::MemoryTransport;
use crate::transport::{Boxed, ConnectFailure, Deadlines, OfferedKey, Target};

const RUN: &str = "20260131T023000Z-1a2b3c";

/// Keeps every event, with how many hosts were active after it.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(FleetEvent, usize)>>>);

impl Reader for Collector {
    fn name(&self) -> &'static str {
        "the collector"
    }

    fn on_event(&mut self, event: &FleetEvent, state: &FleetState) -> io::Result<()> {
        self.0
            .lock()
            .unwrap()
            .push((event.clone(), state.active().count()));
        Ok(())
    }
}

struct NoKeys;

impl KeySource for NoKeys {
    fn keys<'a>(
        &'a self,
        _target: &'a Target,
        _deadlines: &'a Deadlines,
    ) -> Boxed<'a, Result<Vec<OfferedKey>, ConnectFailure>> {
        Box::pin(async {
            Ok(vec![OfferedKey {
                line: "ssh-ed25519 AAAA".into(),
                fingerprint: "SHA256:x".into(),
            }])
        })
    }
}

/// A fleet in memory, before it runs.
struct Lab {
    transport: MemoryTransport,
    other: Option<Arc<dyn crate::transport::Transport>>,
    hosts: Vec<String>,
    services: Vec<ServiceRequest>,
    bundle: Option<Arc<Bundle>>,
    mode: PushMode,
    errand: Option<Errand>,
    limits: Limits,
    ids: HostIds,
    deadline: Option<Duration>,
    forks: usize,
    journal: Option<Journal>,
    readers: Vec<Box<dyn Reader>>,
    interruptions: mpsc::Receiver<Interruption>,
    interrupt: mpsc::Sender<Interruption>,
}

struct Told {
    end: FleetEnd,
    events: Vec<(FleetEvent, usize)>,
}

impl Lab {
    fn new() -> Self {
        let (interrupt, interruptions) = mpsc::channel(4);
        Self {
            transport: MemoryTransport::default(),
            other: None,
            hosts: Vec::new(),
            services: Vec::new(),
            bundle: None,
            mode: PushMode::Auto,
            errand: None,
            limits: Limits::default(),
            ids: HostIds::default(),
            deadline: None,
            forks: 64,
            journal: None,
            readers: Vec::new(),
            interruptions,
            interrupt,
        }
    }

    fn host(mut self, name: &str, agent: &FakeAgent) -> Self {
        let agent = agent.clone();
        self.hosts.push(name.to_owned());
        self.transport = self.transport.host(name, move |end| agent.clone().serve(end));
        self
    }

    fn transport(mut self, name: &str, change: impl FnOnce(MemoryTransport) -> MemoryTransport) -> Self {
        self.hosts.push(name.to_owned());
        self.transport = change(self.transport);
        self
    }

    fn services(mut self, names: &[&str]) -> Self {
        self.services = names
            .iter()
            .map(|name| ServiceRequest {
                service: name.parse().unwrap(),
                items: Vec::new(),
            })
            .collect();
        self
    }

    fn task(&self, name: &str) -> HostTask {
        let run: RunId = RUN.parse().unwrap();
        HostTask {
            host: name.parse().unwrap(),
            target: Target {
                name: name.into(),
                address: name.into(),
                port: 22,
                user: "root".into(),
                identity: None,
                pinned: Vec::new(),
            },
            place: AgentPlace {
                path: "/usr/local/bin/batt".into(),
                home: "/opt/batt".into(),
                pattern: None,
                sudo: false,
            },
            bundle: self.bundle.clone(),
            order: match &self.errand {
                Some(errand) => Order::Errand(errand.clone()),
                None => Order::Run(
                    RunOrder {
                        run,
                        services: self.services.clone(),
                        controller: "batt-fleet of ops@desk".into(),
                    },
                    self.mode,
                ),
            },
        }
    }

    async fn run(mut self) -> Told {
        let collector = Collector::default();
        let clock = Clock::start();
        let tasks: Vec<HostTask> = self.hosts.iter().map(|host| self.task(host)).collect();
        let verb = match &self.errand {
            None => Verb::Run,
            Some(Errand::Ping { .. }) => Verb::Ping,
            Some(Errand::Push { .. }) => Verb::Push,
            Some(Errand::PushCheck) => Verb::PushCheck,
            Some(Errand::Plan(..)) => Verb::Plan,
        };
        let planned = |task: &HostTask| PlannedHost {
            host: task.host.clone(),
            services: self.services.clone(),
        };
        let plan = FleetEvent {
            at: clock.now(),
            host: None,
            event: Kind::RunPlanned {
                run: RUN.parse().unwrap(),
                verb,
                version: "0.1.0".into(),
                asked_by: "ops@desk".into(),
                hosts: tasks.iter().map(planned).collect(),
            },
        };
        self.readers.push(Box::new(collector.clone()));
        let fleet = Fleet {
            plan,
            tasks,
            ways: Ways {
                transport: self.other.unwrap_or_else(|| Arc::new(self.transport)),
                keys: Arc::new(NoKeys),
                limits: self.limits,
            },
            ids: self.ids,
            deadline: self.deadline,
            forks: self.forks,
            journal: self.journal,
            readers: self.readers,
            interruptions: self.interruptions,
            clock,
        };
        let end = fleet.run().await.unwrap();
        let events = std::mem::take(&mut *collector.0.lock().unwrap());
        Told { end, events }
    }
}

impl Told {
    fn host(&self, name: &str) -> HostReport {
        let report = self.end.state.report(self.end.exit);
        report.hosts.into_iter().find(|host| host.host == name).unwrap()
    }

    fn class(&self, name: &str) -> HostClass {
        self.host(name).class
    }

    fn reason(&self, name: &str) -> String {
        self.host(name).reason.unwrap_or_default()
    }

    fn has(&self, host: &str, wanted: impl Fn(&Kind) -> bool) -> bool {
        self.events.iter().any(|(event, _)| {
            event.host.as_ref().is_some_and(|name| name.as_str() == host) && wanted(&event.event)
        })
    }

    /// Every host has exactly one end.
    fn is_complete(&self) {
        for record in self.end.state.hosts() {
            let ends = self
                .events
                .iter()
                .filter(|(event, _)| {
                    event.host.as_ref() == Some(&record.host) && matches!(event.event, Kind::HostEnded { .. })
                })
                .count();
            assert_eq!(ends, 1, "{}", record.host);
        }
        assert!(self.end.state.is_over());
        assert!(self.end.state.exit().is_some());
    }
}

fn agent(id: &str) -> FakeAgent {
    FakeAgent::new(id, |_| {})
}

fn agent_with(id: &str, change: impl FnOnce(&mut Script)) -> FakeAgent {
    FakeAgent::new(id, change)
}
