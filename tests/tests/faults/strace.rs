//! A run of batt with a fault that strace injects into it and into all that it starts.

use std::fs;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::Host;

/// What is injected, where, and when.
#[derive(Debug, Clone)]
pub(crate) struct Injection<'a> {
    /// The system calls, separated by commas.
    pub(crate) calls: &'a str,
    /// What strace does to them: `signal=SIGKILL`, `error=EIO`, `retval=1`.
    pub(crate) fault: &'a str,
    /// At which call, as strace counts: in each thread and process from one on. `2+` is each from the second on.
    pub(crate) when: &'a str,
    /// Only calls that have to do with this path, by name or by descriptor.
    pub(crate) path: Option<&'a Path>,
}

/// Runs batt so, and tells whether the fault came.
pub(crate) fn run(host: &Host, injection: &Injection<'_>, arguments: &[&str]) -> (Finished, bool) {
    let trace = host.scratch().join("injected");
    let (calls, fault, when) = (injection.calls, injection.fault, injection.when);
    let mut options = vec![
        "-f".to_owned(),
        "-q".to_owned(),
        "-e".to_owned(),
        format!("trace={calls}"),
        "-e".to_owned(),
        format!("inject={calls}:{fault}:when={when}"),
        "-o".to_owned(),
        trace.display().to_string(),
    ];
    if let Some(path) = injection.path {
        options.extend(["-P".to_owned(), path.display().to_string()]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let finished = host.batt_within("strace", &options, arguments);
    let text = fs::read_to_string(&trace).expect("strace writes its trace");
    let came = text.contains("(INJECTED)") || text.contains("killed by SIGKILL");
    (finished, came)
}
