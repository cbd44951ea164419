//! A run told by its events.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use batt_protocol::{
    Event, EventKind, ExitCode, HostClass, Outcome, Service, ServiceReport, ServiceRequest, Stage,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::event::{FleetEvent, FleetEventKind as Kind, Phase, PlannedHost, Verb};
use crate::reader::Reader;
use crate::report::look::{Colour, Glyphs, Look};
use crate::state::FleetState;

pub(super) const RUN: &str = "20270115T080000Z-1a2b3c";
pub(super) const MIB: u64 = 1 << 20;

pub(super) fn look(columns: impl Into<Option<usize>>) -> Look {
    Look {
        columns: columns.into(),
        colour: Colour::Never,
        glyphs: Glyphs::Unicode,
    }
}

/// Reads milliseconds from the start of every story.
pub(super) fn at(milliseconds: i64) -> DateTime<Utc> {
    "2027-01-15T08:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(milliseconds)
}

/// What was written, for the test to read while the reader still writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run that is being told, and its readers.
pub(super) struct Story {
    pub(super) state: FleetState,
    pub(super) now: Arc<Mutex<DateTime<Utc>>>,
    readers: Vec<Box<dyn Reader>>,
    sequence: u64,
}

impl Story {
    pub(super) fn new(hosts: &[&str]) -> Self {
        Self::of(Verb::Run, hosts)
    }

    pub(super) fn of(verb: Verb, hosts: &[&str]) -> Self {
        Self {
            state: FleetState::planned(&plan(verb, hosts)).unwrap(),
            now: Arc::new(Mutex::new(at(0))),
            readers: Vec::new(),
            sequence: 0,
        }
    }

    pub(super) fn read_by(&mut self, reader: impl Reader + 'static) {
        self.readers.push(Box::new(reader));
    }

    /// Returns the clock of the story.
    pub(super) fn clock(&self) -> impl Fn() -> DateTime<Utc> + Send + 'static {
        let now = Arc::clone(&self.now);
        move || *now.lock().unwrap()
    }

    /// It is so late now, in milliseconds from the start.
    pub(super) fn at(&mut self, milliseconds: i64) -> &mut Self {
        *self.now.lock().unwrap() = at(milliseconds);
        self
    }

    pub(super) fn tick(&mut self) -> &mut Self {
        for reader in &mut self.readers {
            reader.on_tick(&self.state).unwrap();
        }
        self
    }

    pub(super) fn finish(&mut self) {
        for reader in &mut self.readers {
            reader.finish(&self.state).unwrap();
        }
    }

    pub(super) fn tell(&mut self, host: Option<&str>, event: Kind) -> &mut Self {
        let event = FleetEvent {
            at: *self.now.lock().unwrap(),
            host: host.map(|host| host.parse().unwrap()),
            event,
        };
        self.state.apply(&event).unwrap();
        for reader in &mut self.readers {
            reader.on_event(&event, &self.state).unwrap();
        }
        self
    }

    pub(super) fn start(&mut self, host: &str) -> &mut Self {
        self.tell(Some(host), Kind::HostStarted)
    }

    pub(super) fn phase(&mut self, host: &str, phase: Phase) -> &mut Self {
        self.tell(Some(host), Kind::PhaseEntered { phase })
    }

    pub(super) fn greet(&mut self, host: &str) -> &mut Self {
        self.start(host).tell(
            Some(host),
            Kind::Greeted {
                version: "0.1.0".into(),
                host_id: host.into(),
                host_name: host.into(),
            },
        )
    }

    /// The host has the run, with these services.
    pub(super) fn accept(&mut self, host: &str, services: &[&str]) -> &mut Self {
        self.greet(host)
            .tell(Some(host), Kind::OrderSent)
            .tell(Some(host), Kind::Accepted { attached: false })
            .run_started(host, services)
    }

    pub(super) fn run_started(&mut self, host: &str, services: &[&str]) -> &mut Self {
        let event = EventKind::RunStarted {
            run: RUN.parse().unwrap(),
            host: host.into(),
            version: "0.1.0".into(),
            services: services.iter().map(|name| service(name)).collect(),
            path: "/opt/backup".into(),
            utc_offset: 0,
            asked_by: Default::default(),
        };
        self.agent(host, event)
    }

    pub(super) fn agent(&mut self, host: &str, event: EventKind) -> &mut Self {
        self.sequence += 1;
        let event = Event {
            sequence: self.sequence,
            at: at(0),
            event,
        };
        self.tell(Some(host), Kind::Agent { event })
    }

    pub(super) fn begin(&mut self, host: &str, name: &str, expected_bytes: Option<u64>) -> &mut Self {
        let event = EventKind::ServiceStarted {
            service: service(name),
            items: Vec::new(),
            expected_bytes,
        };
        self.agent(host, event)
    }

    pub(super) fn progress(
        &mut self,
        host: &str,
        name: &str,
        stage: Stage,
        bytes: u64,
        expected_bytes: Option<u64>,
    ) -> &mut Self {
        let event = Kind::Progressed {
            service: service(name),
            stage,
            bytes,
            expected_bytes,
        };
        self.tell(Some(host), event)
    }

    pub(super) fn log(&mut self, host: &str, name: &str, text: &str) -> &mut Self {
        let event = Kind::LogReceived {
            service: service(name),
            offset: 0,
            bytes: text.into(),
        };
        self.tell(Some(host), event)
    }

    pub(super) fn service_ends(&mut self, host: &str, report: ServiceReport) -> &mut Self {
        self.agent(host, EventKind::ServiceEnded { report })
    }

    /// A service from its start to a good end.
    pub(super) fn back_up(&mut self, host: &str, name: &str, bytes: u64, seconds: f64) -> &mut Self {
        self.begin(host, name, None)
            .service_ends(host, good(name, bytes, seconds))
    }

    /// A service from its start to a bad end, with what it printed.
    pub(super) fn fail(
        &mut self,
        host: &str,
        name: &str,
        outcome: Outcome,
        reason: &str,
        log: &str,
    ) -> &mut Self {
        let report = ServiceReport {
            items: Vec::new(),
            items_left_out: 0,
            outcome,
            path: None,
            bytes: 0,
            reason: Some(reason.into()),
            ..good(name, 0, 1.0)
        };
        self.begin(host, name, None)
            .log(host, name, log)
            .service_ends(host, report)
    }

    /// The run on the host ended well, and so did the host.
    pub(super) fn end_well(&mut self, host: &str) -> &mut Self {
        self.agent(
            host,
            EventKind::RunEnded {
                exit: ExitCode::OK,
                seconds: 1.0,
            },
        )
        .end(host, HostClass::Ok, "", &[])
    }

    pub(super) fn end(&mut self, host: &str, class: HostClass, reason: &str, hints: &[&str]) -> &mut Self {
        let event = Kind::HostEnded {
            class,
            reason: (class != HostClass::Ok).then(|| reason.to_owned()),
            hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
            busy: false,
        };
        self.tell(Some(host), event)
    }
}

