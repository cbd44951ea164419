//! What must hold of each reader of what hosts and other people wrote, for any bytes. Our tests drive these properties with
//! proptest, the targets in `fuzz/` with libFuzzer.
//!
//! A property that does not hold panics.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a property fails"
)]
#![allow(unreachable_pub, reason = "the targets in `fuzz/` are another crate")]

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use batt_protocol::wire::Reply;
use batt_protocol::{BundleFolder, ExitCode, FileName, HostClass, Outcome};
#[cfg(test)]
use batt_protocol::{Event, EventKind};

use crate::bundle::FleetFolder;
use crate::event::{FleetEvent, FleetEventKind as Kind, Phase, PlannedHost, Verb};
use crate::history;
use crate::report::{self, Look};
use crate::session;
use crate::state::{FleetState, HostState};
use crate::transport::{KnownHosts, is_private_key};

const RUN: &str = "20260131T023000Z-1a2b3c";
const AT: &str = "2026-01-31T02:30:00Z";

/// A file of host keys: whatever stands before it, a line that revokes is heeded, and what cannot be read is told.
pub fn known_hosts(bytes: &[u8]) {
    let file = Path::new("known_hosts");
    let known = KnownHosts::of(file, bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(known.warnings().len() <= lines);
    for name in ["h1", "[h1]:2222", "db1.example.net", "::1", "*"] {
        for entry in known.about(name) {
            assert!((1..=lines).contains(&entry.place.line));
        }
    }
    let revoking = KnownHosts::of(file, &[bytes, b"\n@revoked * ssh-ed25519 broken\n"].concat());
    let heeded = revoking
        .about("any.example.net")
        .iter()
        .any(|entry| entry.place.line == lines + 1);
    assert!(heeded, "a revocation was passed over");
}

/// A file with a private key: it holds one, or it does not.
pub fn private_key(bytes: &[u8]) {
    let _ = is_private_key(bytes);
}

/// The greeting of an agent: what is taken is bounded.
pub fn greeting(bytes: &[u8]) {
    match session::greeted(bytes) {
        Ok(hello) => {
            for word in [hello.version, hello.host_id, hello.host, hello.bundle] {
                assert!(word.len() <= 256);
            }
        }
        Err(trouble) => assert_bounded(&trouble.reason),
    }
}

/// Replies of an agent, a line each, in any order, over the state of its host: they are taken or refused, each text, number
/// and list is within its bound, and the host is good only when its own record says so.
pub fn conversation(bytes: &[u8]) {
    let mut state = running();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(reply) = serde_json::from_slice::<Reply>(line) else {
            continue;
        };
        let reply = match session::bounded(reply) {
            Ok(reply) => reply,
            Err(trouble) => {
                assert_bounded(&trouble.reason);
                continue;
            }
        };
        assert_eq!(
            session::bounded(reply.clone()).ok().as_ref(),
            Some(&reply),
            "bounded twice"
        );
        if let Some(kind) = told(reply) {
            // A host that contradicts itself is refused; the state stays as it was.
            let _ = state.apply(&event(Some("h1"), kind));
        }
    }
    let proven = is_proven(&state);
    let ends_well = Kind::HostEnded {
        class: HostClass::Ok,
        reason: None,
        hints: Vec::new(),
        busy: false,
    };
    let is_good = state.apply(&event(Some("h1"), ends_well)).is_ok();
    assert!(!is_good || proven, "good without a record that says so");
    require_shown(&state, ExitCode::OK);
}

/// A journal of the controller: it is read to a state that can be shown, or told where it cannot be.
pub fn journal(bytes: &[u8]) {
    match history::replay(bytes) {
        Ok(state) => require_shown(&state, state.exit().unwrap_or(ExitCode::OK)),
        Err((line, _)) => assert!(line >= 1),
    }
}

/// A journal that begins well, and goes on with any bytes.
pub fn journal_after_its_plan(bytes: &[u8]) {
    let plan = serde_json::to_vec(&plan()).expect("a plan can be written");
    journal(&[&plan, b"\n".as_slice(), bytes].concat());
}

