//! What a host sends that carries nothing for us: ignored and debug messages, requests, adjustments of windows, padding,
//! stderr. A host may send them as often as it likes (RFC 4253, 11; RFC 4254, 4), and each costs work, so there is a bound.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Far above what a day of keepalives, exchanges of keys and a talkative login shell take.
const MOST: u64 = 64 << 20;
/// What a message of SSH takes beside its data, at most: length, padding, code, channel, length, MAC.
const WRAPPING: u64 = 512;

/// Counts the bytes of one connection that carried no output of a command. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Noise(Arc<AtomicU64>);

impl Noise {
    /// Notes bytes that arrived.
    ///
    /// # Errors
    /// Too many of them carried nothing.
    pub(super) fn arrived(&self, bytes: usize) -> io::Result<()> {
        let before = self.0.fetch_add(bytes as u64, Ordering::Relaxed);
        if before.saturating_add(bytes as u64) <= MOST {
            return Ok(());
        }
        Err(io::Error::other(
            "the host floods the connection with what carries nothing",
        ))
    }

    /// Notes that this much of what arrived was output.
    pub(super) fn carried(&self, bytes: usize) {
        let carried = WRAPPING.saturating_add(bytes as u64);
        // It cannot fail: there is always a next value.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |noise| {
                Some(noise.saturating_sub(carried))
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_no_noise_and_buys_none() {
        let noise = Noise::default();
        for _ in 0..100 {
            noise.arrived(33_000).unwrap();
            noise.carried(32_768);
        }
        let mut taken = 0_u64;
        while noise.arrived(1 << 20).is_ok() {
            taken += 1 << 20;
        }
        assert_eq!(taken, MOST);
    }
}
