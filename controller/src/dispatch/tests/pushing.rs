//! Bundles that differ.

use batt_protocol::wire::{HomeState, MAX_CHUNK, Request};
use batt_protocol::{BundleFolder, Change, FileChange};

use super::*;
use crate::bundle::FleetFolder;
use crate::fake_agent::Fault;

fn bundle() -> Arc<Bundle> {
    let place = tempfile::tempdir().unwrap();
    for (folder, name, size) in [
        ("scripts-available", "backup-app", 3 * MAX_CHUNK + 1),
        ("conf", "backup-app.conf", 10),
        ("conf", "empty.conf", 0),
    ] {
        let folder = place.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), vec![b'x'; size]).unwrap();
    }
    let folder = FleetFolder::read(place.path(), |_| false, |_| false).unwrap();
    Arc::new(folder.bundle("db1", []).unwrap())
}

fn conflict(name: &str) -> FileChange {
    FileChange {
        folder: BundleFolder::Conf,
        name: name.parse().unwrap(),
        change: Change::Conflict,
    }
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_sent_once_and_the_next_push_sends_nothing() {
    let agent = agent("1");
    for pushed in [Some((3, 0, 0)), None] {
        let mut lab = Lab::new().host("db1", &agent);
        lab.bundle = Some(bundle());
        lab.errand = Some(Errand::Push {
            mode: PushMode::Auto,
            agent: None,
        });
        let told = lab.run().await;
        assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
        assert_eq!(told.end.state.hosts()[0].facts.pushed, pushed);
    }
    agent.seen(|seen| {
        assert_eq!(
            seen.received["scripts-available/backup-app"].len(),
            3 * MAX_CHUNK + 1
        );
        assert_eq!(seen.received["conf/empty.conf"].len(), 0);
        let commits = seen
            .requests
            .iter()
            .filter(|request| matches!(request, Request::Commit { .. }));
        assert_eq!(commits.count(), 1);
    });
}

#[tokio::test(start_paused = true)]
async fn a_run_pushes_before_it_orders() {
    let agent = agent("1");
    let mut lab = Lab::new().host("db1", &agent);
    lab.bundle = Some(bundle());
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
    assert!(told.has("db1", |event| matches!(event, Kind::Pushed { added: 3, .. })));
    assert_eq!(agent.seen(|seen| seen.commands.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_only_tells() {
    let agent = agent("1");
    let mut lab = Lab::new().host("db1", &agent);
    lab.bundle = Some(bundle());
    lab.errand = Some(Errand::PushCheck);
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Failed);
    assert_eq!(told.reason("db1"), "3 files differ from the fleet folder");
    assert_eq!(told.end.exit, ExitCode::FAILED);
    assert_eq!(told.end.state.hosts()[0].facts.changes.as_ref().unwrap().len(), 3);
    assert!(agent.seen(|seen| seen.bundle.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn what_was_changed_on_the_host_stops_it_until_it_is_forced() {
    let agent = agent_with("1", |script| script.conflicts = vec![conflict("backup-app.conf")]);
    let mut lab = Lab::new().host("db1", &agent).host("db2", &super::agent("2"));
    lab.bundle = Some(bundle());
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Policy);
    assert_eq!(
        told.reason("db1"),
        "`conf/backup-app.conf` was changed on the host since the last push"
    );
    assert_eq!(agent.seen(|seen| seen.executed), 0, "only a verified host runs");
    assert_eq!(told.class("db2"), HostClass::Ok);
    assert_eq!(told.end.exit, ExitCode::REFUSED);

    let mut lab = Lab::new().host("db1", &agent);
    lab.bundle = Some(bundle());
    lab.errand = Some(Errand::Push {
        mode: PushMode::Force,
        agent: None,
    });
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
    assert_eq!(told.end.state.hosts()[0].facts.pushed, Some((2, 1, 0)));
}

#[tokio::test(start_paused = true)]
async fn modes_of_a_run() {
    for (mode, class, executed) in [
        (PushMode::Verify, HostClass::Policy, 0),
        (PushMode::Never, HostClass::Ok, 1),
        (PushMode::Auto, HostClass::Ok, 1),
    ] {
        let agent = agent("1");
        let mut lab = Lab::new().host("db1", &agent);
        lab.bundle = Some(bundle());
        lab.mode = mode;
        let told = lab.run().await;
        assert_eq!(told.class("db1"), class, "{mode:?}: {}", told.reason("db1"));
        assert_eq!(agent.seen(|seen| seen.executed), executed, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_may_not_have_arrived_goes_out_again_to_a_verified_host() {
    let agent = agent_with("1", |script| script.faults = [Fault::CutAfter(0)].into());
    let mut lab = Lab::new().host("db1", &agent);
    lab.bundle = Some(bundle());
    let told = lab.run().await;
    assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
    assert_eq!(agent.seen(|seen| seen.executed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bare_home_is_laid_out_and_then_told_apart() {
    for bundle in [None, Some(bundle())] {
        let agent = agent_with("", |script| script.hello.home = HomeState::Empty);
        let mut lab = Lab::new().host("db1", &agent).host("db2", &agent);
        lab.bundle = bundle;
        lab.forks = 1;
        let told = lab.run().await;
        assert_eq!(told.class("db1"), HostClass::Ok, "{}", told.reason("db1"));
        assert_eq!(told.class("db2"), HostClass::Policy, "{}", told.reason("db2"));
        let facts = &told.end.state.hosts()[0].facts;
        assert_eq!(facts.host_id.as_deref(), Some("made"));
        assert_eq!(agent.seen(|seen| seen.executed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_home_is_left_bare_where_nothing_may_be_pushed() {
    let agent = agent_with("", |script| script.hello.home = HomeState::Empty);
    let mut lab = Lab::new().host("db1", &agent);
    lab.mode = PushMode::Never;
    lab.run().await;
    let requests = agent.seen(|seen| seen.requests.clone());
    assert!(
        !requests
            .iter()
            .any(|request| matches!(request, Request::Commit { .. }))
    );
}
