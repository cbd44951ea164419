//! The family of a script: every process that came from it, found and ended.

use std::fs::{self, File};
use std::io::Read as _;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, set_child_subreaper, waitid,
    waitpid,
};

use super::Cgroup;

/// How long the kernel may take to end processes that were killed.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// Ticks of the clock in a second, as /proc counts them (USER_HZ, time(7)).
const TICKS: u64 = 100;

/// The children that this process had before it started a script, as after `exec batt > >(logger)` in a shell. They are
/// none of ours.
#[derive(Debug)]
pub(crate) struct Strangers(Vec<Pid>);

/// Makes this process the parent of whatever its descendants leave behind (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so
/// that a daemon stays within reach. Returns who is its child already.
pub(crate) fn adopt_orphans() -> Strangers {
    let strangers = match has_no_child() {
        true => Strangers(Vec::new()),
        false => Strangers(children(&Snapshot::take().processes)),
    };
    let _ = set_child_subreaper(Some(getpid()));
    strangers
}

/// Tells whether this process has no child, dead or alive. As it adopts orphans, nobody descends from it then, and
/// nobody can any more: the kernel says so at one moment, which no look at all processes could.
fn has_no_child() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}

fn children(processes: &[Process]) -> Vec<Pid> {
    let me = getpid().as_raw_nonzero().get();
    let own = processes
        .iter()
        .filter(|process| process.parent == me && !process.zombie);
    own.map(|process| process.pid).collect()
}

/// What tells the processes of one script from all others.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// The script's own process, which leads a session; none when another process started it, which has died since.
    pub(crate) leader: Option<Pid>,
    /// The group they were started in, where there is one.
    pub(crate) cgroup: Option<Cgroup>,
    /// A line of their environment, as `NAME=value`: what was forked from the script has it unless it took it off.
    pub(crate) mark: String,
    /// When the first of them started, in ticks of the clock since the machine did; 0 where that is not known. Whoever is
    /// older need not be asked for the mark, and on most hosts that is everybody.
    pub(crate) since: u64,
}

/// What /proc says of one process.
struct Process {
    pid: Pid,
    parent: i32,
    session: i32,
    zombie: bool,
    /// Time of processors, with that of children that were waited for, in ticks of the clock.
    ticks: u64,
    threads: u64,
    started: u64,
}

/// What came of ending a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Killed {
    /// How many lived.
    pub(crate) found: usize,
    /// Whether none is left.
    pub(crate) all_gone: bool,
}

impl Family {
    /// Returns the family of a script that was just started, and not yet waited for.
    pub(crate) fn of(leader: Pid, cgroup: Option<Cgroup>, mark: String) -> Self {
        Self {
            leader: Some(leader),
            cgroup,
            mark,
            since: stat(leader).map_or(0, |process| process.started),
        }
    }

    /// Returns the members that live.
    pub(crate) fn members(&self) -> Vec<Pid> {
        self.look_until_sure().members
    }

    /// Returns how many processes and threads it has, and how much time of processors it took, as far as that can be seen.
    pub(crate) fn takes(&self, with_processor: bool) -> (u64, Duration) {
        let group = self.cgroup.as_ref();
        let processor = match with_processor {
            true => group.and_then(Cgroup::processor),
            false => Some(Duration::ZERO),
        };
        if let (Some(tasks), Some(processor)) = (group.and_then(Cgroup::tasks), processor) {
            return (tasks, processor);
        }
        let Found {
            members, processes, ..
        } = self.look();
        let own = processes.iter().filter(|process| members.contains(&process.pid));
        let (tasks, ticks) = own.fold((0, 0), |(tasks, ticks), process| {
            (tasks + process.threads, ticks + process.ticks)
        });
        (tasks, Duration::from_millis(ticks * 1000 / TICKS))
    }

