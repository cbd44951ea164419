//! A running script: its output drained, its progress watched, its end forced where it does not come.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use batt_protocol::Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::allowance::Taken;
use super::launch::handed;
use super::tree::Killed;
use super::{Allowance, Cgroup, Family, LaunchRequest};
use crate::cancellation::Cancellation;
use crate::log::{LogWriter, Mask};

/// How often a running script is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How long a script that was asked to end may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long the pipes are drained when the script has ended and others still hold them.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a disk that stalls may take to write down what was in the pipe by then.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// As much as a pipe holds at most, where nobody made it larger (pipe(7)).
const PIPE: usize = 1 << 20;

/// Everything that a script is started with.
#[derive(Debug)]
pub(crate) struct Start {
    /// The program that launches it: batt itself.
    pub(crate) launcher: PathBuf,
    pub(crate) launch: LaunchRequest,
    /// The items of the script.
    pub(crate) items: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// A line of the environment that no other script has.
    pub(crate) mark: String,
    pub(crate) cgroup: Option<Cgroup>,
    /// What it may take of the machine.
    pub(crate) allowance: Option<Allowance>,
    pub(crate) log: LogWriter,
    pub(crate) mask: Mask,
}

/// How long a script may run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) max_duration: Option<Duration>,
    pub(crate) stall_timeout: Option<Duration>,
}

/// Why a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By itself.
    ByItself,
    /// `max_duration` passed.
    TooLong(Duration),
    /// Nothing moved for `stall_timeout`.
    Stalled(Duration),
    /// It took more of the machine than it may.
    Exceeded,
    /// Somebody wished to stop.
    Cancelled,
}

/// How a script ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) verdict: Verdict,
    /// How many processes it left behind; they were killed.
    pub(crate) left_behind: usize,
    /// Whether every process of it is gone.
    pub(crate) all_gone: bool,
    /// Whether the kernel has ended some of it for the memory of its group.
    pub(crate) out_of_memory: bool,
    /// Which limit it came to, where that is known.
    pub(crate) exceeded: Option<String>,
    /// Why its output could not be kept, when it could not.
    pub(crate) log_failure: Option<Error>,
}

/// A script that runs.
pub(crate) struct ScriptProcess {
    child: Child,
    /// Readable when the child has ended (pidfd_open(2)).
    end: OwnedFd,
    family: Family,
    taken: Option<Taken>,
    drain: Drain,
}

impl ScriptProcess {
    /// Starts a script.
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let fail = |cause: std::io::Error| Error::system("cannot start the script", cause);
        let (reader, writer) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|e| fail(e.into()))?;
        let child = Command::new(&start.launcher)
            .args(start.launch.arguments())
            .env_clear()
            .envs(start.environment)
            .envs(handed(&start.items))
            .current_dir("/")
            .stdin(Stdio::null())
            // One pipe for both, so that lines stay in the order they were printed in.
            .stdout(Stdio::from(writer.try_clone().map_err(fail)?))
            .stderr(Stdio::from(writer))
            .spawn()
            .map_err(fail)?;
        let pid = Pid::from_child(&child);
        let end = pidfd_open(pid, PidfdFlags::empty()).map_err(|cause| fail(cause.into()))?;
        let family = Family::of(pid, start.cgroup, start.mark);
        Ok(Self {
            child,
            end,
            family,
            taken: start.allowance.map(Taken::of),
            drain: Drain::start(reader, start.log, start.mask),
        })
    }

    /// Waits for the end of the script and of everything that it started. `watch` is called at every tick, and
    /// returns a number that grows while the script gets on.
    pub(crate) fn wait(
        mut self,
        limits: Limits,
        cancellation: &Cancellation,
        mut watch: impl FnMut() -> u64,
    ) -> Result<Ended, Error> {
        let begun = Instant::now();
        let (mut moved_at, mut moved) = (begun, 0);
        let mut verdict = Verdict::ByItself;
        let mut asked_at: Option<Instant> = None;
        let mut exceeded = None;
        while !self.has_ended(TICK)? {
            let now = Instant::now();
            let movement = watch().wrapping_add(self.drain.bytes());
            if movement != moved {
                (moved_at, moved) = (now, movement);
            }
            match asked_at {
                None if self.exceeds(&mut exceeded) => {
                    // At once: it would go on while it was asked to end.
                    verdict = Verdict::Exceeded;
                    self.family.kill();
                    asked_at = Some(now);
                }
                None => {
                    verdict = judge(limits, cancellation, now - begun, now - moved_at);
                    if verdict != Verdict::ByItself {
                        self.family.terminate();
                        asked_at = Some(now);
                    }
                }
                Some(asked) if now - asked > GRACE => {
                    self.family.kill();
                }
                Some(_) => {}
            }
        }
        let status = self
            .child
            .wait()
            .map_err(|cause| Error::system("cannot wait for the script", cause))?;
        self.drain.wait(DRAIN);
        let Killed { found, all_gone } = self.family.kill();
        if exceeded.is_none() && verdict == Verdict::ByItself && !status.success() {
            let taken = self.taken.as_ref();
            exceeded = taken.and_then(|taken| taken.passed_at_last(&self.family));
        }
        let mut out_of_memory = false;
        if let Some(cgroup) = &self.family.cgroup {
            out_of_memory = cgroup.has_run_out_of_memory();
            cgroup.remove();
        }
        let log_failure = self.drain.end(DRAIN);
        // Those that were asked to end with the script are not what a script leaves behind.
        let left_behind = if verdict == Verdict::ByItself { found } else { 0 };
        Ok(Ended {
            status,
            verdict,
            left_behind,
            all_gone,
            out_of_memory,
            exceeded,
            log_failure,
        })
    }

    /// Tells whether it takes more than it may, and which limit that is.
    fn exceeds(&mut self, exceeded: &mut Option<String>) -> bool {
        let taken = self.taken.as_mut();
        *exceeded = taken.and_then(|taken| taken.passed(&self.family));
        exceeded.is_some()
    }

    fn has_ended(&self, time: Duration) -> Result<bool, Error> {
        let mut ends = [PollFd::new(&self.end, PollFlags::IN)];
        let time = Timespec::try_from(time).map_err(|cause| Error::system("cannot wait", cause))?;
        match poll(&mut ends, Some(&time)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(cause) => Err(Error::system("cannot wait for the script", cause)),
        }
    }
}

