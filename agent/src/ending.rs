//! The words for a command of a script that could not be started, or did not succeed.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Returns why a command could not be started, with what to do.
pub(crate) fn not_started(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "no such command\nhint: is the package of the service's client installed?".to_owned()
        }
        io::ErrorKind::PermissionDenied => "it may not be executed".to_owned(),
        _ => error.to_string(),
    }
}

/// Returns how a command ended, as it stands after the command's name.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}