pub(super) fn plan(verb: Verb, hosts: &[&str]) -> FleetEvent {
    let planned = |host: &&str| PlannedHost {
        host: host.parse().unwrap(),
        services: Vec::<ServiceRequest>::new(),
    };
    FleetEvent {
        at: at(0),
        host: None,
        event: Kind::RunPlanned {
            run: RUN.parse().unwrap(),
            verb,
            version: "0.1.0".into(),
            asked_by: "ops@desk".into(),
            hosts: hosts.iter().map(planned).collect(),
        },
    }
}

pub(super) fn service(name: &str) -> Service {
    name.parse().unwrap()
}

pub(super) fn good(name: &str, bytes: u64, seconds: f64) -> ServiceReport {
    ServiceReport {
        items: Vec::new(),
        items_left_out: 0,
        service: service(name),
        outcome: Outcome::Succeeded,
        path: Some(format!("/opt/backup/2027/01/15/{name}")),
        bytes,
        seconds,
        reason: None,
        warnings: Vec::new(),
    }
}

/// Five hosts: three good ones, one whose dump fails, one that nobody reaches.
pub(super) fn five(story: &mut Story) {
    for host in ["db1", "db2", "db3"] {
        story.at(1_000).accept(host, &["mysql", "file"]);
        story
            .at(9_000)
            .back_up(host, "mysql", 220 * MIB, 7.84)
            .at(13_000)
            .back_up(host, "file", 3 << 30, 4.0)
            .end_well(host);
    }
    story
        .accept("db4", &["mysql", "file"])
        .at(14_000)
        .fail(
            "db4",
            "mysql",
            Outcome::Failed,
            "`mysqldump` ended with exit code 2\nhint: Is the account in `MYSQL_CREDS` allowed to read?",
            "dumping shop\nmysqldump: Got error: 1045: Access denied for user 'batt'@'localhost'\n",
        )
        .back_up("db4", "file", MIB, 0.5)
        .agent(
            "db4",
            EventKind::RunEnded {
                exit: ExitCode::FAILED,
                seconds: 1.0,
            },
        )
        .end(
            "db4",
            HostClass::Failed,
            "`mysql` failed: `mysqldump` ended with exit code 2",
            &[],
        )
        .start("web1")
        .phase("web1", Phase::Connect)
        .at(15_250)
        .end(
            "web1",
            HostClass::Connect,
            "cannot connect to `web1` port 22: connection refused from 10.0.0.7:22",
            &["Is the SSH server running there?"],
        );
}

pub(super) const FIVE: [&str; 5] = ["db1", "db2", "db3", "db4", "web1"];
