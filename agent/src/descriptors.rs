//! Descriptors that a program was started with.

use std::fs;

/// The first after stdin, stdout and stderr.
const FIRST: i32 = 3;

/// Closes every descriptor but stdin, stdout and stderr, for a program that becomes another one next: whatever the caller of
/// batt, or a script, had open is none of its business.
///
/// Nothing else of this process may use a descriptor after that.
pub(crate) fn close_all_but_standard() {
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number >= FIRST)
        .collect();
    for number in open {
        // One of them was that of the listing, and is closed already.
        let _ = nix::unistd::close(number);
    }
}