fn judge(limits: Limits, cancellation: &Cancellation, ran: Duration, still: Duration) -> Verdict {
    if cancellation.is_requested() {
        return Verdict::Cancelled;
    }
    match (limits.max_duration, limits.stall_timeout) {
        (Some(most), _) if ran > most => Verdict::TooLong(most),
        (_, Some(most)) if still > most => Verdict::Stalled(most),
        _ => Verdict::ByItself,
    }
}

/// Returns what an exit status means, for a person; none for success.
pub(crate) fn describe(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit code {code}")),
        (None, Some(signal)) => Some(format!("killed by signal {signal}")),
        (None, None) => Some("ended in an unknown way".to_owned()),
    }
}

/// The thread that takes a script's output, so that the script never waits on us.
struct Drain {
    done: mpsc::Receiver<Option<Error>>,
    result: Option<Option<Error>>,
    bytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Drain {
    fn start(reader: OwnedFd, log: LogWriter, mask: Mask) -> Self {
        let (bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (sender, done) = mpsc::channel();
        let (counter, stopped) = (bytes.clone(), stop.clone());
        std::thread::spawn(move || {
            let _ = sender.send(drain(reader, log, mask, &counter, &stopped));
        });
        Self {
            done,
            result: None,
            bytes,
            stop,
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until everything was taken, for `time` at most.
    fn wait(&mut self, time: Duration) {
        if self.result.is_none() {
            self.result = self.done.recv_timeout(time).ok();
        }
    }

    /// Ends the draining, whoever still holds the pipe, and returns why the log could not be kept. What is in the pipe is taken: a script
    /// says why it failed at last.
    fn end(mut self, time: Duration) -> Option<Error> {
        self.wait(time);
        self.stop.store(true, Ordering::Relaxed);
        self.wait(LAST_WORDS);
        self.result.flatten()
    }
}

fn drain(
    reader: OwnedFd,
    mut log: LogWriter,
    mut mask: Mask,
    bytes: &AtomicU64,
    stop: &AtomicBool,
) -> Option<Error> {
    let mut failure = None;
    let mut keep = |shown: &[u8]| {
        if failure.is_none() {
            failure = log.write(shown).err();
        }
    };
    let mut buffer = vec![0u8; 64 << 10];
    let mut file = std::fs::File::from(reader);
    let mut left = PIPE;
    while left > 0 {
        let is_last = stop.load(Ordering::Relaxed);
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: if is_last { 0 } else { 200_000_000 },
        };
        match poll(
            &mut [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)],
            Some(&time),
        ) {
            Ok(0) if is_last => break,
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => break,
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                bytes.fetch_add(length as u64, Ordering::Relaxed);
                if is_last {
                    left = left.saturating_sub(length);
                }
                keep(&mask.feed(&buffer[..length]));
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    keep(&mask.finish());
    failure
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Drains a pipe that somebody goes on to hold, though it is to end.
    fn drained(text: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| writer.write_all(text));
            let log = LogWriter::create(&folder.path().join("log"), 16 << 20).unwrap();
            // As when a disk held the thread up until now.
            while rustix::io::ioctl_fionread(&reader).unwrap() == 0 {
                std::thread::yield_now();
            }
            let failure = drain(
                reader.into(),
                log,
                Mask::new(Vec::new()),
                &AtomicU64::new(0),
                &AtomicBool::new(true),
            );
            assert!(failure.is_none());
        });
        std::fs::read_to_string(folder.path().join("log")).unwrap()
    }

    #[test]
    fn last_words_are_taken_though_somebody_holds_the_pipe() {
        assert_eq!(drained(b"cannot open `x`\n"), "cannot open `x`\n");
    }

    #[test]
    fn whoever_goes_on_is_not_listened_to_for_ever() {
        let told = drained(&vec![b'x'; 8 << 20]);
        assert!(told.len() <= PIPE + (64 << 10), "{}", told.len());
    }
}
