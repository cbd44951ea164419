//! Why a host ended otherwise than well.

use batt_protocol::wire::Refusal;
use batt_protocol::{ExitCode, HostClass, text};

/// The class of a host that did not end well, why, and what to do about it. Text that came from a host is bounded and
/// escaped in here already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The class.
    pub(crate) class: HostClass,
    /// What happened.
    pub(crate) reason: String,
    /// What to do about it: sentences without their `hint:`.
    pub(crate) hints: Vec<String>,
    /// Whether somebody else holds a lock there, and it may go well later.
    pub(crate) busy: bool,
}

impl Trouble {
    /// Returns a trouble of this class.
    pub(crate) fn new(class: HostClass, reason: impl Into<String>) -> Self {
        Self {
            class,
            reason: reason.into(),
            hints: Vec::new(),
            busy: false,
        }
    }

    /// Returns that a line ended before its closing message.
    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self::new(HostClass::Lost, reason)
    }

    /// Returns that a host sent what cannot be.
    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::new(HostClass::Protocol, reason)
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns what a refusal means for the host. Its text is the host's.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let class = match refusal.exit {
            ExitCode::REFUSED => HostClass::Policy,
            _ => HostClass::Failed,
        };
        Self {
            class,
            reason: foreign(&refusal.message),
            hints: refusal.hints.iter().take(5).map(|hint| foreign(hint)).collect(),
            busy: refusal.exit == ExitCode::BUSY,
        }
    }
}

/// Returns text of a host as it may stand in a message of ours: on one line, escaped, at most 1,000 characters.
pub(crate) fn foreign(words: &str) -> String {
    const LONGEST: usize = 1_000;
    let shown = text::escaped(words.trim());
    match shown.char_indices().nth(LONGEST) {
        None => shown.into_owned(),
        Some((end, _)) => format!("{}...", &shown[..end]),
    }
}

/// Returns the last line with words in it, as it may stand in a message of ours.
pub(crate) fn last_line(output: &[u8]) -> Option<String> {
    let output = String::from_utf8_lossy(output);
    output
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .map(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_host_neither_flood_nor_drive_a_terminal() {
        assert_eq!(foreign(" a\x1b[2Jb\n"), "a\\x1b[2Jb");
        assert_eq!(foreign(&"x".repeat(5_000)).len(), 1_003);
        assert_eq!(last_line(b"one\ntwo\xff\n\n").unwrap(), "two\u{fffd}");
        assert_eq!(last_line(b" \n"), None);
    }

    #[test]
    fn a_refusal_for_safety_is_policy() {
        let refusal = |exit| Refusal {
            exit,
            message: "no".into(),
            hints: Vec::new(),
        };
        assert_eq!(
            Trouble::refused(&refusal(ExitCode::REFUSED)).class,
            HostClass::Policy
        );
        assert_eq!(
            Trouble::refused(&refusal(ExitCode::NOTHING)).class,
            HostClass::Failed
        );
        assert!(Trouble::refused(&refusal(ExitCode::BUSY)).busy);
        assert!(!Trouble::refused(&refusal(ExitCode::NOTHING)).busy);
    }
}
