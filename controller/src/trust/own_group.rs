//! Whether a group is the caller's alone, as `useradd` makes one for each account: its files are often writable by it
//! (umask 002), and that lets nobody else in.

use std::fs;

use rustix::process::{getegid, geteuid};

/// Tells whether a group is the caller's primary one, and nobody else's by `/etc/passwd` and `/etc/group`. An account
/// that these do not know, as one of LDAP, has no such group: who else is in it cannot be listed.
pub(super) fn is_of_the_caller_alone(group: u32) -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    group == getegid().as_raw()
        && is_private(
            group,
            geteuid().as_raw(),
            &read("/etc/passwd"),
            &read("/etc/group"),
        )
}

/// passwd(5), group(5): fields between colons.
fn is_private(group: u32, user: u32, accounts: &str, groups: &str) -> bool {
    let id = group.to_string();
    let owner = user.to_string();
    let mut of_group = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|fields| fields.get(3) == Some(&id.as_str()));
    let alone = match (of_group.next(), of_group.next()) {
        (Some(account), None) => account,
        _ => return false,
    };
    let mut named = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|fields| fields.get(2) == Some(&id.as_str()));
    let (Some(entry), None) = (named.next(), named.next()) else {
        return false;
    };
    let members = entry.get(3).copied().unwrap_or_default();
    alone.get(2) == Some(&owner.as_str())
        && members
            .split(',')
            .all(|member| member.trim().is_empty() || member.trim() == alone[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:100::/:/bin/sh\n\
                            eve:x:1002:100::/:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nusers:x:100:\nann:x:1000:ann\n";

    #[test]
    fn a_group_of_one_account_lets_nobody_else_in() {
        assert!(is_private(1000, 1000, ACCOUNTS, GROUPS));
        assert!(is_private(0, 0, ACCOUNTS, GROUPS));
        assert!(!is_private(1000, 0, ACCOUNTS, GROUPS), "it is another's");
    }

    #[test]
    fn a_group_of_several_or_of_who_knows_does() {
        assert!(!is_private(100, 1001, ACCOUNTS, GROUPS), "the group of all users");
        assert!(
            !is_private(1000, 1000, ACCOUNTS, "ann:x:1000:ann,bob\n"),
            "a member"
        );
        assert!(
            !is_private(1000, 1000, ACCOUNTS, "ann:x:1000:\nb:x:1000:bob\n"),
            "two names"
        );
        assert!(!is_private(1000, 1000, "", GROUPS), "an account of LDAP");
        assert!(!is_private(1000, 1000, ACCOUNTS, ""), "a group of LDAP");
    }
}
