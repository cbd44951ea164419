//! What is published, and what is not: whatever fails or dies on the way, an earlier backup is there and whole.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

mod disk;
mod interruption;
mod place;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use batt_tests::drop_in::told;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{assert_none_lives, signal, until};
use rustix::process::Signal;

/// A service with a file for each item; of all of `a` and `b` when none is named. What it writes differs at each run.
const DATA: &str =
    "for item in ${@:-a b}; do echo \"$item of $BATT_RUN_ID\" > $BATT_DEST/data/$item.txt; done";

fn data() -> Host {
    let host = Host::new();
    host.drop_in_raw("data", format!("#!/bin/bash\n{DATA}\n").as_bytes(), 0o755);
    host
}

/// Makes `data` wait until the returned file is gone; the file appears when the script waits.
fn waiting(host: &Host) -> PathBuf {
    let waits = host.scratch().join("waits");
    let body = format!(
        "#!/bin/bash\n{DATA}\ntouch {0}\nwhile [ -e {0} ]; do sleep 0.02; done\n",
        waits.display()
    );
    host.drop_in_raw("data", body.as_bytes(), 0o755);
    waits
}

fn start(host: &Host, arguments: &[&str]) -> Child {
    host.batt_command(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(child: Child) -> Finished {
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Tells whether a process has a file open whose path ends so.
fn has_open(child: &Child, path: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id()))
        .into_iter()
        .flatten()
        .flatten();
    open.filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|target| target.ends_with(path))
}
