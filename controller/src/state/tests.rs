//! States are tested as plain functions: no runtime, no clock, no host.

use batt_protocol::{Event, ServiceReport, Stage};

use super::*;
use crate::event::{Phase, PlannedHost};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn of(host: &str, second: i64, event: Kind) -> FleetEvent {
    FleetEvent {
        at: at(second),
        host: Some(host.parse().unwrap()),
        event,
    }
}

fn fleet(verb: Verb, hosts: &[(&str, &[&str])]) -> FleetState {
    let planned = |(host, services): &(&str, &[&str])| PlannedHost {
        host: host.parse().unwrap(),
        services: services
            .iter()
            .map(|service| ServiceRequest {
                service: service.parse().unwrap(),
                items: Vec::new(),
            })
            .collect(),
    };
    FleetState::planned(&FleetEvent {
        at: at(0),
        host: None,
        event: Kind::RunPlanned {
            run: "20270115T080000Z-1a2b3c".parse().unwrap(),
            verb,
            version: "0.1.0".into(),
            asked_by: "ops@desk".into(),
            hosts: hosts.iter().map(planned).collect(),
        },
    })
    .unwrap()
}

fn greeted() -> Kind {
    Kind::Greeted {
        version: "0.1.0".into(),
        host_id: "id".into(),
        host_name: "db1".into(),
    }
}

fn agent(sequence: u64, event: EventKind) -> Kind {
    Kind::Agent {
        event: Event {
            sequence,
            at: at(0),
            event,
        },
    }
}

fn run_started(services: &[&str]) -> EventKind {
    EventKind::RunStarted {
        run: "20270115T080000Z-1a2b3c".parse().unwrap(),
        host: "db1".into(),
        version: "0.1.0".into(),
        services: services.iter().map(|service| service.parse().unwrap()).collect(),
        path: "/opt/backup".into(),
        utc_offset: 0,
        asked_by: Default::default(),
    }
}

fn service_started(service: &str) -> EventKind {
    EventKind::ServiceStarted {
        service: service.parse().unwrap(),
        items: Vec::new(),
        expected_bytes: Some(100),
    }
}

fn service_ended(service: &str, outcome: Outcome) -> EventKind {
    EventKind::ServiceEnded {
        report: ServiceReport {
            items: Vec::new(),
            items_left_out: 0,
            service: service.parse().unwrap(),
            outcome,
            path: None,
            bytes: 7,
            seconds: 1.0,
            reason: None,
            warnings: Vec::new(),
        },
    }
}

fn run_ended(exit: u8) -> EventKind {
    EventKind::RunEnded {
        exit: ExitCode::from_code(exit),
        seconds: 1.0,
    }
}

fn ended(class: HostClass) -> Kind {
    Kind::HostEnded {
        class,
        reason: (class != HostClass::Ok).then(|| "why".to_owned()),
        hints: Vec::new(),
        busy: false,
    }
}

/// Events until the order was accepted.
fn ordered() -> Vec<Kind> {
    vec![
        Kind::HostStarted,
        Kind::PhaseEntered {
            phase: Phase::Connect,
        },
        greeted(),
        Kind::PhaseEntered { phase: Phase::Run },
        Kind::OrderSent,
        Kind::Accepted { attached: false },
    ]
}

fn apply(state: &mut FleetState, host: &str, events: Vec<Kind>) -> Result<(), IllegalEvent> {
    for (second, event) in events.into_iter().enumerate() {
        state.apply(&of(host, second as i64, event))?;
    }
    Ok(())
}

#[test]
fn a_good_host_is_told_as_good() {
    let mut state = fleet(Verb::Run, &[("db1", &["mysql"])]);
    let mut events = ordered();
    events.extend([
        agent(1, run_started(&["mysql"])),
        agent(2, service_started("mysql")),
        agent(3, service_ended("mysql", Outcome::Succeeded)),
        agent(4, run_ended(0)),
        ended(HostClass::Ok),
    ]);
    apply(&mut state, "db1", events).unwrap();
    assert!(state.is_over());
    assert_eq!(state.verdict(), ExitCode::OK);
    let report = state.report(state.verdict());
    assert_eq!(report.totals, BTreeMap::from([(HostClass::Ok, 1)]));
    assert_eq!(report.hosts[0].services.len(), 1);
    assert_eq!(report.hosts[0].seconds, 10.0);
    assert_eq!(report.hosts[0].reason, None);
}

