//! Engines that run in a drill, as the host sees them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;

use crate::drills::CANARY;

/// What a process of an engine has, as the host sees it.
#[derive(Debug)]
struct Engine {
    user: u32,
    same_network: bool,
    root: Vec<String>,
    environment: String,
}

/// Runs `batt`, and looks meanwhile at the processes of an engine that were not there before.
fn engines_of(host: &Host, name: &str, arguments: &[&str]) -> (Finished, Vec<Engine>) {
    let numbers = || -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|number| {
                let comm = fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
                comm.starts_with(name)
            })
            .collect()
    };
    let before = numbers();
    let over = AtomicBool::new(false);
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut engines = Vec::new();
            while !over.load(Ordering::Relaxed) {
                for number in numbers().iter().filter(|number| !before.contains(number)) {
                    let at = Path::new("/proc").join(number);
                    let marked = fs::read_to_string(at.join("environ")).unwrap_or_default();
                    let root = fs::read_dir(at.join("root/"));
                    let network = fs::read_link(at.join("ns/net"));
                    let (Ok(task), Ok(root), Ok(network)) = (at.join("task").metadata(), root, network)
                    else {
                        continue;
                    };
                    if !marked.contains("BATT_VERB=drill") {
                        continue;
                    }
                    let root = root
                        .flatten()
                        .map(|entry| entry.file_name().to_string_lossy().into_owned());
                    engines.push(Engine {
                        user: task.uid(),
                        same_network: network == own,
                        root: root.collect(),
                        environment: marked,
                    });
                }
            }
            engines
        });
        let finished = host.batt(arguments);
        over.store(true, Ordering::Relaxed);
        (finished, watcher.join().unwrap())
    })
}

/// Drills a service until its engine was seen, and asserts that it was in a cell. One lives for a moment, in which whoever looks may
/// be held up: then it is drilled once more.
#[track_caller]
fn assert_in_a_cell(host: &Host, name: &str, service: &str) {
    const MOST: usize = 50;
    let engines = (0..MOST)
        .map(|_| {
            let (finished, engines) = engines_of(host, name, &["drill", service]);
            finished.code(0).says("proven");
            engines
        })
        .find(|engines| !engines.is_empty());
    for engine in engines.expect("the engine is seen in one of many drills") {
        assert!((61184..=65519).contains(&engine.user), "{engine:?}");
        assert!(!engine.same_network, "{engine:?}");
        assert!(
            engine
                .root
                .iter()
                .all(|name| !matches!(name.as_str(), "home" | "root" | "var" | "work")),
            "{engine:?}"
        );
        assert!(!engine.environment.contains(CANARY), "{engine:?}");
    }
}

#[test]
fn engines_of_redis_and_of_a_base_backup_run_in_a_cell() {
    let redis = Redis::start("");
    redis.run(
        &(0..20_000)
            .map(|n| format!("SET key:{n} {n}\n"))
            .collect::<String>(),
    );
    let host = Host::new();
    let socket = redis.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("SHOP_PASSWORD", CANARY)]);
    host.batt(&["redis"]).code(0);
    assert_in_a_cell(&host, "redis-server", "redis");

    let server = Postgresql::start();
    let mut settings = server.environment();
    settings.push(("SHOP_PASSWORD", CANARY.to_owned()));
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql-base", &settings);
    host.batt(&["postgresql-base"]).code(0);
    assert_in_a_cell(&host, "postgres", "postgresql-base");
}
