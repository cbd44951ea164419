//! Who made something, written down: a process that can be told from a later one of the same number.

use std::fmt;
use std::str::FromStr;

use rustix::process::{Pid, getpid};

use super::tree::started_and_lives;

/// A process: its number, when it started, and the namespace in which it has that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maker {
    pid: i32,
    started: u64,
    namespace: u64,
}

impl Maker {
    /// Returns the calling process.
    pub(crate) fn own() -> Option<Self> {
        let pid = getpid();
        Some(Self {
            pid: pid.as_raw_nonzero().get(),
            started: started_and_lives(pid)?.0,
            namespace: namespace()?,
        })
    }

    /// Tells whether it is known to live. Of another namespace of numbers nothing is known.
    pub(crate) fn lives(&self) -> bool {
        namespace() == Some(self.namespace)
            && Pid::from_raw(self.pid)
                .and_then(started_and_lives)
                .is_some_and(|(started, lives)| lives && started == self.started)
    }
}

/// Returns the number of the namespace of processes that the calling process is in.
fn namespace() -> Option<u64> {
    let found = rustix::fs::stat("/proc/self/ns/pid").ok()?;
    Some(found.st_ino)
}

impl fmt::Display for Maker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.pid, self.started, self.namespace)
    }
}

impl FromStr for Maker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let mut word = || words.next().ok_or(());
        Ok(Self {
            pid: word()?.parse().map_err(|_| ())?,
            started: word()?.parse().map_err(|_| ())?,
            namespace: word()?.parse().map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_known_by_what_was_written_of_it() {
        let own = Maker::own().unwrap();
        assert!(own.lives());
        assert_eq!(own.to_string().parse(), Ok(own.clone()));
        let later = Maker {
            started: own.started + 1,
            ..own.clone()
        };
        assert!(!later.lives(), "another one of the same number");
        assert_eq!("".parse::<Maker>(), Err(()));
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let started = started_and_lives(pid).unwrap().0;
        let dead = Maker {
            pid: pid.as_raw_nonzero().get(),
            started,
            ..own
        };
        child.wait().unwrap();
        assert!(!dead.lives());
    }
}
