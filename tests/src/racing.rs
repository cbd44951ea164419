//! Another account that swaps folders and names in its own folder as fast as it can, while a verb of batt is called, and what lies
//! outside of that folder: whoever wins, nothing there may change.
//!
//! Raced is each verb that works where another account may be:
//!
//! - backups: of a `file` and of `sqlite` in its folder, and of any service into a destination there (`attacks/files.rs`,
//!   `attacks/sqlite.rs`, `attacks/destinations.rs`)
//! - restores: `file`, `sqlite`, `redis` and `postgresql-base`, and the verbs that they place with (`attacks/restores.rs`). Those of
//!   `mysql` and `postgresql` go through a server: nothing is placed in a folder, so there is none to swap.
//! - `purge` and `verify` in a destination there (`attacks/destinations.rs`)
//! - drills: beside a folder that all may write to, and against what a backup brings, in its cell (`attacks/rehearsals.rs`)
//!
//! A raced call may end as it likes: the account may be held up at a bad moment for as long as all calls take. What a verb is for is
//! asked of a call when the account rests.

mod race;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::drop_in::chmod;
use crate::finished::Finished;
use crate::process::{signal, until};
use race::Race;

/// The account that races; nobody else has this number.
pub const USER: u32 = 60_417;
/// What stands in each file outside.
pub const CANARY: &str = "for root's eyes alone";
/// What it runs.
pub const ACCOUNT: &str = include_str!("racing/account.pl");
/// renameat2(2), which perl has no name for.
const RENAMEAT2: &str = if cfg!(target_arch = "x86_64") {
    "316"
} else {
    "276"
};

/// What the account swaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The folder, and each name that appears.
    All,
    /// Whatever is there as soon as a name appears, and nothing before.
    Late,
    /// The folder; all that is in it goes.
    Clean,
    /// The folder and the link beside it, at once.
    Exchange,
    /// Nothing, in a folder that all may write to: it makes links of names that begin as those that are worked in.
    Guest,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Late => "late",
            Self::Clean => "clean",
            Self::Exchange => "exchange",
            Self::Guest => "guest",
        }
    }
}

/// A folder of the account that races, and beside it a tree of root's.
#[derive(Debug)]
pub struct Ground {
    folder: TempDir,
    /// Who keeps the namespace in which the folder of the account is a file system of its own.
    mounts: Option<Child>,
    /// What the names look like that it swaps.
    pattern: String,
    user: u32,
    calls: u32,
}

impl Ground {
    /// None where nobody can be another account.
    pub fn new() -> Option<Self> {
        Self::of(USER)
    }

    /// One of this account.
    #[allow(clippy::print_stderr, reason = "what is skipped is told loudly")]
    pub fn of(user: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can be another account");
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("batt-ground-")
            .tempdir_in("/tmp")
            .expect("a temporary folder");
        chmod(folder.path(), 0o755);
        let ground = Self {
            folder,
            mounts: None,
            pattern: r"^\.|\.batt-".to_owned(),
            user,
            calls: 1,
        };
        fs::create_dir(ground.home()).expect("the folder can be written");
        ground.give(&ground.home());
        let canary = ground.canary();
        // An entry of every name that batt uses, or comes by.
        for inner in [
            "",
            "deep/backup",
            "cluster",
            "data/kept",
            "tmp/kept",
            ".aside/kept",
        ] {
            fs::create_dir_all(canary.join(inner)).expect("the folder can be written");
        }
        for file in [
            "secret",
            "app.db",
            "dump.rdb",
            "a",
            "note",
            "manifest.json",
            "PINNED",
            "data/manifest.json",
            "data/one",
            "data/note",
            "deep/backup/archive.zst",
        ] {
            fs::write(canary.join(file), CANARY).expect("the folder can be written");
            chmod(&canary.join(file), 0o600);
        }
        symlink("secret", canary.join("link")).expect("the folder can be written");
        chmod(&canary, 0o700);
        ground.clear();
        Some(ground)
    }