    fn look_until_sure(&self) -> Found {
        // One that ended while we looked may have forked one that we have not seen; so nobody is there only when nobody
        // was seen twice.
        const MOST_LOOKS: usize = 6;
        if self.is_surely_gone() {
            return Found {
                members: Vec::new(),
                steady: true,
                processes: Vec::new(),
            };
        }
        let mut empty = 0;
        let mut looks = 0;
        loop {
            let found = self.look();
            looks += 1;
            empty = if found.steady { empty + 1 } else { 0 };
            if !found.members.is_empty() || empty == 2 || looks == MOST_LOOKS {
                return found;
            }
        }
    }

    /// Tells whether nobody is left, where that can be known without a look at all processes: a script of ours has ended,
    /// nobody descends from us, and its group is empty. Those of another process are no descendants of ours.
    fn is_surely_gone(&self) -> bool {
        let group_is_empty = || {
            self.cgroup
                .as_ref()
                .is_none_or(|group| group.processes().is_empty())
        };
        self.leader.is_some() && has_no_child() && group_is_empty()
    }

    fn look(&self) -> Found {
        // The group first: whoever is in it stays among the processes, or has ended meanwhile.
        let mut members: Vec<Pid> = self.cgroup.as_ref().map(Cgroup::processes).unwrap_or_default();
        let Snapshot { processes, vanished } = Snapshot::take();
        let steady = !vanished && members.iter().all(|pid| processes.iter().any(|p| p.pid == *pid));
        for process in &processes {
            let led = self
                .leader
                .is_some_and(|leader| process.session == leader.as_raw_nonzero().get());
            if led || (process.started >= self.since && is_marked(process.pid, &self.mark)) {
                members.push(process.pid);
            }
        }
        // Whatever descends from a member belongs to it, also when it took another session and a new environment.
        loop {
            let before = members.len();
            for process in &processes {
                let parent = Pid::from_raw(process.parent);
                if parent.is_some_and(|parent| members.contains(&parent)) && !members.contains(&process.pid) {
                    members.push(process.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        members.sort_by_key(|pid| pid.as_raw_nonzero());
        members.dedup();
        members.retain(|pid| *pid != getpid() && processes.iter().any(|p| p.pid == *pid && !p.zombie));
        Found {
            members,
            steady,
            processes,
        }
    }

    /// Asks every member to end. A stopped one is woken, or it could not.
    pub(crate) fn terminate(&self) {
        for pid in self.members() {
            let _ = kill_process(pid, Signal::TERM);
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    /// Ends every member, and tells how many lived and whether none is left.
    pub(crate) fn kill(&self) -> Killed {
        let begun = Instant::now();
        let mut first = None;
        loop {
            let Found {
                members, processes, ..
            } = self.look_until_sure();
            if let Some(cgroup) = &self.cgroup {
                cgroup.kill();
            }
            for pid in &members {
                let _ = kill_process(*pid, Signal::KILL);
            }
            let found = *first.get_or_insert(members.len());
            if members.is_empty() || begun.elapsed() > PATIENCE {
                reap_orphans(&processes, self.leader);
                return Killed {
                    found,
                    all_gone: members.is_empty(),
                };
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Ends whatever descends from this process, and returns how many processes that were. For the end of a run: what has
/// left session, mark and group behind is still our child, because we adopt orphans.
pub(crate) fn end_descendants(strangers: &Strangers) -> usize {
    let begun = Instant::now();
    let mut killed = std::collections::BTreeSet::new();
    let mut empty = 0;
    loop {
        if has_no_child() {
            return killed.len();
        }
        let Snapshot { processes, vanished } = Snapshot::take();
        let mut children = children(&processes);
        children.retain(|pid| !strangers.0.contains(pid));
        for pid in &children {
            if kill_process(*pid, Signal::KILL).is_ok() {
                killed.insert(pid.as_raw_nonzero());
            }
        }
        // Orphans of those that were just killed are ours now; and as in `members`, nobody must be seen twice.
        empty = if children.is_empty() && !vanished {
            empty + 1
        } else {
            0
        };
        if empty == 2 || begun.elapsed() > PATIENCE {
            reap_orphans(&processes, None);
            return killed.len();
        }
        if !children.is_empty() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Takes the exit statuses of adopted processes, so that none stays as a zombie. The leader is waited for elsewhere.
fn reap_orphans(processes: &[Process], leader: Option<Pid>) {
    let me = getpid().as_raw_nonzero().get();
    for process in processes {
        if process.zombie && process.parent == me && Some(process.pid) != leader && is_adopted(process.pid) {
            let _ = waitpid(Some(process.pid), WaitOptions::NOHANG);
        }
    }
}

/// Tells an adopted process from one that this program started and waits for: scripts lead their sessions.
fn is_adopted(pid: Pid) -> bool {
    stat(pid).is_some_and(|process| process.session != pid.as_raw_nonzero().get())
}

fn is_marked(pid: Pid, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark.as_bytes())
}

/// The members of a family as they were seen.
struct Found {
    members: Vec<Pid>,
    /// Whether nothing came or went while we looked.
    steady: bool,
    /// Everybody, members or not.
    processes: Vec<Process>,
}

/// All processes, looked at one after the other.
struct Snapshot {
    processes: Vec<Process>,
    /// Whether one ended while we looked.
    vanished: bool,
}

impl Snapshot {
    fn take() -> Self {
        let mut snapshot = Self {
            processes: Vec::new(),
            vanished: false,
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        for pid in pids {
            match stat(pid) {
                Some(process) => snapshot.processes.push(process),
                None => snapshot.vanished = true,
            }
        }
        snapshot
    }
}

/// Returns when a process started, as in [`Family::since`], and whether it has not ended yet.
pub(super) fn started_and_lives(pid: Pid) -> Option<(u64, bool)> {
    stat(pid).map(|process| (process.started, !process.zombie))
}

/// Reads `/proc/PID/stat`: after the name in parentheses come state, parent, group and session, and as the twentieth the
/// time of its start (proc_pid_stat(5)).
fn stat(pid: Pid) -> Option<Process> {
    // One read, as there are many processes: a line is at most some 1,100 bytes long, and the kernel hands it out whole.
    let mut buffer = [0; 2048];
    let mut file = File::open(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let length = file.read(&mut buffer).ok()?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    // Four numbers from the fourteenth field on: user, system, and those of children.
    let mut ticks = 0;
    for skipped in [7, 0, 0, 0] {
        ticks += fields.nth(skipped)?.parse().unwrap_or(0);
    }
    let threads = fields.nth(2)?.parse().unwrap_or(1);
    let started = fields.nth(1)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        session,
        zombie,
        ticks,
        threads,
        started,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_as_old_as_its_start() {
        let me = stat(getpid()).unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let younger = stat(Pid::from_child(&child)).unwrap();
        child.kill().unwrap();
        let dead = stat(Pid::from_child(&child)).unwrap();
        child.wait().unwrap();
        assert_eq!(
            (younger.parent, younger.zombie),
            (me.pid.as_raw_nonzero().get(), false)
        );
        assert!(me.started > 0 && me.started <= younger.started);
        assert_eq!(
            dead.started, younger.started,
            "a dead one that was not waited for is known"
        );
        let uptime: f64 = fs::read_to_string("/proc/uptime")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        // USER_HZ (time(7)).
        assert!(younger.started / 100 <= uptime as u64 + 1, "it is no other field");
    }

    #[test]
    fn whoever_is_older_than_the_script_is_not_asked_for_its_mark() {
        let mark = "BATT_TEST_MARK=older";
        let mut child = Command::new("sleep")
            .arg("600")
            .env("BATT_TEST_MARK", "older")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        // A program that has just begun has no environment for a moment.
        while fs::read(format!("/proc/{}/environ", child.id()))
            .unwrap()
            .is_empty()
        {
            std::thread::yield_now();
        }
        let family = |since| Family {
            leader: None,
            cgroup: None,
            mark: mark.to_owned(),
            since,
        };
        let started = stat(pid).unwrap().started;
        let (known, unknown, later) = (
            family(started).members(),
            family(0).members(),
            family(started + 1).members(),
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((known, unknown), (vec![pid], vec![pid]));
        assert_eq!(later, []);
    }
}
