//! What an exit code says, in words.

use batt_protocol::ExitCode;

use crate::event::Verb;

/// The codes that add up.
const SUMMANDS: [ExitCode; 4] = [
    ExitCode::FAILED,
    ExitCode::UNUSABLE,
    ExitCode::UNFINISHED,
    ExitCode::STOPPED,
];

/// Returns what the code of a fleet run says: `a service failed (2), a host could not be used (4)`.
pub(super) fn exit_words(exit: ExitCode, verb: Verb) -> String {
    if let Some(words) = words(exit, verb) {
        return words.to_owned();
    }
    let parts: Vec<String> = SUMMANDS
        .into_iter()
        .filter(|part| exit.code() < 32 && exit.code() & part.code() != 0)
        .filter_map(|part| Some(format!("{} ({part})", words(part, verb)?)))
        .collect();
    match parts.is_empty() {
        true => "a code that this version does not know".to_owned(),
        false => parts.join(", "),
    }
}

fn words(exit: ExitCode, verb: Verb) -> Option<&'static str> {
    Some(match exit {
        ExitCode::OK => match verb {
            Verb::Run => "everything asked for was done and verified",
            Verb::Plan | Verb::Push | Verb::PushCheck | Verb::Ping => "everything asked for was done",
        },
        ExitCode::PROGRAM => "an error of batt-fleet or its machine",
        ExitCode::FAILED => match verb {
            Verb::Run => "a service failed",
            Verb::PushCheck => "a host differs",
            Verb::Plan | Verb::Push | Verb::Ping => "a host failed",
        },
        ExitCode::UNUSABLE => "a host could not be used",
        ExitCode::UNFINISHED => "something timed out, was cancelled or not started",
        ExitCode::STOPPED => "stopped by a threshold, hosts were skipped",
        ExitCode::USAGE => "usage, settings or inventory error: nothing was run",
        ExitCode::NOTHING => "no service is enabled or named, or no host selected",
        ExitCode::UNAVAILABLE => "not possible on a host: something is missing there",
        ExitCode::BUSY => "busy: another run holds the lock",
        ExitCode::REFUSED => "refused for safety",
        ExitCode::INTERRUPTED => "interrupted",
        ExitCode::TERMINATED => "terminated",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_taken_apart() {
        let words = |code| exit_words(ExitCode::from_code(code), Verb::Run);
        assert_eq!(words(6), "a service failed (2), a host could not be used (4)");
        assert_eq!(words(0), "everything asked for was done and verified");
        assert_eq!(words(130), "interrupted");
        assert!(words(69).starts_with("not possible"));
        assert_eq!(words(99), "a code that this version does not know");
        assert!(words(30).ends_with("stopped by a threshold, hosts were skipped (16)"));
    }
}
