//! Runs that go well, or as well as a service lets them.

use batt_protocol::wire::Request;
use batt_protocol::{EventKind, Outcome};

use super::*;
use crate::fake_agent::Fault;
use crate::state::HostState;

#[tokio::test(start_paused = true)]
async fn every_host_is_backed_up_and_told() {
    let (one, two) = (agent("1"), agent("2"));
    let told = Lab::new()
        .host("db1", &one)
        .host("db2", &two)
        .services(&["mysql", "file"])
        .run()
        .await;
    told.is_complete();
    assert_eq!(told.end.exit, ExitCode::OK, "{:?}", told.end.problems);
    let report = told.end.state.report(told.end.exit);
    assert_eq!(report.run, RUN.parse().unwrap());
    let names: Vec<&str> = report.hosts.iter().map(|host| host.host.as_str()).collect();
    assert_eq!(names, ["db1", "db2"]);
    for host in &report.hosts {
        assert_eq!(host.class, HostClass::Ok);
        let services: Vec<String> = host
            .services
            .iter()
            .map(|report| report.service.to_string())
            .collect();
        assert_eq!(services, ["mysql", "file"]);
    }
    assert_eq!(one.seen(|seen| seen.executed), 1);
    assert_eq!(
        one.seen(|seen| seen.commands.clone()),
        ["/usr/local/bin/batt --home /opt/batt serve"]
    );
    assert!(told.has(
        "db1",
        |event| matches!(event, Kind::LogReceived { bytes, .. } if bytes == b"dumping\n")
    ));
    assert!(told.has("db1", |event| matches!(event, Kind::Progressed { .. })));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_push_costs_one_connection_and_one_channel() {
    let agent = agent("1");
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("conf")).unwrap();
    let folder = crate::bundle::FleetFolder::read(place.path(), |_| false, |_| false).unwrap();
    let mut lab = Lab::new().host("db1", &agent);
    lab.bundle = Some(Arc::new(folder.bundle("db1", []).unwrap()));
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    let requests = agent.seen(|seen| seen.requests.clone());
    assert!(
        matches!(
            &requests[..],
            [Request::Run { .. }, Request::Follow { after: 0, .. }]
        ),
        "{requests:?}"
    );
    assert_eq!(agent.seen(|seen| seen.commands.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn replies_and_events_of_a_later_version_are_passed_over() {
    let agent = agent_with("1", |script| script.faults.push_back(Fault::Grease));
    let told = Lab::new().host("db1", &agent).run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
}

#[tokio::test(start_paused = true)]
async fn a_log_may_come_before_the_event_that_makes_sense_of_it() {
    let agent = agent_with("1", |script| script.faults.push_back(Fault::LogFirst));
    let told = Lab::new().host("db1", &agent).run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
    assert!(told.has(
        "db1",
        |event| matches!(event, Kind::LogReceived { offset: 0, bytes, .. } if bytes == b"early\n")
    ));
}

#[tokio::test(start_paused = true)]
async fn noise_is_told_and_stops_nothing() {
    let agent = agent_with("1", |script| script.noise = b"Welcome!\n".to_vec());
    let told = Lab::new().host("db1", &agent).run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    let record = &told.end.state.hosts()[0];
    assert!(
        record.facts.warnings[0].contains("`Welcome!`"),
        "{:?}",
        record.facts.warnings
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_failed_fails_its_host_alone() {
    let bad = agent_with("1", |script| {
        script.services = vec![("file", Outcome::Succeeded), ("mysql", Outcome::Failed)];
    });
    let told = Lab::new().host("db1", &bad).host("db2", &agent("2")).run().await;
    assert_eq!(told.class("db1"), HostClass::Failed);
    assert_eq!(told.reason("db1"), "`mysql` failed: the script said so");
    assert_eq!(told.class("db2"), HostClass::Ok);
    assert_eq!(told.end.exit, ExitCode::FAILED);
    let record = &told.end.state.hosts()[0];
    assert_eq!(record.log.lines(&"mysql".parse().unwrap(), 5), ["dumping"]);
    assert!(
        record.log.lines(&"file".parse().unwrap(), 5).is_empty(),
        "it succeeded"
    );
}

#[tokio::test(start_paused = true)]
async fn outcomes_make_the_exit_code() {
    for (outcome, class, exit) in [
        (Outcome::Busy, HostClass::Failed, ExitCode::BUSY),
        (Outcome::Refused, HostClass::Failed, ExitCode::REFUSED),
        (Outcome::TimedOut, HostClass::Failed, ExitCode::UNFINISHED),
        (Outcome::Partial, HostClass::Failed, ExitCode::FAILED),
        (Outcome::Cancelled, HostClass::Cancelled, ExitCode::UNFINISHED),
    ] {
        let agent = agent_with("1", |script| script.services = vec![("mysql", outcome)]);
        let told = Lab::new().host("db1", &agent).run().await;
        assert_eq!((told.class("db1"), told.end.exit), (class, exit), "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_have_their_turn_in_order_and_never_more_than_the_forks() {
    let mut lab = Lab::new();
    for number in 0..20 {
        lab = lab.host(&format!("h{number}"), &agent(&number.to_string()));
    }
    lab.forks = 3;
    let told = lab.run().await;
    told.is_complete();
    assert_eq!(told.end.exit, ExitCode::OK);
    assert!(told.events.iter().all(|(_, active)| *active <= 3));
    let started: Vec<String> = told
        .events
        .iter()
        .filter(|(event, _)| event.event == Kind::HostStarted)
        .filter_map(|(event, _)| event.host.as_ref().map(ToString::to_string))
        .collect();
    let expected: Vec<String> = (0..20).map(|number| format!("h{number}")).collect();
    assert_eq!(started, expected);
}

#[tokio::test]
async fn the_journal_is_the_stream_and_the_order_is_in_it_before_it_is_sent() {
    let place = tempfile::tempdir().unwrap();
    let agent = agent("1");
    let mut lab = Lab::new().host("db1", &agent);
    lab.journal = Some(Journal::create(place.path()).unwrap());
    let told = lab.run().await;
    let text = std::fs::read_to_string(place.path().join(crate::journal::NAME)).unwrap();
    let events: Vec<FleetEvent> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kept: Vec<FleetEvent> = told
        .events
        .iter()
        .map(|(event, _)| event.clone())
        .filter(|event| event.event.is_kept())
        .collect();
    assert_eq!(events, kept);
    let place_of = |wanted: fn(&Kind) -> bool| events.iter().position(|event| wanted(&event.event)).unwrap();
    assert!(
        place_of(|kind| *kind == Kind::OrderSent) < place_of(|kind| matches!(kind, Kind::Accepted { .. }))
    );
    // Replaying it gives the state that the run had.
    let mut replayed = FleetState::planned(&events[0]).unwrap();
    for event in &events[1..] {
        replayed.apply(event).unwrap();
    }
    assert_eq!(
        replayed.report(told.end.exit),
        told.end.state.report(told.end.exit)
    );
    assert!(matches!(replayed.hosts()[0].state, HostState::Ended(_)));
    assert!(events.iter().any(|event| matches!(
        &event.event,
        Kind::Agent { event } if matches!(event.event, EventKind::RunEnded { .. })
    )));
}

#[tokio::test(start_paused = true)]
async fn a_ping_tells_who_is_there_and_can_show_keys() {
    for show_keys in [false, true] {
        let mut lab = Lab::new().host("db1", &agent("1"));
        lab.errand = Some(Errand::Ping { show_keys });
        let told = lab.run().await;
        assert_eq!(told.class("db1"), HostClass::Ok);
        let facts = &told.end.state.hosts()[0].facts;
        assert_eq!(facts.host_id.as_deref(), Some("1"));
        assert_eq!(facts.keys.len(), usize::from(show_keys));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_and_orders_nothing() {
    let agent = agent("1");
    let mut lab = Lab::new().host("db1", &agent);
    lab.errand = Some(Errand::Plan(Vec::new()));
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    let planned = told.end.state.hosts()[0].facts.planned.as_ref().unwrap();
    assert_eq!(planned[0].service, "file".parse().unwrap());
    let requests = agent.seen(|seen| seen.requests.clone());
    assert!(matches!(&requests[..], [Request::Plan { .. }]), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_off_is_told() {
    let agent = agent_with("1", |script| {
        script.hello.time = "2020-01-31T02:30:00Z".parse().unwrap()
    });
    let told = Lab::new().host("db1", &agent).run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    let warnings = &told.end.state.hosts()[0].facts.warnings;
    assert!(warnings[0].contains("behind ours"), "{warnings:?}");
}
