//! Whatever Redis' own suite leaves in its servers comes back: what a server holds before each of its tests is kept, and all of it is put into one,
//! a database for each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::redis::Redis;

use crate::difference::assert_same;
use crate::redis::everything;

const PASSWORD: &str = "canary-suite-redis";
const PORT: u16 = 63_790;
/// More databases than the suite fills.
const DATABASES: u32 = 1_024;
/// Files of the suite that make keys, of each kind and encoding.
const FILES: [&str; 18] = [
    "type/string",
    "type/incr",
    "type/list",
    "type/list-2",
    "type/list-3",
    "type/set",
    "type/zset",
    "type/hash",
    "type/stream",
    "type/stream-cgroups",
    "expire",
    "scan",
    "dump",
    "hyperloglog",
    "geo",
    "bitops",
    "bitfield",
    "keyspace",
];
/// What begins a test in the suite.
const BEGINNING: &str = "    send_data_packet $::test_server_fd testing $name\n";
/// Keeps what the server holds, unless that was kept before.
const KEEP: &str = r#"    catch {
        set looking [redis [srv 0 host] [srv 0 port] 0 $::tls]
        set digest [$looking debug digest]
        if {![info exists ::kept($digest)] && ![string match 0000000000* $digest]} {
            set ::kept($digest) 1
            $looking save
            set folder [lindex [$looking config get dir] 1]
            set name [lindex [$looking config get dbfilename] 1]
            file copy -force [file join $folder $name] [file join $::env(KEPT) $digest.rdb]
        }
        $looking close
    }
"#;
/// Gives all keys of a database to another server, without an end: some would be over before they are looked at.
const GIVE: &str = "local at = '0' repeat local found = redis.call('SCAN', at, 'COUNT', 500) at = found[1] \
    for _, key in ipairs(found[2]) do redis.call('PERSIST', key) end \
    if #found[2] > 0 then redis.call('MIGRATE', ARGV[1], ARGV[2], '', ARGV[3], 60000, 'COPY', 'REPLACE', 'AUTH', ARGV[4], 'KEYS', unpack(found[2])) end \
    until at == '0'";

/// Runs the suite, and returns the files with what its servers held.
fn run(suite: &Path, room: &Path) -> Vec<PathBuf> {
    let sources = room.join("suite");
    Finished::run(Command::new("cp").args(["-r", "--"]).arg(suite).arg(&sources)).success();
    let beginning = sources.join("tests/support/test.tcl");
    let text = fs::read_to_string(&beginning).unwrap();
    assert_eq!(text.matches(BEGINNING).count(), 1, "the suite is another one");
    fs::write(&beginning, text.replace(BEGINNING, &format!("{KEEP}{BEGINNING}"))).unwrap();
    let (programs, kept) = (sources.join("src"), room.join("kept"));
    fs::create_dir(&programs).unwrap();
    fs::create_dir(&kept).unwrap();
    for program in ["redis-server", "redis-cli", "redis-benchmark"] {
        std::os::unix::fs::symlink(Path::new("/usr/bin").join(program), programs.join(program)).unwrap();
    }
    let files = FILES
        .iter()
        .flat_map(|file| ["--single".to_owned(), format!("unit/{file}")]);
    let mut suite = Command::new("tclsh");
    // What it asserts is none of our business, so it goes on.
    suite
        .args([
            "tests/test_helper.tcl",
            "--clients",
            "2",
            "--durable",
            "--tags",
            "-slow -needs:repl -large-memory",
        ])
        .args(files)
        .current_dir(&sources)
        .env("KEPT", &kept);
    let said = Finished::run(&mut suite).said();
    let mut found: Vec<PathBuf> = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(found.len() > 100, "the suite left {} files\n{said}", found.len());
    found.sort();
    found
}

/// Puts what is in a file into databases of a server, from that number on; returns how many there were.
fn give(file: &Path, address: &str, first: u32) -> u32 {
    let folder = Redis::empty_folder();
    fs::copy(file, folder.path().join("dump.rdb")).unwrap();
    let server = Redis::start_with(folder, PASSWORD, &[]);
    let mut given = 0;
    let filled = server.run("INFO keyspace\n");
    let databases = filled
        .lines()
        .filter_map(|line| line.strip_prefix("db")?.split_once(':'));
    for (database, _) in databases {
        let to = first + given;
        server.run(&format!(
            "SELECT {database}\nEVAL \"{GIVE}\" 0 {address} {PORT} {to} {PASSWORD}\n"
        ));
        given += 1;
    }
    given
}

#[test]
#[ignore = "needs the sources of Redis: `make regression` fetches them"]
fn what_the_suite_of_redis_creates_comes_back() {
    let suite =
        PathBuf::from(std::env::var_os("BATT_REGRESSION_REDIS").expect("the folder of the suite is named"));
    let host = Host::new();
    let files = run(&suite, &host.scratch());
    // An address of this process alone, so that nobody else has the port: a process id has at most 22 bits (proc(5)).
    let [_, high, middle, low] = process::id().to_be_bytes();
    let address = format!("127.{}.{middle}.{low}", 192 + (high & 0x3f));
    let (databases, port) = (DATABASES.to_string(), PORT.to_string());
    let options = [
        "--databases",
        &databases,
        "--enable-debug-command",
        "yes",
        "--bind",
        &address,
        "--port",
        &port,
    ];
    let server = Redis::start_with(Redis::empty_folder(), PASSWORD, &options);
    let mut filled = 0;
    for file in &files {
        filled += give(file, &address, filled);
    }
    let before = everything(&server, filled);

    let socket = server.socket().display().to_string();
    host.configure("redis", &[("REDIS_SOCKET", &socket), ("REDISCLI_AUTH", PASSWORD)]);
    host.batt(&["redis"]).code(0);
    host.batt(&["verify"]).code(0);
    host.batt_drill("redis").code(0).says("proven");
    server.kill();
    let folder = Redis::empty_folder();
    let place = folder.path().display().to_string();
    host.batt_restore(&[], &["redis", "--into", &place]).code(0);
    let restored = Redis::start_with(folder, PASSWORD, &options);
    assert_same("what was restored", &before, &everything(&restored, filled));
}
