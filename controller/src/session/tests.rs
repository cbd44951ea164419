//! Greetings and conversations, good and bad, with a host in memory.

use batt_protocol::wire::PlannedService;

use super::*;
use crate::fake_agent::{FakeAgent, Script};
use crate::transport::memory::MemoryTransport;
use crate::transport::{Deadlines, Target, Transport as _};

fn place() -> AgentPlace {
    AgentPlace {
        path: "/usr/local/bin/batt".into(),
        home: "/opt/batt".into(),
        pattern: None,
        sudo: true,
    }
}

async fn open_with(transport: MemoryTransport) -> Result<Opened, Trouble> {
    let target = Target {
        name: "db1".into(),
        address: "db1".into(),
        port: 22,
        user: "root".into(),
        identity: None,
        pinned: Vec::new(),
    };
    let mut connection = transport
        .connect(&target, &Deadlines::default(), &mut |_| {})
        .await
        .unwrap();
    Session::open(&mut *connection, &place(), SessionLimits::default()).await
}

async fn open(change: impl FnOnce(&mut Script)) -> Result<Opened, Trouble> {
    let agent = FakeAgent::new("id", change);
    open_with(MemoryTransport::default().host("db1", move |end| agent.clone().serve(end))).await
}

async fn trouble(change: impl FnOnce(&mut Script)) -> Trouble {
    match open(change).await {
        Ok(_) => panic!("the greeting was taken"),
        Err(trouble) => trouble,
    }
}

/// A host that prints exactly this and ends.
async fn raw(output: &'static [u8]) -> Result<Opened, Trouble> {
    let transport = MemoryTransport::default().host("db1", move |mut end| async move {
        let _ = end.stdout.write_all(output).await;
        Ending::Exited(0)
    });
    open_with(transport).await
}

#[tokio::test]
async fn a_greeting_is_read() {
    let opened = open(|_| {}).await.unwrap();
    assert_eq!(opened.hello.host_id, "id");
    assert_eq!(opened.noise, None);
}

#[tokio::test]
async fn noise_of_a_login_shell_is_skipped_and_told() {
    for noise in ["Welcome to\x1b[1m db1!\n\n\nmotd\n", "no newline at its end "] {
        let opened = open(|script| script.noise = noise.into()).await.unwrap();
        let told = opened.noise.unwrap();
        assert!(told.contains(&format!("{} bytes", noise.len())), "{told}");
        assert!(!told.contains('\x1b'), "{told}");
    }
    let all = vec![b'\n'; MAX_NOISE - 1];
    assert!(open(|script| script.noise = all).await.is_ok());
}

#[tokio::test]
async fn too_much_noise_is_not_waited_out() {
    for noise in [vec![b'x'; MAX_NOISE + 1], vec![b'\n'; MAX_NOISE + 1]] {
        let trouble = trouble(|script| script.noise = noise).await;
        assert_eq!(trouble.class, HostClass::Protocol);
        assert!(trouble.reason.contains("no greeting"), "{}", trouble.reason);
    }
}