    /// One where the folder of the account is a file system of its own: no folder of root's is on it for a restore to work in.
    pub fn with_a_file_system(user: u32) -> Option<Self> {
        let mut ground = Self::of(user)?;
        let script = format!(
            "mount -t tmpfs -o uid={user},gid={user},mode=755 none \"$0\" && echo ready && exec sleep infinity"
        );
        let mut keeper = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", &script])
            .arg(ground.home())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv is installed");
        let mut ready = [0; 6];
        let stdout = keeper.stdout.as_mut().expect("it is piped");
        std::io::Read::read_exact(stdout, &mut ready).expect("a file system can be mounted");
        ground.mounts = Some(keeper);
        ground.clear();
        Some(ground)
    }

    /// Swaps names that look like this, in place of hidden ones.
    #[must_use]
    pub fn striking(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.pattern);
        self
    }

    /// Asks for so many calls at least, however many turns there are in fewer.
    #[must_use]
    pub fn calling(mut self, times: u32) -> Self {
        self.calls = times;
        self
    }

    /// The folder of the account.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder in it that is swapped.
    pub fn app(&self) -> PathBuf {
        self.home().join("app")
    }

    /// What is root's alone.
    pub fn canary(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// A folder of root's beside, that all can pass.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns where a path is from here.
    pub fn seen(&self, path: &Path) -> PathBuf {
        match (&self.mounts, path.strip_prefix("/")) {
            (Some(keeper), Ok(path)) => Path::new(&format!("/proc/{}/root", keeper.id())).join(path),
            _ => path.to_owned(),
        }
    }

    /// Returns a command that runs where the folder of the account is.
    pub fn within(&self, command: &Command) -> Command {
        let mut all: Vec<_> = vec![command.get_program()];
        all.extend(command.get_args());
        let entered = self
            .mounts
            .as_ref()
            .map(|keeper| format!("--mount=/proc/{}/ns/mnt", keeper.id()));
        let mut within = match &entered {
            Some(namespace) => {
                let mut within = Command::new("/usr/bin/nsenter");
                within.arg(namespace).arg("--").args(all);
                within
            }
            None => {
                let mut within = Command::new(all[0]);
                within.args(&all[1..]);
                within
            }
        };
        // Whatever the environment of a test is, `env_clear` was called where it had been for the command.
        within.env_clear();
        within.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(folder) = command.get_current_dir() {
            within.current_dir(folder);
        }
        within
    }

    /// Makes the folder `app` anew, empty, with nothing beside it. The account must not run.
    pub fn clear(&self) {
        let home = self.seen(&self.home());
        for entry in fs::read_dir(home).expect("the folder can be listed") {
            let path = entry.expect("the folder can be listed").path();
            let found = fs::symlink_metadata(&path).expect("nobody else is there");
            let removed = if found.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.expect("the folder can be written");
        }
        self.make(&self.app());
    }

    /// Makes a folder of the account's.
    pub fn make(&self, folder: &Path) {
        let seen = self.seen(folder);
        fs::create_dir(&seen).expect("the folder can be written");
        chmod(&seen, 0o755);
        self.give(folder);
    }

    /// Gives something to the account.
    pub fn give(&self, path: &Path) {
        chown(self.seen(path), Some(self.user), Some(self.user)).expect("root may give things away");
    }

    /// All that is outside: names, kinds, numbers, modes, owners, sizes, times, content.
    pub fn outside(&self) -> String {
        let show = r#"find "$1" -printf '%P %y %i %n %m %U:%G %s %T@ %C@ %l\n' | LC_ALL=C sort; find "$1" -type f -exec sha256sum {} +"#;
        Finished::run(Command::new("sh").args(["-c", show, "show"]).arg(self.canary())).success()
    }

    /// Makes what was the folder of the account one that all may write to, as /tmp is.
    pub fn share(&self) {
        chown(self.home(), Some(0), Some(0)).expect("root may take things");
        chmod(&self.home(), 0o1777);
    }

    /// Returns a script of a shell that lets what the account runs begin in the scratch folder of a drill, where it goes on until it
    /// is killed: it swaps all that is there, and tells its turns.
    pub fn rehearsed(&self) -> String {
        let canary = self.canary();
        format!(
            "cat >\"$BATT_SCRATCH/.account\" <<'END_OF_ACCOUNT'\n{ACCOUNT}\nEND_OF_ACCOUNT\n\
             (cd \"$BATT_SCRATCH\" && exec setsid perl .account all '{}' notes '{}') &\n",
            canary.display(),
            self.pattern
        )
    }

    /// Lets the account begin, and waits until it runs.
    pub fn start(&self, mode: Mode) -> Account {
        let counted = tempfile::NamedTempFile::new_in(self.folder.path()).expect("the folder can be written");
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={}", self.user), format!("--regid={}", self.user)])
            .args(["--clear-groups", "--pdeathsig", "KILL"])
            .args(["sh", "-c", r#"cd "$0" && exec perl -e "$@""#])
            .arg(self.home())
            .args([ACCOUNT, mode.word()])
            .arg(self.canary())
            .args(["app", &self.pattern, RENAMEAT2]);
        let mut command = self.within(command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"));
        let child = command
            .stdin(Stdio::null())
            .stdout(counted.reopen().expect("it is there"))
            .spawn()
            .expect("setpriv is installed");
        let mut account = Account { child, counted };
        until("the account runs", || {
            let ended = account.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "the account ended: {ended:?}");
            account
                .counted
                .as_file()
                .metadata()
                .is_ok_and(|file| file.len() > 0)
        });
        account
    }

    /// Calls again and again beside the account, until both had enough. It ends its last turn, and nothing outside has changed.
    #[track_caller]
    pub fn race(&self, what: &str, mode: Mode, mut call: impl FnMut() -> Finished) {
        let mut race = Race::of(self, what, mode);
        let account = self.start(mode);
        while race.goes_on() {
            let before = account.turns();
            let finished = call();
            race.called(&finished, account.turns() - before);
        }
        account.rest();
        race.over();
    }

    /// Calls again and again what lets the account run inside of it, and tells its turns.
    #[track_caller]
    pub fn race_inside(&self, what: &str, mut call: impl FnMut() -> Finished) {
        let mut race = Race::of(self, what, Mode::All);
        race.is_inside();
        while race.goes_on() {
            let finished = call();
            let said = finished.said();
            let told = said.split("turns: ").skip(1).filter_map(|rest| {
                let digits = rest.trim_start().split(|letter: char| !letter.is_ascii_digit());
                digits.into_iter().next()?.parse().ok()
            });
            race.called(&finished, told.max().unwrap_or(0));
        }
        race.over();
    }

    /// Does the same with a folder that is made anew before each call.
    #[track_caller]
    pub fn race_anew(&self, what: &str, mode: Mode, prepare: impl Fn(), mut call: impl FnMut() -> Finished) {
        let mut race = Race::of(self, what, mode);
        while race.goes_on() {
            self.clear();
            prepare();
            let account = self.start(mode);
            let before = account.turns();
            let finished = call();
            race.called(&finished, account.turns() - before);
        }
        race.over();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.mounts {
            keeper.kill().ok();
            keeper.wait().ok();
        }
    }
}

/// The account that races. It is killed when this is dropped.
#[derive(Debug)]
pub struct Account {
    child: Child,
    /// A file that it writes its turns to.
    counted: tempfile::NamedTempFile,
}

impl Account {
    /// Returns how many turns it had.
    pub fn turns(&self) -> u64 {
        let text = fs::read_to_string(self.counted.path()).expect("the file is there");
        text.trim().parse().expect("a number")
    }

    /// Lets it end its turn, so that its things are where they were.
    pub fn rest(mut self) {
        signal(&self.child, Signal::TERM);
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_by_a_path_is_caught() {
        let Some(ground) = Ground::new() else { return };
        let path = ground.app().join("app.db");
        let write = || {
            Finished::run(
                Command::new("sh")
                    .args(["-c", "echo restored >\"$0\""])
                    .arg(&path),
            )
        };
        let caught = std::panic::catch_unwind(|| ground.race("a shell", Mode::All, write));
        let said = caught.expect_err("it is led outside");
        let said = said.downcast_ref::<String>().expect("an assertion says why");
        assert!(said.contains("something outside changed"), "{said}");
    }
}
