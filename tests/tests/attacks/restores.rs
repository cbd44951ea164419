//! Restores into folders that another account controls.
//!
//! That account runs beside as fast as it can: it swaps the folder that is restored into for a link, and whatever appears there
//! under a hidden name for a link to what is root's alone. Nothing outside its folder may change by that, whoever wins.
//! `BATT_ROUNDS` says how often each is tried.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;
use batt_tests::trace::Trace;
use tempfile::TempDir;

/// What the other account runs, in its own folder: `flip` swaps `app` for a link to the canary and back, `names` swaps each
/// hidden name that appears, `wait` swaps `app` once, when something hidden is in it.
const RACER: &str = r#"
use strict; my ($mode, $canary) = @ARGV; my $taken = 0; $| = 1;
sub hidden { my ($folder) = @_; opendir(my $h, $folder) or return (); return map { "$folder/$_" } grep { /^\.(batt|dump)/ } readdir $h }
sub strike {
    for my $path (hidden("."), hidden("app")) {
        next if -l $path;
        if (-d _) { rename $path, "taken" . $taken++ and symlink $canary, $path }
        else { unlink $path and symlink "$canary/secret", $path }
    }
}
print "ready\n";
while (1) {
    if ($mode eq "names") { strike() }
    elsif ($mode eq "wait") { if (!-l "app" && hidden("app")) { rename "app", "away"; symlink $canary, "app"; } }
    else {
        rename "app", "away"; symlink $canary, "app"; strike(); unlink "app"; rename "away", "app";
        unlink glob("app/*") if $mode eq "clean"; strike() if $mode eq "all";
    }
}
"#;

/// The account that attacks; nobody else has this number.
const USER: u32 = 60_417;

