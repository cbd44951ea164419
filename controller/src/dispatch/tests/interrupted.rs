//! Ctrl-C, once and twice, SIGTERM and the deadline of the whole.

use batt_protocol::Outcome;
use batt_protocol::wire::Request;

use super::*;

/// Interrupts when the first service runs.
struct AtFirstService {
    sender: mpsc::Sender<Interruption>,
    by: Vec<Interruption>,
}

impl Reader for AtFirstService {
    fn name(&self) -> &'static str {
        "the interruption"
    }

    fn on_event(&mut self, event: &FleetEvent, _state: &FleetState) -> io::Result<()> {
        if matches!(event.event, Kind::Progressed { .. }) {
            for by in std::mem::take(&mut self.by) {
                self.sender.try_send(by).unwrap();
            }
        }
        Ok(())
    }
}

fn endless(id: &str) -> FakeAgent {
    agent_with(id, |script| script.endless = true)
}

fn lab(agents: &[(&str, &FakeAgent)], by: &[Interruption]) -> Lab {
    let mut lab = Lab::new();
    for (name, agent) in agents {
        lab = lab.host(name, agent);
    }
    lab.forks = 1;
    lab.readers.push(Box::new(AtFirstService {
        sender: lab.interrupt.clone(),
        by: by.to_vec(),
    }));
    lab
}

#[tokio::test(start_paused = true)]
async fn once_ends_what_runs_and_starts_nothing_more() {
    for (by, exit) in [
        (Interruption::Interrupt, ExitCode::INTERRUPTED),
        (Interruption::Terminate, ExitCode::TERMINATED),
    ] {
        let (running, queued) = (endless("1"), endless("2"));
        let told = lab(&[("db1", &running), ("db2", &queued)], &[by]).run().await;
        told.is_complete();
        assert_eq!(told.end.exit, exit);
        assert_eq!(told.class("db1"), HostClass::Cancelled);
        assert_eq!(
            told.host("db1").services[0].outcome,
            Outcome::Cancelled,
            "its end is confirmed"
        );
        assert_eq!(told.class("db2"), HostClass::Cancelled);
        assert_eq!(told.reason("db2"), "interrupted before its turn came");
        assert!(queued.seen(|seen| seen.commands.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_confirmed_is_not_believed() {
    let agent = agent_with("1", |script| {
        script.endless = true;
        script.stubborn = true;
    });
    let begun = Instant::now();
    let told = lab(&[("db1", &agent)], &[Interruption::Interrupt]).run().await;
    assert_eq!(told.class("db1"), HostClass::Lost);
    assert!(
        told.reason("db1").contains("did not confirm"),
        "{}",
        told.reason("db1")
    );
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert!(agent.seen(|seen| {
        seen.requests
            .iter()
            .any(|request| matches!(request, Request::Cancel { .. }))
    }));
    assert_eq!(told.end.exit, ExitCode::INTERRUPTED);
}

#[tokio::test(start_paused = true)]
async fn twice_leaves_at_once() {
    let agent = agent_with("1", |script| {
        script.endless = true;
        script.stubborn = true;
    });
    let begun = Instant::now();
    let twice = [Interruption::Interrupt, Interruption::Interrupt];
    let told = lab(&[("db1", &agent), ("db2", &endless("2"))], &twice)
        .run()
        .await;
    told.is_complete();
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!(told.class("db1"), HostClass::Lost);
    assert!(
        told.reason("db1").contains("left before"),
        "{}",
        told.reason("db1")
    );
    assert_eq!(told.class("db2"), HostClass::Cancelled);
    assert_eq!(told.end.exit, ExitCode::INTERRUPTED);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_whole_ends_all_and_is_no_interruption() {
    let running = endless("1");
    let mut lab = lab(&[("db1", &running), ("db2", &endless("2"))], &[]);
    lab.deadline = Some(Duration::from_secs(20));
    let told = lab.run().await;
    told.is_complete();
    assert_eq!(told.class("db1"), HostClass::TimedOut);
    assert_eq!(told.host("db1").services[0].outcome, Outcome::Cancelled);
    assert_eq!(told.class("db2"), HostClass::TimedOut);
    assert_eq!(told.end.exit, ExitCode::UNFINISHED);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_being_connected_to_is_dropped() {
    let mut lab = Lab::new().transport("dead", |transport| {
        transport.hanging("dead", crate::transport::Phase::Connect)
    });
    lab.deadline = Some(Duration::from_secs(3));
    let begun = Instant::now();
    let told = lab.run().await;
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(told.class("dead"), HostClass::TimedOut);
    assert!(told.reason("dead").contains("before the order was sent"));
}
