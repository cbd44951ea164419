//! `batt as`: becomes an account, and then a command.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use batt_protocol::{Error, ExitCode};
use rustix::fs::Mode;
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::identity::{Identity, Whom};
use super::surroundings;
use crate::descriptors;
use crate::kernel_calls::{self, Keys};

/// What a command gets of the environment whatever it is. An account can read the environment of its processes
/// (proc_pid_environ(5)), so the settings of the run are not in it. The mark of the run is: by it a process that was left
/// behind is found.
const PASSED: &[&str] = &["PATH", "LC_ALL", "TZ", "BATT_MARK"];
/// The variable that tells a command where its room is.
const ROOM: &str = "BATT_ROOM";
/// The exit codes of a shell for a command that is not there, and for one that cannot be run.
const NOT_FOUND: ExitCode = ExitCode::from_code(127);
const NOT_RUNNABLE: ExitCode = ExitCode::from_code(126);

/// A command, and whom it is run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsRequest {
    pub(crate) whom: Whom,
    /// Variables that it gets besides those that every command gets; a `*` stands for anything.
    pub(crate) keep: Vec<OsString>,
    /// The folder it is run in; only to be read where the account could not reach it by its path.
    pub(crate) folder: Option<PathBuf>,
    /// A folder that becomes the account's.
    pub(crate) room: Option<PathBuf>,
    /// The command with its arguments.
    pub(crate) command: Vec<OsString>,
}

/// Becomes the command. Returns only when that fails.
///
/// # Errors
/// An account that is not known, or that cannot be become; a file whose folders others control; a command that cannot be run.
pub(crate) fn run_as(request: &AsRequest) -> Result<Infallible, Error> {
    let (program, arguments) = request
        .command
        .split_first()
        .ok_or_else(|| Error::usage("there is no command after `--`"))?;
    let identity = request.whom.find()?;
    let room = surroundings::enter(request, &identity)?;
    let kept = kept(&request.keep);
    become_account(&identity, &request.whom)?;
    rustix::process::umask(Mode::from_bits_truncate(0o077));
    // A core file would hold what the command has read.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(kept);
    command
        .env("HOME", &identity.user.home)
        .env("USER", &identity.user.name)
        .env("LOGNAME", &identity.user.name)
        .envs(room.map(|room| (ROOM, room)));
    drop(identity);
    descriptors::close_all_but_standard();
    let cause = command.exec();
    let exit = match cause.kind() {
        std::io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_RUNNABLE,
    };
    Err(Error::new(
        exit,
        format!("cannot run `{}`: {cause}", program.to_string_lossy()),
    ))
}

/// Gives up everything that this process has and the account has not. This program has one thread here, so what the kernel
/// does to a thread is done to all of it.
fn become_account(identity: &Identity, whom: &Whom) -> Result<(), Error> {
    let user = &identity.user;
    let fail = |cause: rustix::io::Errno| {
        Error::new(
            ExitCode::UNAVAILABLE,
            format!("cannot become user {}: {}", user.uid, std::io::Error::from(cause)),
        )
    };
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        set_thread_groups(&[]).map_err(fail)?;
        set_thread_res_gid(gid, gid, gid).map_err(fail)?;
        set_thread_res_uid(uid, uid, uid).map_err(fail)?;
    }
    // Root's own number keeps its capabilities. A program gets no new ones by no_new_privs, neither by that number.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(fail)?;
    set_no_new_privs(true).map_err(fail)?;
    if !is_root {
        return Ok(());
    }
    let keys = match whom {
        Whom::Named(_) => Keys::Allowed,
        Whom::Nobody | Whom::OwnerOf(_) => Keys::Barred,
    };
    kernel_calls::bar(keys).map_err(fail)
}

fn kept(patterns: &[OsString]) -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| {
            PASSED.iter().any(|passed| name == *passed)
                || patterns.iter().any(|pattern| matches(pattern, name))
        })
        .collect()
}

/// Tells whether a name fits a pattern, in which a `*` at the end stands for anything.
fn matches(pattern: &OsStr, name: &OsStr) -> bool {
    let (pattern, name) = (pattern.as_encoded_bytes(), name.as_encoded_bytes());
    match pattern.strip_suffix(b"*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_anything() {
        let fits = |pattern: &str, name: &str| matches(OsStr::new(pattern), OsStr::new(name));
        assert!(fits("PG*", "PGHOST"));
        assert!(fits("PG*", "PG"));
        assert!(!fits("PG*", "MYPG"));
        assert!(fits("PGHOST", "PGHOST"));
        assert!(!fits("PGHOST", "PGHOSTADDR"));
    }
}
