//! Hosts that fail, lie or go away.

use batt_protocol::Outcome;
use batt_protocol::wire::{PROTOCOL, ProtocolRange, Refusal, Request};

use super::*;
use crate::fake_agent::Fault;
use crate::transport::{FailureClass, Phase};

fn faulty(id: &str, faults: &[Fault]) -> FakeAgent {
    agent_with(id, |script| script.faults = faults.iter().copied().collect())
}

#[tokio::test(start_paused = true)]
async fn each_way_to_fail_has_its_class_and_delays_nobody() {
    let refusing = |name: &'static str, class| {
        move |transport: MemoryTransport| {
            transport.refusing(name, ConnectFailure::new(class, "no").with_hint("Do."))
        }
    };
    let hanging =
        |name: &'static str, phase| move |transport: MemoryTransport| transport.hanging(name, phase);
    let old = agent_with("o", |script| {
        script.hello.protocol = ProtocolRange { oldest: 0, newest: 0 }
    });
    let new = agent_with("n", |script| {
        script.hello.protocol = ProtocolRange {
            oldest: PROTOCOL + 1,
            newest: PROTOCOL + 1,
        };
    });
    let missing = agent_with("m", |script| {
        script.absent = Some(("sh: 1: batt: not found", 127))
    });
    let told = Lab::new()
        .transport("unnamed", refusing("unnamed", FailureClass::Resolve))
        .transport("down", refusing("down", FailureClass::Connect))
        .transport("changed", refusing("changed", FailureClass::HostKey))
        .transport("locked", refusing("locked", FailureClass::Authentication))
        .transport("black-hole", hanging("black-hole", Phase::Connect))
        .transport("stuck", hanging("stuck", Phase::Authenticate))
        .host("old", &old)
        .host("new", &new)
        .host("bare", &missing)
        .host("good1", &agent("1"))
        .host("good2", &agent("2"))
        .run()
        .await;
    told.is_complete();
    for (host, class) in [
        ("unnamed", HostClass::Resolve),
        ("down", HostClass::Connect),
        ("changed", HostClass::HostKey),
        ("locked", HostClass::Authentication),
        ("black-hole", HostClass::Connect),
        ("stuck", HostClass::TimedOut),
        ("old", HostClass::AgentTooOld),
        ("new", HostClass::Protocol),
        ("bare", HostClass::AgentMissing),
        ("good1", HostClass::Ok),
        ("good2", HostClass::Ok),
    ] {
        assert_eq!(told.class(host), class, "{host}: {}", told.reason(host));
    }
    assert_eq!(told.end.exit.code(), 4 + 8);
    // The good ones had ended before the first deadline of a dead one passed.
    assert_eq!(told.host("good2").seconds, 0.0);
    assert_eq!(told.host("stuck").seconds, 20.0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_gives_its_place_free_at_its_deadline() {
    let mut lab = Lab::new();
    for number in 0..4 {
        let name = format!("dead{number}");
        lab = lab.transport(&name, |transport| transport.hanging(&name, Phase::Connect));
    }
    lab = lab.host("good", &agent("1"));
    lab.forks = 4;
    let begun = Instant::now();
    let told = lab.run().await;
    assert_eq!(told.class("good"), HostClass::Ok);
    assert_eq!(begun.elapsed().as_secs(), 10, "the slowest deadline, not the sum");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_breaks_in_mid_run_is_mended_and_the_run_executes_once() {
    for cut in [0, 1, 2, 3] {
        let agent = faulty("1", &[Fault::CutAfter(cut)]);
        let told = Lab::new().host("db1", &agent).run().await;
        told.is_complete();
        assert_eq!(told.class("db1"), HostClass::Ok, "{cut}: {}", told.reason("db1"));
        assert_eq!(agent.seen(|seen| seen.executed), 1);
        assert!(told.has("db1", |event| matches!(
            event,
            Kind::ConnectionLost { attempt: 1, .. }
        )));
        let positions: Vec<u64> = agent.seen(|seen| {
            seen.requests
                .iter()
                .filter_map(|request| match request {
                    Request::Follow { after, .. } => Some(*after),
                    _ => None,
                })
                .collect()
        });
        assert_eq!(positions, [0, cut as u64], "it goes on where it was");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_in_mid_run_is_a_broken_line() {
    let agent = faulty("1", &[Fault::Silence]);
    let told = Lab::new().host("db1", &agent).run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
    assert!(told.has("db1", |event| matches!(
        event,
        Kind::ConnectionLost { reason, .. } if reason.contains("silent for 60 s")
    )));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stays_broken_is_lost_with_what_is_known() {
    // Everything is told, and each conversation ends well: without the closing message that is no success.
    let told = Lab::new()
        .host("db1", &faulty("1", &[Fault::NoEnd; 5]))
        .host("db2", &agent("2"))
        .run()
        .await;
    assert_eq!(told.class("db1"), HostClass::Lost);
    assert_eq!(told.class("db2"), HostClass::Ok);
    assert_eq!(told.end.exit, ExitCode::UNUSABLE);

    let agent = agent_with("1", |script| {
        script.services = vec![("file", Outcome::Succeeded), ("mysql", Outcome::Succeeded)];
        script.faults = [Fault::CutAfter(3)]
            .into_iter()
            .chain([Fault::CutAfter(0); 3])
            .collect();
    });
    let told = Lab::new().host("db1", &agent).run().await;
    let host = told.host("db1");
    assert_eq!(host.class, HostClass::Lost);
    assert_eq!(host.services.len(), 1, "what is known to have ended stays");
    assert!(host.reason.unwrap().contains("3 further attempts did not help"));
    assert_eq!(agent.seen(|seen| seen.executed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_understood_is_protocol_and_never_good() {
    for (fault, words) in [
        (Fault::Garbage, "cannot be understood"),
        (Fault::LongLine, "longer than 64 KiB"),
        (Fault::OtherRun, "which is not ours"),
    ] {
        let told = Lab::new().host("db1", &faulty("1", &[fault])).run().await;
        told.is_complete();
        assert_eq!(told.class("db1"), HostClass::Protocol, "{fault:?}");
        assert!(
            told.reason("db1").contains(words),
            "{fault:?}: {}",
            told.reason("db1")
        );
        assert_eq!(told.end.exit, ExitCode::UNUSABLE);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_the_ends_of_its_services_is_no_success() {
    let told = Lab::new()
        .host("db1", &faulty("1", &[Fault::NoProof]))
        .run()
        .await;
    assert_eq!(told.class("db1"), HostClass::Failed);
    assert!(
        told.reason("db1").contains("without an end of `file`"),
        "{}",
        told.reason("db1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_order_is_an_answer() {
    for (exit, class, code) in [
        (ExitCode::NOTHING, HostClass::Failed, ExitCode::FAILED),
        (ExitCode::REFUSED, HostClass::Policy, ExitCode::REFUSED),
    ] {
        let agent = agent_with("1", |script| {
            script.refusal = Some(Refusal {
                exit,
                message: "no service\x1b is enabled".into(),
                hints: Vec::new(),
            });
        });
        let told = Lab::new().host("db1", &agent).run().await;
        assert_eq!((told.class("db1"), told.end.exit), (class, code));
        assert_eq!(told.reason("db1"), "no service\\x1b is enabled");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_names_of_one_host_the_second_is_refused() {
    let agent = agent("same");
    let mut lab = Lab::new().host("db1", &agent).host("db2", &agent);
    lab.forks = 1;
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    assert_eq!(told.class("db2"), HostClass::Policy);
    assert!(told.reason("db2").contains("`db1`"));
    assert_eq!(agent.seen(|seen| seen.executed), 1);
    assert_eq!(told.end.exit, ExitCode::REFUSED);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_cancelled_on_the_host() {
    let agent = agent_with("1", |script| script.endless = true);
    let mut lab = Lab::new().host("db1", &agent);
    // No progress comes from this agent, so its line would count as broken after a minute.
    lab.limits.run = Some(Duration::from_secs(30));
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::TimedOut, "{}", told.reason("db1"));
    assert!(told.reason("db1").contains("longer than 30 s"));
    assert_eq!(
        told.host("db1").services[0].outcome,
        Outcome::Cancelled,
        "its end is confirmed"
    );
    assert_eq!(told.end.exit, ExitCode::UNFINISHED);
}

/// A reader whose disk is full from the third event on.
struct Full(usize);

impl Reader for Full {
    fn name(&self) -> &'static str {
        "the full disk"
    }

    fn on_event(&mut self, _event: &FleetEvent, _state: &FleetState) -> io::Result<()> {
        self.0 += 1;
        match self.0 {
            0..3 => Ok(()),
            _ => Err(io::Error::other("no space left")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_fails_is_named_and_the_run_goes_on() {
    let mut lab = Lab::new().host("db1", &agent("1"));
    lab.readers.push(Box::new(Full(0)));
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    assert_eq!(told.end.problems, ["the full disk stopped: no space left"]);
    assert_eq!(told.end.exit, ExitCode::PROGRAM);
    let named = told
        .events
        .iter()
        .filter(|(event, _)| matches!(event.event, Kind::ReaderFailed { .. }));
    assert_eq!(named.count(), 1);
}

#[tokio::test]
async fn a_journal_that_is_lost_later_stops_nothing_and_is_told() {
    let mut lab = Lab::new().host("db1", &agent("1"));
    lab.journal = Some(Journal::on(std::path::Path::new("/dev/full")));
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok);
    assert_eq!(told.end.exit, ExitCode::PROGRAM);
    assert!(
        told.end.problems[0].contains("`/dev/full` was lost"),
        "{:?}",
        told.end.problems
    );
}

/// A transport with a fault of ours in it.
struct Panicking;

impl crate::transport::Transport for Panicking {
    fn connect<'a>(
        &'a self,
        _target: &'a Target,
        _deadlines: &'a Deadlines,
        _observer: crate::transport::Observer<'a>,
    ) -> Boxed<'a, Result<Box<dyn crate::transport::Connection>, ConnectFailure>> {
        Box::pin(async { panic!("a fault of ours") })
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_fails_in_ours_is_told_and_no_host_goes_missing() {
    let mut lab = Lab::new().transport("db1", |transport| transport);
    lab.other = Some(Arc::new(Panicking));
    let told = lab.run().await;
    told.is_complete();
    assert_eq!(told.class("db1"), HostClass::Lost);
    assert_eq!(told.end.exit, ExitCode::PROGRAM);
    assert!(
        told.end.problems[0].contains("work on db1 failed"),
        "{:?}",
        told.end.problems
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_alive_for_ever_holds_neither_the_others_nor_the_fleet() {
    let hour = Duration::from_secs(3_600);
    let soon = Duration::from_secs(600);
    for (limit, deadline, longest) in [(Some(hour), None, hour), (Some(hour), Some(soon), soon)] {
        let stuck = faulty("1", &[Fault::Alive]);
        let mut lab = Lab::new().host("stuck", &stuck).host("good", &agent("2"));
        lab.limits.run = limit;
        lab.deadline = deadline;
        let begun = Instant::now();
        let told = lab.run().await;
        told.is_complete();
        let took = begun.elapsed();
        assert!(
            took >= longest && took <= longest + Duration::from_secs(60),
            "{took:?}"
        );
        assert_eq!(told.class("good"), HostClass::Ok);
        assert_eq!(told.host("good").seconds, 0.0, "it was reported at once");
        assert_eq!(told.class("stuck"), HostClass::Lost, "{}", told.reason("stuck"));
        assert!(
            told.reason("stuck").contains("did not confirm"),
            "{}",
            told.reason("stuck")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_and_texts_of_a_host_are_bounded_before_anybody_counts_with_them() {
    let absurd = |id| {
        agent_with(id, |script| {
            script.faults = [Fault::Absurd].into();
            script.services = vec![("a", Outcome::Failed), ("b", Outcome::Succeeded)];
        })
    };
    let told = Lab::new()
        .host("one", &absurd("1"))
        .host("two", &absurd("2"))
        .run()
        .await;
    told.is_complete();
    for host in ["one", "two"] {
        assert_eq!(told.class(host), HostClass::Failed, "{}", told.reason(host));
        assert!(told.reason(host).chars().count() < 1_100);
        for service in told.host(host).services {
            assert!(service.bytes < 1 << 53);
            assert!(service.seconds < 4e8);
            assert!(service.reason.unwrap().chars().count() < 1_100);
            assert!(service.warnings.len() < 102);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_impostor_that_answers_first_is_refused_and_the_host_is_backed_up() {
    let mut lab = Lab::new().host("impostor", &agent("x")).host("db1", &agent("x"));
    lab.forks = 1;
    lab.ids = HostIds::remembering([("db1".parse().unwrap(), "x".to_owned())].into());
    let told = lab.run().await;
    assert_eq!(
        told.class("impostor"),
        HostClass::Policy,
        "{}",
        told.reason("impostor")
    );
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
}
