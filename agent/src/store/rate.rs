//! `max_rate`: how fast a stream is taken, so that a dump leaves something of the disk and the network to others. The command waits at its
//! pipe meanwhile.

use std::ffi::OsString;
use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

/// The variable in which a run says so, in bytes a second.
pub(crate) const MAX_RATE: &str = "BATT_MAX_RATE";

/// After a pause of the stream no more than this is made good: others shall not see the disk at full speed for long.
const CREDIT: Duration = Duration::from_secs(1);

/// Takes a stream no faster than so many bytes a second.
pub(super) struct Throttled<R> {
    stream: R,
    pace: Option<Pace>,
}

impl<R: Read> Throttled<R> {
    /// Takes it as fast as it comes, or no faster than `max_rate` bytes a second.
    pub(super) fn new(stream: R, max_rate: Option<u64>) -> Self {
        let pace = max_rate.map(|rate| Pace::new(rate, Instant::now()));
        Self { stream, pace }
    }
}

impl<R: Read> Read for Throttled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(pace) = &mut self.pace else {
            return self.stream.read(buffer);
        };
        let room = pace.at_once().min(buffer.len());
        let length = self.stream.read(&mut buffer[..room])?;
        // The thread that reads is this one's alone, and the time is short: a piece is a tenth of a second.
        thread::sleep(pace.wait_after(length, Instant::now()));
        Ok(length)
    }
}

/// Counts what was taken against the time.
struct Pace {
    rate: u64,
    /// When all that was taken until now would have been taken at the rate.
    due: Instant,
}

impl Pace {
    fn new(rate: u64, now: Instant) -> Self {
        Self {
            rate: rate.max(1),
            due: now,
        }
    }

    /// Returns how many bytes may be taken in one piece.
    fn at_once(&self) -> usize {
        usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(1)
    }

    /// Returns how long to wait when so many bytes were taken.
    fn wait_after(&mut self, length: usize, now: Instant) -> Duration {
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let took = Duration::from_secs_f64(length as f64 / self.rate as f64);
        self.due = self.due.max(earliest) + took;
        self.due.saturating_duration_since(now)
    }
}

/// Returns the rate that the run has set for this script. What is no number of bytes is none: the run has written it.
pub(super) fn of_this_run() -> Option<u64> {
    parse(std::env::var_os(MAX_RATE))
}

fn parse(value: Option<OsString>) -> Option<u64> {
    value?.to_str()?.parse().ok().filter(|rate| *rate > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_taken_is_waited_for() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        assert_eq!(pace.at_once(), 100);
        assert_eq!(pace.wait_after(100, start), SECOND / 10);
        // It came slower than it might: nothing to wait for.
        assert_eq!(pace.wait_after(100, start + SECOND / 2), Duration::ZERO);
        // What was not taken meanwhile is still to be had.
        assert_eq!(pace.wait_after(500, start + SECOND / 2), SECOND / 5);
    }

    #[test]
    fn a_long_pause_earns_no_more_than_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        let later = start + SECOND * 3600;
        assert_eq!(pace.wait_after(1000, later), Duration::ZERO);
        assert_eq!(pace.wait_after(1000, later), SECOND);
    }

    #[test]
    fn a_stream_comes_whole_and_in_time() {
        let text = vec![7; 300_000];
        let start = Instant::now();
        let mut taken = Vec::new();
        Throttled::new(&text[..], Some(1_000_000))
            .read_to_end(&mut taken)
            .unwrap();
        assert_eq!(taken, text);
        assert!(start.elapsed() >= Duration::from_millis(290));
        taken.clear();
        Throttled::new(&text[..], None).read_to_end(&mut taken).unwrap();
        assert_eq!(taken, text);
    }

    #[test]
    fn only_a_number_of_bytes_is_a_rate() {
        assert_eq!(parse(Some("1048576".into())), Some(1 << 20));
        for none in ["", "0", "-1", "1MiB", "1e9"] {
            assert_eq!(parse(Some(none.into())), None, "{none}");
        }
        assert_eq!(parse(None), None);
    }
}
