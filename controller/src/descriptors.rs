//! How many files may be open: the limit is raised as far as it goes, and the hosts at once are kept below it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a host takes at most: its socket, a second one while an address is tried, its log and the next file of it.
const EACH: u64 = 4;
/// What the program takes beside its hosts: standard streams, journal, the runtime, the agent's socket, libraries.
const BESIDE: u64 = 48;

/// Raises the soft limit of open files to the hard one. Returns what holds then; none when there is no limit.
pub(crate) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it cannot be raised, what holds is what counts.
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Returns how many hosts may have their turn at once, of as many as were asked for.
pub(crate) fn forks(asked: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return asked };
    let room = limit.saturating_sub(BESIDE) / EACH;
    asked.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_at_once_stay_below_the_limit() {
        assert_eq!(forks(64, None), 64);
        assert_eq!(forks(64, Some(1024)), 64);
        assert_eq!(forks(400, Some(256)), 52);
        assert_eq!(forks(64, Some(20)), 1);
    }

    #[test]
    fn raising_reaches_the_hard_limit() {
        let limit = raise();
        assert_eq!(limit, getrlimit(Resource::Nofile).maximum);
    }
}
