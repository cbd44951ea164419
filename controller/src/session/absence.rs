//! Why there was no greeting: no agent, no root, or something else that printed its reason.

use batt_protocol::{HostClass, text};

use crate::shell::AgentPlace;
use crate::transport::Ending;
use crate::trouble::{Trouble, foreign, last_line};

/// What a POSIX shell exits with when a command is not found, and when it cannot be executed (POSIX.1-2017, XCU 2.8.2).
const NOT_FOUND: u32 = 127;
const NOT_EXECUTABLE: u32 = 126;
/// What the agent exits with when it refuses for safety.
const REFUSED: u32 = 77;

/// Returns the trouble of a command that ended without a greeting. What the host printed is shown escaped.
pub(super) fn why(ending: &Ending, stderr: &[u8], noise: &[u8], place: &AgentPlace) -> Trouble {
    let words = String::from_utf8_lossy(stderr);
    let sudo_says = || words.lines().rfind(|line| line.trim_start().starts_with("sudo:"));
    let missing_here = |line: &str| line.contains("not found") || line.contains("No such file");
    let agent = text::quoted(&place.path);
    match ending {
        Ending::Lost(reason) => with_words(
            Trouble::lost(format!(
                "the connection was lost before the greeting: {}",
                foreign(reason)
            )),
            stderr,
            noise,
        ),
        Ending::Exited(_) if place.sudo && sudo_says().is_some_and(missing_here) => missing(&agent),
        Ending::Exited(NOT_FOUND) if place.sudo && words.contains("sudo") => {
            Trouble::new(HostClass::Become, "`sudo` is not there")
                .hint("Install it, or set `become = \"none\"` and log in as root.")
        }
        Ending::Exited(_) if place.sudo && sudo_says().is_some() => {
            let said = sudo_says().map(foreign).unwrap_or_default();
            Trouble::new(
                HostClass::Become,
                format!("sudo does not let us become root: {said}"),
            )
            .hint(format!(
                "Allow exactly this in sudoers, with NOPASSWD: `{}`.",
                place.serve_as_root()
            ))
        }
        Ending::Exited(NOT_FOUND) => missing(&agent),
        Ending::Exited(NOT_EXECUTABLE) => with_words(
            Trouble::new(HostClass::AgentMissing, format!("{agent} cannot be executed")),
            stderr,
            noise,
        ),
        Ending::Exited(REFUSED) => Trouble::new(
            HostClass::Policy,
            last_line(stderr).unwrap_or_else(|| "the agent refused to serve, for safety".to_owned()),
        ),
        Ending::Exited(code) => with_words(
            Trouble::protocol(format!("the agent ended with exit code {code} and no greeting")),
            stderr,
            noise,
        ),
        Ending::Signalled(signal) => with_words(
            Trouble::protocol(format!(
                "signal {} ended the agent before its greeting",
                foreign(signal)
            )),
            stderr,
            noise,
        ),
    }
}

fn missing(agent: &str) -> Trouble {
    Trouble::new(HostClass::AgentMissing, format!("there is no {agent}"))
        .hint("Install it with `batt-fleet push --agent`.")
}

fn with_words(mut trouble: Trouble, stderr: &[u8], noise: &[u8]) -> Trouble {
    if let Some(words) = last_line(stderr).or_else(|| last_line(noise)) {
        trouble.reason.push_str(&format!("; its last words: {words}"));
    }
    trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(sudo: bool, ending: Ending, stderr: &str) -> (HostClass, String) {
        let place = AgentPlace {
            path: "/usr/local/bin/batt".into(),
            home: "/opt/batt".into(),
            pattern: None,
            sudo,
        };
        let trouble = why(&ending, stderr.as_bytes(), b"", &place);
        (trouble.class, trouble.reason)
    }

    #[test]
    fn words_and_exit_codes_tell_the_class() {
        use HostClass::{AgentMissing, Become, Lost, Policy, Protocol};
        let exited = Ending::Exited;
        for (sudo, ending, stderr, expected) in [
            (
                false,
                exited(127),
                "sh: 1: /usr/local/bin/batt: not found",
                AgentMissing,
            ),
            (false, exited(127), "", AgentMissing),
            (
                false,
                exited(126),
                "sh: /usr/local/bin/batt: Permission denied",
                AgentMissing,
            ),
            (
                true,
                exited(1),
                "sudo: /usr/local/bin/batt: command not found",
                AgentMissing,
            ),
            (true, exited(1), "sudo: a password is required\n", Become),
            (
                true,
                exited(1),
                "sudo: il est nécessaire de saisir un mot de passe",
                Become,
            ),
            (true, exited(127), "bash: line 1: sudo: command not found", Become),
            (
                false,
                exited(77),
                "refused: `/opt/batt` is writable by group",
                Policy,
            ),
            (false, exited(64), "error: unknown command", Protocol),
            (false, exited(1), "sudo: is not ours to ask here", Protocol),
            (false, Ending::Signalled("KILL".into()), "", Protocol),
            (false, Ending::Lost("reset".into()), "", Lost),
        ] {
            assert_eq!(
                class(sudo, ending.clone(), stderr).0,
                expected,
                "{ending:?} {stderr}"
            );
        }
    }

    #[test]
    fn last_words_are_shown_escaped() {
        let (_, reason) = class(false, Ending::Exited(3), "first\n\x1b[31mlast\n");
        assert_eq!(
            reason,
            "the agent ended with exit code 3 and no greeting; its last words: \\x1b[31mlast"
        );
    }
}