#[tokio::test]
async fn protocols_that_do_not_meet() {
    let range =
        |oldest, newest| move |script: &mut Script| script.hello.protocol = ProtocolRange { oldest, newest };
    let old = trouble(range(0, 0)).await;
    assert_eq!(old.class, HostClass::AgentTooOld);
    assert!(old.hints[0].contains("push --agent"));
    let new = trouble(range(PROTOCOL + 1, PROTOCOL + 3)).await;
    assert_eq!(new.class, HostClass::Protocol);
    assert!(new.reason.contains("2 to 4"), "{}", new.reason);
    assert!(open(range(0, PROTOCOL + 1)).await.is_ok());
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_told_apart_from_a_root_that_is_not() {
    let missing =
        trouble(|script| script.absent = Some(("sudo: /usr/local/bin/batt: command not found\n", 1))).await;
    assert_eq!(missing.class, HostClass::AgentMissing);
    let locked = trouble(|script| script.absent = Some(("sudo: a password is required\n", 1))).await;
    assert_eq!(locked.class, HostClass::Become);
    assert!(
        locked.hints[0].contains("`/usr/local/bin/batt --home /opt/batt serve`"),
        "{:?}",
        locked.hints
    );
}

#[tokio::test]
async fn a_greeting_that_is_none() {
    for output in [
        &b"{\"batt\":true}\n"[..],
        b"{\"batt\":{\"version\":\"1\"}}\n",
        b"{\"batt\":",
        b"",
    ] {
        let Err(trouble) = raw(output).await else { panic!() };
        assert_eq!(trouble.class, HostClass::Protocol, "{}", trouble.reason);
    }
    let long = trouble(|script| script.hello.host_id = "x".repeat(257)).await;
    assert_eq!(long.class, HostClass::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_greets_gives_its_place_free() {
    let begun = Instant::now();
    let transport = MemoryTransport::default().host("db1", |end| async move {
        let _open = end;
        std::future::pending().await
    });
    let Err(trouble) = open_with(transport).await else {
        panic!()
    };
    assert_eq!(trouble.class, HostClass::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_the_conversation_goes_on() {
    let mut session = open(|_| {}).await.unwrap().session;
    let refusal = session.ask(&Request::Status).await.unwrap().unwrap_err();
    assert_eq!(refusal.exit.code(), 64);
    let reply = session
        .ask(&Request::Plan { services: Vec::new() })
        .await
        .unwrap()
        .unwrap();
    let Reply::Planned { services } = reply else {
        panic!()
    };
    assert!(matches!(&services[..], [PlannedService { .. }]));
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_lost_line() {
    let transport = MemoryTransport::default().host("db1", |mut end| async move {
        let end = &mut end;
        let greeting = encode(&Greeting {
            batt: Script::default().hello,
        })
        .unwrap();
        end.stdout.write_all(&greeting).await.unwrap();
        std::future::pending().await
    });
    let mut session = open_with(transport).await.unwrap().session;
    let begun = Instant::now();
    let trouble = session.ask(&Request::Status).await.unwrap_err();
    assert_eq!(trouble.class, HostClass::Lost);
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn what_follows_the_greeting_is_bounded_and_understood_or_the_end() {
    for (output, class) in [
        (&b"garbage\n"[..], HostClass::Protocol),
        (b"{\"reply\":\"planned\"}\n", HostClass::Protocol),
        (b"{\"reply\":\"moon-rose\"}\n", HostClass::Lost),
        (b"{\"reply\":\"plan", HostClass::Lost),
        (&[b'x'; 70 << 10], HostClass::Protocol),
    ] {
        let transport = MemoryTransport::default().host("db1", move |mut end| async move {
            let greeting = encode(&Greeting {
                batt: Script::default().hello,
            })
            .unwrap();
            end.stdout.write_all(&greeting).await.unwrap();
            let _ = end.stdout.write_all(output).await;
            end.stderr.write_all(b"thread panicked\n").await.unwrap();
            Ending::Exited(101)
        });
        let mut session = open_with(transport).await.unwrap().session;
        let trouble = session.receive().await.unwrap_err();
        assert_eq!(trouble.class, class, "{}", trouble.reason);
        if class == HostClass::Lost {
            assert!(trouble.reason.contains("exit code 101"), "{}", trouble.reason);
            assert!(trouble.reason.contains("thread panicked"), "{}", trouble.reason);
        }
    }
}

#[test]
fn only_our_run_is_spoken_of() {
    let ours: RunId = "20260131T023000Z-1a2b3c".parse().unwrap();
    let theirs = "20260131T023000Z-1a2b3d".parse().unwrap();
    assert!(check_run(&ours, &ours).is_ok());
    assert_eq!(check_run(&ours, &theirs).unwrap_err().class, HostClass::Protocol);
}