fn rounds(usual: u32) -> u32 {
    std::env::var("BATT_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder of the account that attacks, and a tree of root's beside it.
struct Ground {
    folder: TempDir,
}

impl Ground {
    /// None where nobody can be another account.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can be another account");
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("batt-ground-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let ground = Self { folder };
        fs::create_dir(ground.foreign()).unwrap();
        chown(ground.foreign(), Some(USER), Some(USER)).unwrap();
        let canary = ground.canary();
        for inner in ["", "deep/backup", "cluster"] {
            fs::create_dir_all(canary.join(inner)).unwrap();
        }
        for file in ["secret", "app.db", "dump.rdb", "a", "deep/backup/archive.zst"] {
            fs::write(canary.join(file), "root's alone").unwrap();
            fs::set_permissions(canary.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::set_permissions(&canary, fs::Permissions::from_mode(0o700)).unwrap();
        ground.clear();
        Some(ground)
    }

    fn foreign(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn app(&self) -> PathBuf {
        self.foreign().join("app")
    }

    fn canary(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// Makes the folder `app` anew, empty, with nothing beside it. The account must not run.
    fn clear(&self) {
        for entry in fs::read_dir(self.foreign()).unwrap() {
            let path = entry.unwrap().path();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        fs::create_dir(self.app()).unwrap();
        chown(self.app(), Some(USER), Some(USER)).unwrap();
        fs::set_permissions(self.app(), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// All that is outside: names, kinds, modes, owners, sizes, times, content.
    fn outside(&self) -> String {
        let show = r#"find "$1" -printf '%P %y %m %U:%G %s %T@ %l\n' | LC_ALL=C sort; find "$1" -type f -exec sha256sum {} +"#;
        Finished::run(Command::new("sh").args(["-c", show, "show", text(&self.canary())])).success()
    }

    /// Lets the account begin, and waits until it runs.
    fn attacked(&self, mode: &str) -> Racer {
        let mut child = Command::new("setpriv")
            .args([
                "--reuid",
                &USER.to_string(),
                "--regid",
                &USER.to_string(),
                "--clear-groups",
            ])
            .args(["perl", "-e", RACER, mode, text(&self.canary())])
            .current_dir(self.foreign())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        Racer(child)
    }

    /// Asserts that nothing outside has changed, and that whatever the account has now is not root's.
    #[track_caller]
    fn assert_unharmed(&self, before: &str, said: &str) {
        assert_eq!(
            self.outside(),
            before,
            "something outside changed; batt said:\n{said}"
        );
    }

    /// Restores again and again while the account attacks in each way.
    #[track_caller]
    fn restore_attacked(&self, host: &Host, arguments: &[&str], prepare: impl Fn()) {
        let before = self.outside();
        for round in 0..rounds(1) {
            for mode in ["names", "wait", "all"] {
                self.clear();
                prepare();
                let racer = self.attacked(mode);
                let finished = host.batt_restore(&[], arguments);
                drop(racer);
                self.assert_unharmed(&before, &format!("round {round}, {mode}:\n{}", finished.said()));
            }
        }
    }
}

/// The account that attacks, until this is dropped.
struct Racer(Child);

impl Drop for Racer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Calls a verb again and again while the account attacks, and counts how often that went well.
#[track_caller]
fn verb_attacked(mode: &str, call: impl Fn(&Ground) -> Command) {
    let Some(ground) = Ground::new() else { return };
    let before = ground.outside();
    let rounds = rounds(40);
    // Undisturbed it does what it is for.
    Finished::run_with(&mut call(&ground), b"what was restored").success();
    ground.clear();
    let racer = ground.attacked(mode);
    let mut done = 0;
    let mut said = String::new();
    for _ in 0..rounds {
        let finished = Finished::run_with(&mut call(&ground), b"what was restored");
        done += u32::from(finished.code == Some(0));
        said = finished.said();
    }
    drop(racer);
    eprintln!("{done} of {rounds} calls went well; the last said: {said}");
    ground.assert_unharmed(&before, &said);
}

fn batt(arguments: &[&str], path: &Path) -> Command {
    let mut command = Command::new(under_test("batt"));
    command.args(arguments).arg(path).env("BATT_REPLACE", "yes");
    command
}

#[test]
fn a_file_is_placed_where_it_was_meant_to_be_or_nowhere() {
    verb_attacked("clean", |ground| batt(&["place"], &ground.app().join("app.db")));
}

#[test]
fn a_file_is_placed_like_another_that_somebody_swaps() {
    verb_attacked("all", |ground| {
        let path = ground.app().join("app.db");
        let like = ["place", "--like", text(&path)];
        batt(&like, &path)
    });
}

#[test]
fn what_goes_aside_is_what_its_owner_could_move() {
    verb_attacked("all", |ground| batt(&["aside"], &ground.app()));
}

#[test]
fn a_private_folder_is_private_and_the_only_one_that_is_removed() {
    for mode in ["names", "all"] {
        verb_attacked(mode, |ground| {
            let mut command = batt(&["stage"], &ground.app().join("x"));
            command.args(["--", "sh", "-c"]);
            command.arg("mkdir -p tree/deep && : >tree/deep/file && exec batt place --from tree \"$0\"");
            command.arg(ground.app().join("x"));
            let programs = under_test("batt");
            let tools = ground.folder.path().join("bin");
            if !tools.exists() {
                fs::create_dir(&tools).unwrap();
                std::os::unix::fs::symlink(programs, tools.join("batt")).unwrap();
            }
            command.env("PATH", format!("{}:/usr/bin:/bin", text(&tools)));
            command
        });
    }
}

/// Files of the account itself, which come back with its number as their owner.
fn files() -> Option<(Ground, Host)> {
    let ground = Ground::new()?;
    fs::write(ground.app().join("a"), "content").unwrap();
    fs::create_dir(ground.app().join("inner")).unwrap();
    fs::write(ground.app().join("inner/b"), vec![b'x'; 3 << 20]).unwrap();
    for path in ["a", "inner", "inner/b"] {
        chown(ground.app().join(path), Some(USER), Some(USER)).unwrap();
    }
    let host = Host::new();
    host.batt(&["--file", text(&ground.app())]).code(0);
    Some((ground, host))
}

#[test]
fn files_that_are_restored_in_place_change_nothing_outside() {
    let Some((ground, host)) = files() else { return };
    ground.restore_attacked(&host, &["file"], || {});
    let one_is_there = || fs::write(ground.app().join("b"), "").unwrap();
    ground.restore_attacked(&host, &["file", "--replace"], one_is_there);
}

#[test]
fn files_that_are_restored_into_a_folder_change_nothing_outside() {
    let Some((ground, host)) = files() else { return };
    let into = ground.app().join("into");
    ground.restore_attacked(&host, &["file", "--into", text(&into)], || {});
    ground.restore_attacked(&host, &["file", "--into", text(&ground.app())], || {});
}

#[test]
fn a_restored_sqlite_file_changes_nothing_outside() {
    let Some(ground) = Ground::new() else { return };
    let host = Host::new();
    let file = ground.app().join("app.db");
    let make = || {
        sqlite::sql(&file, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
        chown(&file, Some(USER), Some(USER)).unwrap();
    };
    make();
    host.batt(&["--sqlite-db", text(&file)]).code(0);
    ground.restore_attacked(&host, &["sqlite", "--replace"], make);
}

fn redis_backup() -> Host {
    let server = Redis::start("secret");
    server.run("SET a 1\n");
    let host = Host::new();
    let socket = server.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", "secret")]);
    host.batt(&["redis"]).code(0);
    host
}

#[test]
fn a_restored_data_set_of_redis_changes_nothing_outside() {
    let Some(ground) = Ground::new() else { return };
    let host = redis_backup();
    let old = || fs::write(ground.app().join("dump.rdb"), "old").unwrap();
    let into = ground.app();
    ground.restore_attacked(&host, &["redis", "--replace", "--into", text(&into)], old);
}

fn base_backup() -> (Postgresql, Host) {
    let server = Postgresql::start();
    let host = Host::new();
    let environment = server.environment();
    let settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql-base", &settings);
    host.batt(&["postgresql-base"]).code(0);
    (server, host)
}

#[test]
fn a_restored_cluster_of_postgresql_changes_nothing_outside() {
    let Some(ground) = Ground::new() else { return };
    let (_server, host) = base_backup();
    let into = ground.app().join("cluster");
    let old = || {
        fs::create_dir(&into).unwrap();
        fs::write(into.join("old"), "").unwrap();
    };
    let arguments = ["postgresql-base", "--replace", "--into", text(&into)];
    ground.restore_attacked(&host, &arguments, old);
}

/// Without an attack everything comes to its place, with its owners, and no process of root names a path there.
#[test]
fn no_process_of_root_names_a_path_below_a_folder_of_another() {
    let Some((ground, host)) = files() else { return };
    let foreign = ground.foreign();
    let restored = |host: &Host, arguments: &[&str]| {
        let (finished, trace) = Trace::of(host, &[&["restore"], arguments].concat());
        finished.code(0);
        trace.assert_no_trespass(&foreign);
    };
    let owner = |path: &Path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
    let app = ground.app();

    fs::remove_dir_all(&app).unwrap();
    restored(&host, &["file"]);
    assert_eq!(owner(&app.join("inner/b")), USER);
    restored(&host, &["file", "--replace"]);
    restored(&host, &["file", "--into", text(&foreign.join("into"))]);

    let file = app.join("app.db");
    sqlite::sql(&file, "CREATE TABLE t (x)");
    chown(&file, Some(USER), Some(USER)).unwrap();
    host.batt(&["--sqlite-db", text(&file)]).code(0);
    restored(&host, &["sqlite", "--replace"]);
    assert_eq!(owner(&file), USER);

    let folder = foreign.join("redis");
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(USER), Some(USER)).unwrap();
    fs::write(folder.join("dump.rdb"), "old").unwrap();
    restored(&redis_backup(), &["redis", "--replace", "--into", text(&folder)]);
    assert_eq!(owner(&folder.join("dump.rdb")), USER);

    let (_server, host) = base_backup();
    restored(
        &host,
        &["postgresql-base", "--into", text(&foreign.join("cluster"))],
    );
    assert!(foreign.join("cluster/PG_VERSION").exists());
}
