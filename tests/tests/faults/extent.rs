//! How many faults are tried: a sample, or all.

/// Tells whether every fault is to be tried.
pub(crate) fn is_full() -> bool {
    std::env::var_os("BATT_FAULTS").is_some_and(|extent| extent == "full")
}

/// Returns which of the calls of one kind are hit: every one in full, else those of the sample. The caller stops at the
/// first that no longer comes.
pub(crate) fn hits(sample: &[u32]) -> Vec<u32> {
    if is_full() {
        (1..400).collect()
    } else {
        sample.to_vec()
    }
}
