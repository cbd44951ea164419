//! The processes of an account.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Uid, getpriority_user};

/// Tells whether a process runs under a user id, whether real, effective, saved or for files (proc_pid_status(5)).
pub(super) fn any_of(uid: u32) -> bool {
    // The kernel knows at once when nobody has it as the real one (getpriority(2)), and a stranger has no other. A zombie has.
    if getpriority_user(Uid::from_raw(uid)) == Err(Errno::SRCH) {
        return false;
    }
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit)
        })
        .filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok())
        .any(|status| is_of(&status, uid))
}

fn is_of(status: &str, uid: u32) -> bool {
    // A zombie has ended: it holds nothing but its number.
    let ended = status
        .lines()
        .find_map(|line| line.strip_prefix("State:"))
        .is_some_and(|state| state.trim_start().starts_with(['Z', 'X']));
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    !ended
        && ids
            .into_iter()
            .flat_map(str::split_whitespace)
            .any(|id| id.parse() == Ok(uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_four_ids_counts_and_a_zombie_does_not() {
        let status =
            |state: &str| format!("Name:\tx\nState:\t{state}\nUid:\t0\t0\t61200\t0\nGid:\t7\t7\t7\t7\n");
        assert!(is_of(&status("S (sleeping)"), 61_200));
        assert!(is_of(&status("S (sleeping)"), 0));
        assert!(!is_of(&status("S (sleeping)"), 7), "a group is no user");
        assert!(!is_of(&status("Z (zombie)"), 61_200));
    }

    #[test]
    fn this_process_is_seen() {
        assert!(any_of(rustix::process::geteuid().as_raw()));
        assert!(!any_of(65_520), "the first after the range of strangers");
    }
}