#[test]
fn no_host_is_good_without_its_own_record() {
    let proofs: [Vec<Kind>; 5] = [
        vec![],
        vec![agent(1, run_started(&["mysql"])), agent(2, run_ended(0))],
        vec![
            agent(1, run_started(&["mysql"])),
            agent(2, service_started("mysql")),
            agent(3, service_ended("mysql", Outcome::Succeeded)),
        ],
        vec![
            agent(1, run_started(&["mysql"])),
            agent(2, service_started("mysql")),
            agent(3, service_ended("mysql", Outcome::Partial)),
            agent(4, run_ended(0)),
        ],
        // Another service than the one that was asked for.
        vec![
            agent(1, run_started(&["file"])),
            agent(2, service_started("file")),
            agent(3, service_ended("file", Outcome::Succeeded)),
            agent(4, run_ended(0)),
        ],
    ];
    for proof in proofs {
        let mut state = fleet(Verb::Run, &[("db1", &["mysql"])]);
        let mut events = ordered();
        events.extend(proof.clone());
        apply(&mut state, "db1", events).unwrap();
        let before = state.clone();
        assert!(
            state.apply(&of("db1", 9, ended(HostClass::Ok))).is_err(),
            "{proof:?}"
        );
        assert_eq!(state.hosts(), before.hosts());
        state.apply(&of("db1", 9, ended(HostClass::Lost))).unwrap();
        assert_eq!(state.verdict().code() & 4, 4);
    }
}

#[test]
fn a_host_that_only_greeted_is_good_only_where_nothing_was_to_run() {
    for (verb, good) in [(Verb::Ping, true), (Verb::Push, true), (Verb::Run, false)] {
        let mut state = fleet(verb, &[("db1", &[])]);
        let events = vec![Kind::HostStarted, greeted(), ended(HostClass::Ok)];
        assert_eq!(apply(&mut state, "db1", events).is_ok(), good, "{verb:?}");
    }
}

#[test]
fn a_host_that_contradicts_itself_is_caught() {
    let wrong: [(&str, Vec<EventKind>); 7] = [
        ("started twice", vec![run_started(&["a"]), run_started(&["a"])]),
        ("planned twice", vec![run_started(&["a", "a"])]),
        (
            "not one of this run",
            vec![run_started(&["a"]), service_started("b")],
        ),
        (
            "service `a` started twice",
            vec![run_started(&["a"]), service_started("a"), service_started("a")],
        ),
        (
            "ended twice",
            vec![
                run_started(&["a"]),
                service_ended("a", Outcome::Busy),
                service_ended("a", Outcome::Busy),
            ],
        ),
        (
            "never started",
            vec![run_started(&["a"]), service_ended("a", Outcome::Succeeded)],
        ),
        (
            "after the end",
            vec![run_started(&["a"]), run_ended(0), service_started("a")],
        ),
    ];
    for (why, events) in wrong {
        let mut state = fleet(Verb::Run, &[("db1", &[])]);
        apply(&mut state, "db1", ordered()).unwrap();
        let result = events
            .into_iter()
            .enumerate()
            .try_for_each(|(n, event)| state.apply(&of("db1", 9, agent(n as u64 + 1, event))));
        assert!(result.unwrap_err().0.contains(why), "{why}");
    }
    let mut state = fleet(Verb::Run, &[("db1", &[])]);
    apply(&mut state, "db1", ordered()).unwrap();
    state.apply(&of("db1", 9, agent(5, run_started(&["a"])))).unwrap();
    let repeated = state.apply(&of("db1", 9, agent(5, service_started("a"))));
    assert!(repeated.unwrap_err().0.contains("event 5 came after event 5"));
}

#[test]
fn a_lost_host_keeps_what_is_known_to_have_ended() {
    let mut state = fleet(Verb::Run, &[("db1", &[])]);
    let mut events = ordered();
    events.extend([
        agent(1, run_started(&["file", "mysql"])),
        agent(2, service_started("file")),
        agent(3, service_ended("file", Outcome::Succeeded)),
        agent(4, service_started("mysql")),
        Kind::ConnectionLost {
            reason: "reset".into(),
            attempt: 1,
        },
        Kind::PhaseEntered {
            phase: Phase::Connect,
        },
        ended(HostClass::Lost),
    ]);
    apply(&mut state, "db1", events).unwrap();
    let HostState::Ended(end) = &state.hosts()[0].state else {
        panic!()
    };
    assert_eq!(end.services.len(), 1);
    assert_eq!(end.open, ["mysql".parse().unwrap()]);
    assert_eq!(state.verdict(), ExitCode::UNUSABLE);
}