/// The layers of a fleet folder. Each line is a file: a digit for its folder, its name, `=`, its content. What is taken lies
/// in the bundle as it was written, under a name that a bundle may have, and nothing of one host goes to another.
pub fn layers(bytes: &[u8]) {
    const FOLDERS: [&str; 5] = [
        "scripts-available",
        "conf",
        "conf/groups/db",
        "conf/hosts/a",
        "conf/hosts/b",
    ];
    let folder = Scratch::new();
    let mut written: BTreeMap<(usize, Vec<u8>), Vec<u8>> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(20) {
        let Some((first, rest)) = line.split_first() else {
            continue;
        };
        let place = usize::from(*first) % FOLDERS.len();
        let at = rest.iter().position(|byte| *byte == b'=').unwrap_or(rest.len());
        let (name, content) = (&rest[..at], rest.get(at + 1..).unwrap_or_default());
        let path = folder.0.join(FOLDERS[place]);
        // A line before may have made a file of that name.
        if fs::create_dir_all(&path).is_err() {
            continue;
        }
        let is_one_part = !name.is_empty() && !name.contains(&b'/') && !name.contains(&0) && name.len() < 200;
        if !is_one_part || fs::write(path.join(OsStr::from_bytes(name)), content).is_err() {
            continue;
        }
        written.insert((place, name.to_vec()), content.to_vec());
    }
    let Ok(fleet) = FleetFolder::read(
        &folder.0,
        |group| group == "db",
        |host| ["a", "b"].contains(&host),
    ) else {
        return;
    };
    for (host, layers) in [("a", [1, 2, 3]), ("b", [1, 2, 4])] {
        let bundle = fleet.bundle(host, ["db"]).expect("few files");
        for (file, content) in bundle.files() {
            assert_eq!(file.name.as_str().parse::<FileName>().as_ref(), Ok(&file.name));
            assert_eq!(file.size, content.bytes.len() as u64);
            let name = file.name.as_str().as_bytes();
            let of = |place: usize| written.get(&(place, name.to_vec()));
            let expected = match file.folder {
                BundleFolder::ScriptsAvailable => of(0),
                BundleFolder::Conf => layers.iter().rev().find_map(|place| of(*place)),
            };
            assert_eq!(expected, Some(&content.bytes), "{host}: {}", file.name);
        }
    }
}

/// A folder of its own, which goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        use std::os::unix::fs::DirBuilderExt as _;

        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "batt-layers-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn event(host: Option<&str>, kind: Kind) -> FleetEvent {
    FleetEvent {
        at: AT.parse().expect("a time"),
        host: host.map(|host| host.parse().expect("a name")),
        event: kind,
    }
}

fn plan() -> FleetEvent {
    event(
        None,
        Kind::RunPlanned {
            run: RUN.parse().expect("an id"),
            verb: Verb::Run,
            version: String::new(),
            asked_by: String::new(),
            hosts: vec![PlannedHost {
                host: "h1".parse().expect("a name"),
                services: Vec::new(),
            }],
        },
    )
}

/// A run whose host has accepted the order.
fn running() -> FleetState {
    let mut state = FleetState::planned(&plan()).expect("a plan");
    for kind in [
        Kind::HostStarted,
        Kind::PhaseEntered {
            phase: Phase::Greeting,
        },
        Kind::Greeted {
            version: String::new(),
            host_id: String::new(),
            host_name: String::new(),
        },
        Kind::OrderSent,
        Kind::Accepted { attached: false },
    ] {
        state.apply(&event(Some("h1"), kind)).expect("in order");
    }
    state
}

/// What a reply tells of a run that is followed.
fn told(reply: Reply) -> Option<Kind> {
    match reply {
        Reply::Event { event, .. } => Some(Kind::Agent { event }),
        Reply::Progress {
            service,
            stage,
            bytes,
            expected_bytes,
            ..
        } => Some(Kind::Progressed {
            service,
            stage,
            bytes,
            expected_bytes,
        }),
        Reply::Log {
            service,
            offset,
            bytes,
            ..
        } => Some(Kind::LogReceived {
            service,
            offset,
            bytes,
        }),
        Reply::Planned { services } => Some(Kind::Planned { services }),
        Reply::Compared { changes, .. } => Some(Kind::Compared { changes }),
        Reply::Accepted { attached, .. } => Some(Kind::Accepted { attached }),
        _ => None,
    }
}

/// Tells by itself, without the state's own judgement, whether the record says that all is well.
fn is_proven(state: &FleetState) -> bool {
    match &state.hosts()[0].state {
        HostState::Running(run) => {
            let (reports, open) = run.split();
            run.exit == Some(ExitCode::OK)
                && open.is_empty()
                && !reports.is_empty()
                && reports.iter().all(|report| report.outcome == Outcome::Succeeded)
        }
        _ => false,
    }
}

/// What is shown of a state is a document that can be read and a page that drives no terminal.
fn require_shown(state: &FleetState, exit: ExitCode) {
    let mut document = Vec::new();
    report::write_report(&mut document, state, exit).expect("memory");
    serde_json::from_slice::<batt_protocol::FleetReport>(&document).expect("what was written can be read");
    let mut page = Vec::new();
    let look = Look::new(None, &|_| None);
    report::write_summary(&mut page, state, exit, &[], look).expect("memory");
    let page = String::from_utf8(page).expect("text");
    let active = page.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(active, None, "{page:?}");
}

fn assert_bounded(reason: &str) {
    assert!(reason.chars().count() < 3_000, "{reason}");
    assert!(!reason.chars().any(char::is_control), "{reason:?}");
}

/// An event of a host as its line has it, for the tests.
#[cfg(test)]
fn line_of(sequence: u64, kind: EventKind) -> Vec<u8> {
    let reply = Reply::Event {
        run: RUN.parse().expect("an id"),
        event: Event {
            sequence,
            at: AT.parse().expect("a time"),
            event: kind,
        },
    };
    let mut line = serde_json::to_vec(&reply).expect("a reply can be written");
    line.push(b'\n');
    line
}
