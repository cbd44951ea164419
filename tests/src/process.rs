//! Processes as a test sees them: whether one lives, and waiting until something holds.

use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// When a test gives up on a condition. Far more than any of them takes on a machine whose disk stalls: nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns an address of the loopback network, and a port of it, that no other test has.
pub fn address_of_our_own() -> (String, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    // The number of a process has at most 22 bits (proc(5)).
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = format!("127.{}.{middle}.{low}", 128 + (high & 0x3f));
    (address, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the living processes whose command line or environment holds `text`, zombies left out.
pub fn living_with(text: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        let holds = |file: &str| {
            let content = fs::read(entry.path().join(file)).unwrap_or_default();
            content
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        if pid != std::process::id().cast_signed() && (holds("cmdline") || holds("environ")) {
            found.push(pid);
        }
    }
    found
}

/// Asserts that no process lives whose command line or environment holds `text`.
#[track_caller]
pub fn assert_none_lives(text: &str) {
    let found = living_with(text);
    let shown: Vec<String> = found
        .iter()
        .map(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .unwrap_or_default()
                .replace('\0', " ")
        })
        .collect();
    assert!(found.is_empty(), "still alive: {found:?} {shown:?}");
}

/// Sends a signal to a child.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the child is there");
}

/// Kills the living processes whose command line or environment holds `text`. One that ends by itself meanwhile is none of them.
pub fn kill_those_with(text: &str) {
    for pid in living_with(text).into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Kills a process by its number.
pub fn kill(pid: i32) {
    let pid = Pid::from_raw(pid).expect("a process has a number");
    kill_process(pid, Signal::KILL).expect("the process is there");
}
