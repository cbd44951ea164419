//! One conversation of an agent for tests.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use batt_protocol::wire::{HomeState, LineReader, PlannedService, Refusal, Reply, Request, RunState, encode};
use batt_protocol::{
    BundleFile, Change, Event, EventKind, ExitCode, FileChange, Outcome, RunId, Service, ServiceReport,
    Stage, bundle_text,
};

use super::{FakeAgent, Fault, Script};
use crate::bundle::sha256;
use crate::transport::Ending;
use crate::transport::memory::HostEnd;

pub(super) struct Conversation {
    pub(super) agent: FakeAgent,
    pub(super) script: Script,
    pub(super) end: HostEnd,
    pub(super) offered: Vec<BundleFile>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Conversation {
    pub(super) async fn talk(&mut self) -> Ending {
        let mut lines = LineReader::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            while let Some(request) = lines.next_message::<Request>().unwrap() {
                self.agent.seen.lock().unwrap().requests.push(request.clone());
                if let Some(ending) = self.handle(request).await {
                    return ending;
                }
            }
            match self.end.stdin.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ending::Exited(0),
                Ok(size) => lines.feed(&buffer[..size]),
            }
        }
    }

    async fn say(&mut self, reply: &Reply) {
        let _ = self.end.stdout.write_all(&encode(reply).unwrap()).await;
    }

    async fn handle(&mut self, request: Request) -> Option<Ending> {
        match request {
            Request::Offer { files } => self.offered.extend(files),
            Request::Compare => {
                let changes = self.changes();
                for (index, change) in changes.iter().enumerate() {
                    let more = index + 1 < changes.len();
                    self.say(&Reply::Compared {
                        changes: vec![change.clone()],
                        more,
                    })
                    .await;
                }
                if changes.is_empty() {
                    self.say(&Reply::Compared { changes, more: false }).await;
                }
            }
            Request::File { folder, name, bytes } => {
                let key = format!("{}/{name}", folder.name());
                self.files.entry(key).or_default().extend(bytes);
            }
            Request::Commit { force } => {
                let reply = if self.script.conflicts.is_empty() || force {
                    let bundle = sha256(bundle_text(&self.offered).as_bytes());
                    let mut script = self.agent.script.lock().unwrap();
                    script.hello.bundle = bundle.clone();
                    if script.hello.home == HomeState::Empty {
                        script.hello.home = HomeState::Ready;
                        script.hello.host_id = "made".into();
                    }
                    drop(script);
                    let mut seen = self.agent.seen.lock().unwrap();
                    seen.bundle = std::mem::take(&mut self.offered);
                    seen.received.append(&mut self.files);
                    Reply::Pushed { bundle }
                } else {
                    refused(77, "a pushed file was changed")
                };
                self.say(&reply).await;
            }
            Request::Plan { services } => {
                let path = "/opt/backup".to_owned();
                let services = self
                    .names(services.iter().map(|request| &request.service))
                    .into_iter()
                    .map(|service| PlannedService {
                        service,
                        path: path.clone(),
                        refusal: None,
                    })
                    .collect();
                self.say(&Reply::Planned { services }).await;
            }
            Request::Run { run, services, .. } => {
                if let Some(refusal) = self.script.refusal.clone() {
                    self.say(&Reply::Refused(refusal)).await;
                    return None;
                }
                let attached = self.agent.seen.lock().unwrap().runs.contains_key(&run);
                if !attached {
                    let services = self.names(services.iter().map(|request| &request.service));
                    let journal = self.journal(&run, &services);
                    let mut seen = self.agent.seen.lock().unwrap();
                    seen.executed += 1;
                    seen.runs.insert(run.clone(), journal);
                }
                self.say(&Reply::Accepted { run, attached }).await;
            }
            Request::Follow { run, after, .. } => return self.follow(run, after).await,
            Request::Cancel { run } => {
                self.say(&Reply::Cancelling { run: run.clone() }).await;
                if self.script.endless && !self.script.stubborn {
                    let after = self.cancelled(&run);
                    return self.tell(&run, after, Fault::None).await;
                }
            }
            Request::Status | Request::Logs { .. } | Request::Unknown => {
                self.say(&refused(64, "not here")).await;
            }
        }
        None
    }

    fn changes(&self) -> Vec<FileChange> {
        let mut changes = self.script.conflicts.clone();
        let seen = self.agent.seen.lock().unwrap();
        for file in &self.offered {
            let known = changes.iter().any(|change| change.name == file.name);
            if !known && !seen.bundle.contains(file) {
                let change = Change::Add;
                changes.push(FileChange {
                    folder: file.folder,
                    name: file.name.clone(),
                    change,
                });
            }
        }
        changes
    }

    fn names<'a>(&self, asked: impl Iterator<Item = &'a Service>) -> Vec<Service> {
        let asked: Vec<Service> = asked.cloned().collect();
        match asked.is_empty() {
            true => self
                .script
                .services
                .iter()
                .map(|(name, _)| name.parse().unwrap())
                .collect(),
            false => asked,
        }
    }

    fn outcome(&self, service: &Service) -> Outcome {
        let known = self
            .script
            .services
            .iter()
            .find(|(name, _)| *name == service.to_string());
        known.map_or(Outcome::Succeeded, |(_, outcome)| *outcome)
    }

    fn journal(&self, run: &RunId, services: &[Service]) -> Vec<Event> {
        let mut kinds = vec![EventKind::RunStarted {
            run: run.clone(),
            host: "fake".into(),
            version: "0.1.0".into(),
            services: services.to_vec(),
            path: "/opt/backup".into(),
            utc_offset: 0,
            asked_by: Default::default(),
        }];
        let mut worst = 0;
        for service in services {
            let items = Vec::new();
            kinds.push(EventKind::ServiceStarted {
                service: service.clone(),
                items,
                expected_bytes: Some(100),
            });
            if self.script.endless {
                break;
            }
            let outcome = self.outcome(service);
            if outcome != Outcome::Succeeded {
                worst = 2;
            }
            kinds.push(EventKind::ServiceEnded {
                report: report(service, outcome),
            });
        }
        if !self.script.endless {
            kinds.push(EventKind::RunEnded {
                exit: ExitCode::from_code(worst),
                seconds: 1.0,
            });
        }
        numbered(0, kinds)
    }

    /// Writes the end of a cancelled run into its journal; returns the number of the last event before.
    fn cancelled(&self, run: &RunId) -> u64 {
        let mut seen = self.agent.seen.lock().unwrap();
        let journal = seen.runs.get_mut(run).unwrap();
        let last = journal.len() as u64;
        let running: Vec<Service> = journal
            .iter()
            .filter_map(|event| match &event.event {
                EventKind::ServiceStarted { service, .. } => Some(service.clone()),
                _ => None,
            })
            .collect();
        let mut kinds = vec![EventKind::CancelRequested];
        kinds.extend(running.iter().map(|service| EventKind::ServiceEnded {
            report: report(service, Outcome::Cancelled),
        }));
        kinds.push(EventKind::RunEnded {
            exit: ExitCode::UNFINISHED,
            seconds: 1.0,
        });
        journal.extend(numbered(last, kinds));
        last
    }

    async fn follow(&mut self, run: RunId, after: u64) -> Option<Ending> {
        let fault = self
            .agent
            .script
            .lock()
            .unwrap()
            .faults
            .pop_front()
            .unwrap_or(Fault::None);
        self.tell(&run, after, fault).await
    }

    async fn tell(&mut self, run: &RunId, after: u64, fault: Fault) -> Option<Ending> {
        let journal = self
            .agent
            .seen
            .lock()
            .unwrap()
            .runs
            .get(run)
            .cloned()
            .unwrap_or_default();
        let mut told = 0;
        if fault == Fault::LogFirst {
            let service = "file".parse().unwrap();
            let bytes = b"early\n".to_vec();
            let log = Reply::Log {
                run: run.clone(),
                service,
                offset: 0,
                bytes,
            };
            self.say(&log).await;
        }
        for event in journal.into_iter().filter(|event| event.sequence > after) {
            match fault {
                Fault::CutAfter(count) if told == count => {
                    return Some(Ending::Lost("connection reset".into()));
                }
                Fault::Alive if told == 2 => loop {
                    self.say(&Reply::Alive).await;
                    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
                },
                Fault::Silence if told == 2 => return std::future::pending().await,
                Fault::NoProof if matches!(event.event, EventKind::ServiceEnded { .. }) => continue,
                Fault::Grease => {
                    self.say(&Reply::Alive).await;
                    let _ = self
                        .end
                        .stdout
                        .write_all(b"{\"reply\":\"moon-rose\",\"phase\":\"full\"}\n")
                        .await;
                }
                Fault::Garbage if told == 1 => {
                    let _ = self.end.stdout.write_all(b"Segmentation fault\n").await;
                }
                Fault::LongLine if told == 1 => {
                    let _ = self.end.stdout.write_all(&vec![b'x'; 70 << 10]).await;
                }
                _ => {}
            }
            told += 1;
            let mut event = event;
            if let (Fault::Absurd, EventKind::ServiceEnded { report }) = (fault, &mut event.event) {
                report.bytes = u64::MAX;
                report.seconds = 1e308;
                report.reason = Some("x".repeat(20_000));
                report.warnings = vec!["y".repeat(5); 3_000];
            }
            let run = match fault {
                Fault::OtherRun => RunId::new(run.time(), [0, 0, 0]),
                _ => run.clone(),
            };
            if let EventKind::ServiceEnded { report } = &event.event {
                let service = report.service.clone();
                let log = Reply::Log {
                    run: run.clone(),
                    service,
                    offset: if fault == Fault::LogFirst { 6 } else { 0 },
                    bytes: b"dumping\n".to_vec(),
                };
                self.say(&log).await;
            }
            if let EventKind::ServiceStarted { service, .. } = &event.event {
                let progress = Reply::Progress {
                    run: run.clone(),
                    service: service.clone(),
                    stage: Stage::Running,
                    bytes: 5,
                    expected_bytes: Some(100),
                };
                self.say(&Reply::Event { run, event }).await;
                self.say(&progress).await;
            } else {
                self.say(&Reply::Event { run, event }).await;
            }
        }
        if fault == Fault::NoEnd {
            return Some(Ending::Exited(0));
        }
        let exit = self.exit(run);
        if exit.is_some() {
            self.say(&Reply::Ended {
                run: run.clone(),
                exit,
                state: RunState::Ended,
            })
            .await;
        }
        None
    }

    fn exit(&self, run: &RunId) -> Option<ExitCode> {
        let seen = self.agent.seen.lock().unwrap();
        match &seen.runs.get(run)?.last()?.event {
            EventKind::RunEnded { exit, .. } => Some(*exit),
            _ => None,
        }
    }
}

/// Returns the refusal of a request.
fn refused(exit: u8, message: &str) -> Reply {
    Reply::Refused(Refusal {
        exit: ExitCode::from_code(exit),
        message: message.into(),
        hints: vec!["A hint.".into()],
    })
}

fn numbered(last: u64, kinds: Vec<EventKind>) -> Vec<Event> {
    let number = |(index, event)| Event {
        sequence: last + 1 + index as u64,
        at: "2026-01-31T02:30:00Z".parse().unwrap(),
        event,
    };
    kinds.into_iter().enumerate().map(number).collect()
}

fn report(service: &Service, outcome: Outcome) -> ServiceReport {
    let good = outcome == Outcome::Succeeded;
    ServiceReport {
        items: Vec::new(),
        items_left_out: 0,
        service: service.clone(),
        outcome,
        path: good.then(|| format!("/opt/backup/{service}")),
        bytes: 100,
        seconds: 1.0,
        reason: (!good).then(|| "the script said so".to_owned()),
        warnings: Vec::new(),
    }
}