#[test]
fn a_connection_that_came_back_goes_on_where_it_was() {
    let mut state = fleet(Verb::Run, &[("db1", &[])]);
    let mut events = ordered();
    events.extend([
        agent(1, run_started(&["file"])),
        agent(2, service_started("file")),
        Kind::ConnectionLost {
            reason: "reset".into(),
            attempt: 1,
        },
        Kind::PhaseEntered {
            phase: Phase::Connect,
        },
        greeted(),
        Kind::OrderSent,
        Kind::Accepted { attached: true },
        agent(3, service_ended("file", Outcome::Succeeded)),
        agent(4, run_ended(0)),
        ended(HostClass::Ok),
    ]);
    apply(&mut state, "db1", events).unwrap();
    assert_eq!(state.verdict(), ExitCode::OK);
}

#[test]
fn bars_have_bytes_and_an_estimate() {
    let mut state = fleet(Verb::Run, &[("db1", &[])]);
    let mut events = ordered();
    events.extend([
        agent(1, run_started(&["file", "mysql"])),
        agent(2, service_started("file")),
        agent(3, service_ended("file", Outcome::Succeeded)),
        agent(4, service_started("mysql")),
        Kind::Progressed {
            service: "mysql".parse().unwrap(),
            stage: Stage::Verifying,
            bytes: 50,
            expected_bytes: Some(100),
        },
    ]);
    apply(&mut state, "db1", events).unwrap();
    let record = state.active().next().unwrap();
    let HostState::Running(run) = &record.state else {
        panic!()
    };
    assert_eq!(run.bytes(), (57, Some(107)));
}

#[test]
fn an_interrupted_run_ends_with_its_signal_and_names_every_host() {
    let mut state = fleet(Verb::Run, &[("db1", &[]), ("db2", &[])]);
    state
        .apply(&FleetEvent {
            at: at(1),
            host: None,
            event: Kind::CancelRequested {
                by: Interruption::Interrupt,
            },
        })
        .unwrap();
    state.apply(&of("db1", 2, ended(HostClass::Cancelled))).unwrap();
    assert!(!state.is_over());
    assert_eq!(state.queued().count(), 1);
    state.apply(&of("db2", 2, ended(HostClass::Cancelled))).unwrap();
    assert!(state.is_over());
    assert_eq!(state.verdict(), ExitCode::INTERRUPTED);
    assert_eq!(state.totals(), BTreeMap::from([(HostClass::Cancelled, 2)]));
}

#[test]
fn nothing_happens_to_hosts_and_runs_that_have_ended() {
    let mut state = fleet(Verb::Ping, &[("db1", &[])]);
    assert!(state.apply(&of("db2", 1, Kind::HostStarted)).is_err());
    assert!(state.apply(&of("db1", 1, greeted())).is_err());
    state.apply(&of("db1", 1, ended(HostClass::Skipped))).unwrap();
    assert!(state.apply(&of("db1", 1, Kind::HostStarted)).is_err());
    state
        .apply(&FleetEvent {
            at: at(1),
            host: None,
            event: Kind::RunEnded {
                exit: ExitCode::STOPPED,
                totals: BTreeMap::new(),
            },
        })
        .unwrap();
    assert_eq!(state.exit(), Some(ExitCode::STOPPED));
    assert!(state.apply(&of("db1", 1, Kind::Unknown)).is_err());
}

#[test]
fn a_plan_names_each_host_once() {
    let plan = Kind::RunPlanned {
        run: "20270115T080000Z-1a2b3c".parse().unwrap(),
        verb: Verb::Run,
        version: String::new(),
        asked_by: String::new(),
        hosts: vec![
            PlannedHost {
                host: "a".parse().unwrap(),
                services: Vec::new(),
            },
            PlannedHost {
                host: "a".parse().unwrap(),
                services: Vec::new(),
            },
        ],
    };
    let event = FleetEvent {
        at: at(0),
        host: None,
        event: plan,
    };
    assert!(FleetState::planned(&event).is_err());
    assert!(FleetState::planned(&of("a", 0, Kind::HostStarted)).is_err());
}
