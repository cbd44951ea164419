//! Restores into folders that another account controls.
//!
//! That account runs beside as fast as it can: it swaps the folder that is restored into for a link, and whatever appears there
//! under a hidden name for a link to what is root's alone. Nothing outside its folder may change by that, whoever wins.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::racing::{Ground, Mode, USER};
use batt_tests::server::postgresql::Postgresql;
use batt_tests::server::redis::Redis;
use batt_tests::server::sqlite;
use batt_tests::trace::Trace;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Races where a restore can work beside the folder of the account, and where it has to work in it.
#[track_caller]
fn on_each_ground(user: u32, race: impl Fn(&Ground, Mode)) {
    for (ground, mode) in [
        (Ground::of(user), Mode::All),
        (Ground::with_a_file_system(user), Mode::Late),
    ] {
        let Some(ground) = ground else { return };
        race(&ground, mode);
    }
}

/// Restores again and again while the account attacks, then once when it rests.
#[track_caller]
fn restore_raced(ground: &Ground, mode: Mode, host: &Host, arguments: &[&str], prepare: &dyn Fn()) {
    let what = format!("restore {}", arguments.join(" ").replace(text(ground.path()), ""));
    let restore = || Finished::run(&mut ground.within(&host.restore_command(arguments)));
    ground.race_anew(&what, mode, prepare, restore);
    ground.clear();
    prepare();
    restore().code(0);
}

/// Calls a verb again and again while the account attacks, then once when it rests.
#[track_caller]
fn verb_raced(what: &str, mode: Mode, call: impl Fn(&Ground) -> Command) {
    let Some(ground) = Ground::new() else { return };
    let run = || Finished::run_with(&mut call(&ground), b"what was restored");
    ground.race(what, mode, run);
    ground.clear();
    run().code(0);
}

fn batt(arguments: &[&str], path: &Path) -> Command {
    let mut command = Command::new(under_test("batt"));
    command.args(arguments).arg(path).env("BATT_REPLACE", "yes");
    command
}

#[test]
fn a_file_is_placed_where_it_was_meant_to_be_or_nowhere() {
    verb_raced("place", Mode::Clean, |ground| {
        batt(&["place"], &ground.app().join("app.db"))
    });
}

#[test]
fn a_file_is_placed_like_another_that_somebody_swaps() {
    verb_raced("place --like", Mode::All, |ground| {
        let path = ground.app().join("app.db");
        let like = ["place", "--like", text(&path)];
        batt(&like, &path)
    });
}

#[test]
fn what_goes_aside_is_what_its_owner_could_move() {
    verb_raced("aside", Mode::All, |ground| batt(&["aside"], &ground.app()));
}

#[test]
fn a_private_folder_is_private_and_the_only_one_that_is_removed() {
    on_each_ground(USER, |ground, mode| {
        let tools = ground.path().join("bin");
        fs::create_dir(&tools).unwrap();
        std::os::unix::fs::symlink(under_test("batt"), tools.join("batt")).unwrap();
        let path = ground.app().join("x");
        let mut stage = batt(&["stage"], &path);
        stage.args(["--", "sh", "-c"]);
        stage.arg("mkdir -p tree/deep && : >tree/deep/file && exec batt place --from tree \"$0\"");
        stage.arg(&path);
        stage.env("PATH", format!("{}:/usr/bin:/bin", text(&tools)));
        let run = || Finished::run(&mut ground.within(&stage));
        ground.race("stage and place --from", mode, run);
        ground.clear();
        run().code(0);
    });
}

/// Files of the account itself, which come back with its number as their owner.
fn files(ground: &Ground) -> Host {
    let app = ground.seen(&ground.app());
    fs::write(app.join("a"), "content").unwrap();
    fs::create_dir(app.join("inner")).unwrap();
    fs::write(app.join("inner/b"), vec![b'x'; 3 << 20]).unwrap();
    for path in ["a", "inner", "inner/b"] {
        ground.give(&ground.app().join(path));
    }
    let host = Host::new();
    host.promise("file", &[text(&ground.app())]);
    let backup = host.batt_command(&["file"]);
    Finished::run(&mut ground.within(&backup)).code(0);
    host
}

#[test]
fn files_that_are_restored_in_place_change_nothing_outside() {
    on_each_ground(USER, |ground, mode| {
        let host = files(ground);
        restore_raced(ground, mode, &host, &["file"], &|| {});
        let one_is_there = || fs::write(ground.seen(&ground.app()).join("b"), "").unwrap();
        restore_raced(ground, mode, &host, &["file", "--replace"], &one_is_there);
    });
}

#[test]
fn files_that_are_restored_into_a_folder_change_nothing_outside() {
    on_each_ground(USER, |ground, mode| {
        let host = files(ground);
        let into = ground.app().join("into");
        restore_raced(ground, mode, &host, &["file", "--into", text(&into)], &|| {});
        restore_raced(
            ground,
            mode,
            &host,
            &["file", "--into", text(&ground.app())],
            &|| {},
        );
    });
}

#[test]
fn a_restored_sqlite_file_changes_nothing_outside() {
    on_each_ground(USER, |ground, mode| {
        let host = Host::new();
        let file = ground.app().join("app.db");
        let make = || {
            // SQLite follows links by their text, and so would not come to where the file is seen from here.
            let mut shell = Command::new("sqlite3");
            let shell = shell.arg(&file).env("PATH", "/usr/bin:/bin");
            let statements = b"CREATE TABLE t (x); INSERT INTO t VALUES (1);";
            Finished::run_with(&mut ground.within(shell), statements).code(0);
            ground.give(&file);
        };
        make();
        host.promise("sqlite", &[text(&file)]);
        let backup = host.batt_command(&["sqlite"]);
        Finished::run(&mut ground.within(&backup)).code(0);
        restore_raced(ground, mode, &host, &["sqlite", "--replace"], &make);
    });
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
    let host = redis_backup();
    on_each_ground(USER, |ground, mode| {
        let into = ground.app();
        let old = || fs::write(ground.seen(&into).join("dump.rdb"), "old").unwrap();
        restore_raced(
            ground,
            mode,
            &host,
            &["redis", "--replace", "--into", text(&into)],
            &old,
        );
    });
}

fn base_backup() -> (Postgresql, Host) {
    let server = Postgresql::start();
    let host = Host::new();
    host.lead_to("postgresql-base", &server.environment());
    host.batt(&["postgresql-base"]).code(0);
    (server, host)
}

#[test]
fn a_restored_cluster_of_postgresql_changes_nothing_outside() {
    let (_server, host) = base_backup();
    // The owner of the server attacks: nobody else may have a folder above that of a cluster.
    let owner = Finished::run(Command::new("id").args(["-u", "postgres"])).success();
    on_each_ground(owner.trim().parse().unwrap(), |ground, mode| {
        let into = ground.app().join("cluster");
        let old = || {
            let into = ground.seen(&into);
            fs::create_dir(&into).unwrap();
            fs::write(into.join("old"), "").unwrap();
        };
        let arguments = ["postgresql-base", "--replace", "--into", text(&into)];
        restore_raced(ground, mode, &host, &arguments, &old);
    });
}

/// Without an attack everything comes to its place, with its owners, and no process of root names a path there.
#[test]
fn no_process_of_root_names_a_path_below_a_folder_of_another() {
    let Some(ground) = Ground::new() else { return };
    let host = files(&ground);
    let foreign = ground.home();
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
    host.batt_promised("sqlite", &[text(&file)]).code(0);
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
