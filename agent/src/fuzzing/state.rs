//! What must hold of the files of a home that batt reads again, and of a session with a controller, whatever comes.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use batt_protocol::Event;
use batt_protocol::wire::{LineReader, Reply};

use super::assert_stable;
use crate::bundle::{BundleRecord, digest_of, place};
use crate::home::Home;
use crate::journal::events_of;
use crate::run_folder::Order;
use crate::serve;

/// A journal: what is understood is written as it was meant, and no line is two events.
pub fn journal(bytes: &[u8]) {
    let events: Vec<Event> = events_of(bytes).collect();
    assert!(events.len() <= bytes.iter().filter(|byte| **byte == b'\n').count() + 1);
    events.iter().for_each(assert_stable);
}

/// order.json: what is understood is written as it was meant.
pub fn order(bytes: &[u8]) {
    if let Ok(order) = serde_json::from_slice::<Order>(bytes) {
        assert_stable(&order);
    }
}

/// bundle.json: what is understood is written as it was meant, and no file of it lies outside of its folder.
pub fn bundle_record(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(record) = BundleRecord::of(text) else {
        return;
    };
    assert_stable(&record);
    let home = Home::at(Path::new("/home-of-batt"));
    for placed in record.pushed() {
        let path = place(&home, placed.folder, &placed.name);
        assert_eq!(
            path.parent(),
            Some(home.root().join(placed.folder.name()).as_path())
        );
    }
}

/// The content of the script that a session offers as `backup-{letter}`.
fn content(letter: char) -> Vec<u8> {
    format!("#!/bin/sh\n# {letter}\n").repeat(3_000).into_bytes()
}

/// Returns one request, as a line; those of a run are left out, which would start a process.
fn request(step: u8) -> Vec<u8> {
    let file = |letter: char| {
        let content = content(letter);
        let (digest, size) = (digest_of(&content), content.len());
        format!(
            r#"{{"folder":"scripts-available","name":"backup-{letter}","sha256":"{digest}","size":{size}}}"#
        )
    };
    let offer = |files: String| format!(r#"{{"verb":"offer","files":[{files}]}}"#);
    let sent = |letter: char, part: usize| {
        use base64::Engine as _;
        let content = content(letter);
        let chunk = content.chunks(32 << 10).nth(part).unwrap_or_default();
        let bytes = base64::engine::general_purpose::STANDARD.encode(chunk);
        format!(
            r#"{{"verb":"file","folder":"scripts-available","name":"backup-{letter}","bytes":"{bytes}"}}"#
        )
    };
    let conf = |name: &str| {
        let digest = digest_of(b"");
        offer(format!(
            r#"{{"folder":"conf","name":"{name}","sha256":"{digest}","size":0}}"#
        ))
    };
    let run = "20200101T000000Z-00000a";
    let line = match step % 20 {
        0 => offer(file('a')),
        1 => offer(file('b')),
        2 => offer(format!("{},{}", file('a'), file('b'))),
        3 | 4 => sent('a', usize::from(step % 20 - 3)),
        5 | 6 => sent('b', usize::from(step % 20 - 5)),
        7 => r#"{"verb":"compare"}"#.to_owned(),
        8 => r#"{"verb":"commit","force":false}"#.to_owned(),
        9 => r#"{"verb":"commit","force":true}"#.to_owned(),
        10 => conf("batt.toml"),
        11 => conf("policy.toml"),
        12 => conf("backup-a.conf"),
        13 => format!(r#"{{"verb":"follow","run":"{run}","after":0}}"#),
        14 => format!(r#"{{"verb":"cancel","run":"{run}"}}"#),
        15 => format!(r#"{{"verb":"logs","run":"{run}","service":"a","offset":1}}"#),
        16 => r#"{"verb":"status"}"#.to_owned(),
        17 => r#"{"verb":"plan","services":[]}"#.to_owned(),
        18 => r#"{"verb":"later"}"#.to_owned(),
        _ => "\0{".to_owned(),
    };
    (line + "\n").into_bytes()
}

/// A session: whatever is asked in whatever order, `damage` in the middle of it, each answer is one line that a controller
/// understands, and what lies in the home is what was offered, whole, or not there.
pub fn session(steps: &[u8], damage: &[u8]) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("batt-session-{}-{number}", std::process::id()));
    let folder = Removed(folder);
    fs::create_dir(&folder.0).expect("a folder");
    let home = Home::at(&folder.0.join("home"));
    let memory = || {
        let memory = rustix::fs::memfd_create("line", rustix::fs::MemfdFlags::CLOEXEC).expect("memory");
        File::from(memory)
    };
    let (mut input, mut output) = (memory(), memory());
    let (before, after) = steps.split_at(steps.len() / 2);
    let lines = |steps: &[u8]| steps.iter().flat_map(|step| request(*step)).collect::<Vec<u8>>();
    for part in [lines(before), damage.to_vec(), lines(after)] {
        input.write_all(&part).expect("memory");
    }
    input.rewind().expect("memory");
    let said = output.try_clone().expect("memory");
    serve::session(&home, input, said).expect("a session ends");

    output.rewind().expect("memory");
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).expect("memory");
    let mut reader = LineReader::new();
    let mut pushed = None;
    for piece in bytes.chunks(4096) {
        reader.feed(piece);
        while let Some(reply) = reader.next_message::<Reply>().expect("an answer") {
            if let Reply::Pushed { bundle } = reply {
                pushed = Some(bundle);
            }
        }
    }
    assert!(reader.rest().is_empty(), "an answer is cut");
    for letter in ['a', 'b'] {
        if let Ok(found) = fs::read(home.scripts_available().join(format!("backup-{letter}"))) {
            assert_eq!(found, content(letter));
        }
    }
    assert!(!home.settings().exists() && !home.policy().exists());
    for entry in fs::read_dir(home.var()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        assert!(
            !name.to_string_lossy().starts_with("incoming"),
            "{name:?} was left"
        );
    }
    let on_disk = BundleRecord::read(&home)
        .and_then(|record| record.digest_on_disk(&home))
        .expect("a record");
    if let Some(pushed) = pushed {
        assert_eq!(pushed, on_disk);
    }
}

/// A folder that goes with its name.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
