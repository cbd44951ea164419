//! The clients of servers that a run starts, and what whoever has their account finds in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use batt_tests::host::Host;

/// A client that was seen.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) arguments: String,
    user: u32,
    environment: String,
    open: Vec<String>,
    status: String,
}

/// Returns the programs of these names that the host started while something ran, the first of them among those. One lives for a moment,
/// in which whoever looks may be held up: then it is run once more.
#[track_caller]
pub(crate) fn seen(host: &Host, names: &[&str], mut run: impl FnMut() + Send) -> Vec<Client> {
    const MOST: usize = 50;
    let mut clients = Vec::new();
    for _ in 0..MOST {
        clients.extend(seen_once(host, names, &mut run));
        if clients.iter().any(|client| client.name == names[0]) {
            return clients;
        }
    }
    panic!("`{}` was never seen: {clients:?}", names[0]);
}

fn seen_once(host: &Host, names: &[&str], run: impl FnOnce() + Send) -> Vec<Client> {
    let root = host.root().to_str().unwrap().to_owned();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            run();
            is_over.store(true, Ordering::SeqCst);
        });
        let mut found = BTreeMap::new();
        while !is_over.load(Ordering::SeqCst) && !run.is_finished() {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let process = entry.path();
                if let Some(client) = client(&process, names)
                    && is_of(&process, &root)
                {
                    found.insert(entry.file_name(), client);
                }
            }
        }
        run.join().unwrap();
        found.into_values().collect()
    })
}

/// Asserts that a client is not root, cannot become it, and has nothing of the run.
#[track_caller]
pub(crate) fn assert_harmless(client: &Client, host: &Host, secret: &str) {
    assert_ne!(client.user, 0, "{client:?}");
    assert!(client.status.contains("NoNewPrivs:\t1"), "{client:?}");
    assert!(client.status.contains("CapPrm:\t0000000000000000"), "{client:?}");
    for setting in [
        secret,
        "BATT_DEST",
        "BATT_HOME",
        "TMPDIR",
        "MYSQL_CREDS",
        "BATT_CONF",
    ] {
        assert!(!client.environment.contains(setting), "{setting}: {client:?}");
    }
    let root = host.root().to_str().unwrap();
    assert!(
        !client.open.iter().any(|path| path.starts_with(root)),
        "{client:?}"
    );
}

fn client(process: &Path, names: &[&str]) -> Option<Client> {
    let read = |name: &str| {
        fs::read(process.join(name))
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let name = read("comm")?.trim().to_owned();
    if !names.contains(&name.as_str()) {
        return None;
    }
    let (status, environment, arguments) = (read("status")?, read("environ")?, read("cmdline")?);
    // A program that ends while it is looked at tells but the beginning.
    if !arguments.ends_with('\0') || !environment.ends_with('\0') {
        return None;
    }
    // What a program is asked about itself has nothing to do with a server.
    if arguments.contains("\0--version") || arguments.contains("\0--help") {
        return None;
    }
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:\t"))?;
    let user = user.split('\t').next()?.parse().ok()?;
    let open = open_files(process);
    Some(Client {
        name,
        arguments: arguments.replace('\0', " "),
        user,
        environment,
        open,
        status,
    })
}

/// Tells whether a process, or one that started it, was led to a folder by its arguments.
fn is_of(process: &Path, root: &str) -> bool {
    let mut process = process.to_owned();
    loop {
        let Ok(arguments) = fs::read(process.join("cmdline")) else {
            return false;
        };
        if String::from_utf8_lossy(&arguments).contains(root) {
            return true;
        }
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t"));
        match parent {
            None | Some("0") => return false,
            Some(parent) => process = Path::new("/proc").join(parent),
        }
    }
}

/// What a process has open besides its standard streams.
fn open_files(process: &Path) -> Vec<String> {
    let entries = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            !["0", "1", "2"]
                .iter()
                .any(|standard| entry.file_name() == *standard)
        })
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
        .collect()
}
