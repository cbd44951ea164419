//! What one session may take: bytes, requests within a time, refusals and silence. A controller that goes wrong, or a stolen
//! key, costs a host no more.

use std::time::{Duration, Instant};

use batt_protocol::wire::Request;
use batt_protocol::{Error, ExitCode};

/// The largest bundle as base64 is a third of it.
const BYTES: u64 = 256 << 20;
/// A controller of a later version is refused a few verbs.
const REFUSALS: u32 = 100;
/// A controller asks at once, and hangs up when it is done.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// As many requests that cost something are answered at once.
const AT_ONCE: f64 = 200.0;
/// From then on so many a second.
const PER_SECOND: f64 = 20.0;

/// What a session took so far.
#[derive(Debug)]
pub(super) struct Bounds {
    bytes: u64,
    refusals: u32,
    heard: Instant,
    /// How many requests may be answered at once, at the time `counted`.
    room: f64,
    counted: Instant,
}

impl Bounds {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: 0,
            refusals: 0,
            heard: now,
            room: AT_ONCE,
            counted: now,
        }
    }

    /// Counts bytes that came.
    ///
    /// # Errors
    /// More than a session may send: it is over.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > BYTES {
            return Err(Error::refused(format!(
                "more than {} MiB came within one session",
                BYTES >> 20
            )));
        }
        Ok(())
    }

    /// Counts a refusal; true when it was the last.
    pub(super) fn is_last_refusal(&mut self) -> bool {
        self.refusals += 1;
        self.refusals >= REFUSALS
    }

    /// Remembers that the controller has asked, or has been served, until now.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Returns how long to wait for the next request.
    ///
    /// # Errors
    /// It did not come for too long: the session is over.
    pub(super) fn patience(&self, now: Instant) -> Result<Duration, Error> {
        match SILENCE.checked_sub(now.saturating_duration_since(self.heard)) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(Error::new(
                ExitCode::UNFINISHED,
                format!("no request came for {} minutes", SILENCE.as_secs() / 60),
            )),
        }
    }

    /// Returns how long the answer to a request has to wait, so that a flood of them leaves the machine to others.
    pub(super) fn pause(&mut self, request: &Request, now: Instant) -> Duration {
        // These are counted by their bytes.
        if matches!(request, Request::Offer { .. } | Request::File { .. }) {
            return Duration::ZERO;
        }
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.room = (self.room + passed * PER_SECOND).min(AT_ONCE) - 1.0;
        if self.room >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-self.room / PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_send_so_much_and_be_refused_so_often() {
        let mut bounds = Bounds::new(Instant::now());
        for _ in 0..4096 {
            bounds.take_bytes(64 << 10).unwrap();
        }
        assert_eq!(bounds.take_bytes(1).unwrap_err().exit(), ExitCode::REFUSED);
        let refusals = (1..=1000).find(|_| bounds.is_last_refusal());
        assert_eq!(refusals, Some(100));
    }

    #[test]
    fn silence_ends_a_session_and_what_trickles_in_is_no_request() {
        let begun = Instant::now();
        let mut bounds = Bounds::new(begun);
        assert_eq!(bounds.patience(begun).unwrap(), SILENCE);
        bounds.take_bytes(1).unwrap();
        assert_eq!(
            bounds.patience(begun + SILENCE).unwrap_err().exit(),
            ExitCode::UNFINISHED
        );
        bounds.hear(begun + SILENCE);
        assert_eq!(bounds.patience(begun + SILENCE).unwrap(), SILENCE);
    }

    #[test]
    fn a_flood_of_requests_is_slowed_down_and_a_push_is_not() {
        let begun = Instant::now();
        let mut bounds = Bounds::new(begun);
        for _ in 0..200 {
            assert_eq!(bounds.pause(&Request::Status, begun), Duration::ZERO);
        }
        let mut now = begun;
        for _ in 0..200 {
            now += bounds.pause(&Request::Status, now);
        }
        let took = (now - begun).as_secs_f64();
        assert!((9.0..11.0).contains(&took), "{took}");
        let offer = Request::Offer { files: Vec::new() };
        assert_eq!(bounds.pause(&offer, now), Duration::ZERO);
        assert_eq!(
            bounds.pause(&Request::Status, now + Duration::from_secs(60)),
            Duration::ZERO
        );
    }
}
