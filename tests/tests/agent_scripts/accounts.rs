//! What a command finds that a script runs as another account.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;

use super::*;

/// Prints what a process is and has: its status, its descriptors, its environment.
const LOOK: &str = "cat /proc/self/status; echo; ls /proc/self/fd; echo; env; echo; umask; pwd; ulimit -c";

fn root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can run a command as another account");
    }
    is_root
}

/// What a command saw.
struct Seen {
    status: BTreeMap<String, String>,
    descriptors: Vec<String>,
    environment: BTreeMap<String, String>,
    /// The mask for modes, the working folder, the limit of core files.
    rest: Vec<String>,
}

impl Seen {
    fn read(text: &str) -> Self {
        let mut parts = text.split("\n\n").map(|part| part.lines().map(str::to_owned));
        let mut part = || parts.next().expect("four parts").collect::<Vec<String>>();
        let pairs = |lines: Vec<String>, separator: char| {
            lines
                .iter()
                .filter_map(|line| line.split_once(separator))
                .map(|(key, value)| {
                    (
                        key.to_owned(),
                        value.split_whitespace().collect::<Vec<_>>().join(" "),
                    )
                })
                .collect()
        };
        Self {
            status: pairs(part(), ':'),
            descriptors: part(),
            environment: pairs(part(), '='),
            rest: part(),
        }
    }

    #[track_caller]
    fn assert_powerless(&self, uid: u32, gid: u32) {
        assert_eq!(self.status["Uid"], format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(self.status["Gid"], format!("{gid} {gid} {gid} {gid}"));
        assert_eq!(self.status["Groups"], "");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(self.status[set], "0000000000000000", "{set}");
        }
        assert_eq!(self.status["NoNewPrivs"], "1");
        // The last one is that of the listing itself.
        assert_eq!(self.descriptors, ["0", "1", "2", "3"]);
        assert_eq!(self.rest[0], "0077");
        assert_eq!(self.rest[2], "0");
    }
}

/// Runs a script that holds descriptors and settings, and returns what a command saw that it ran by `batt as {arguments}`.
#[track_caller]
fn look(host: &Host, arguments: &str) -> Seen {
    host.conf(
        "backup-look.conf",
        "SOME_PASSWORD=hunter2\nPGHOST=/run/x\nPGPORT=7\n",
    );
    let body = format!(
        "exec 7</etc/hostname 9>>\"$BATT_DEST/look/held\"; echo x >&9; batt as {arguments} -- sh -c '{LOOK}' > \"$BATT_DEST/look/seen\""
    );
    let outcome = host.try_script("look", &body);
    Seen::read(&fs::read_to_string(outcome.succeeded().join("seen")).unwrap())
}

#[test]
fn a_command_has_nothing_of_root() {
    if !root() {
        return;
    }
    let host = Host::new();
    let seen = look(&host, "61005");
    seen.assert_powerless(61_005, 65_534);
    assert_eq!(seen.rest[1], "/");
    let names: Vec<&str> = seen.environment.keys().map(String::as_str).collect();
    let expected = ["BATT_MARK", "HOME", "LC_ALL", "LOGNAME", "PATH", "PWD", "USER"];
    // A shell brings some of its own.
    let known = |name: &&str| !["OLDPWD", "SHLVL", "_", "TZ"].contains(name);
    assert_eq!(names.into_iter().filter(known).collect::<Vec<_>>(), expected);
    assert_eq!(seen.environment["USER"], "61005");
    assert_eq!(seen.environment["HOME"], "/nonexistent");
}

#[test]
fn an_account_with_a_name_has_its_home_and_what_is_kept_for_it() {
    if !root() {
        return;
    }
    let host = Host::new();
    let seen = look(&host, "--keep 'PG*' --in /usr daemon");
    seen.assert_powerless(1, 1);
    assert_eq!(seen.rest[1], "/usr");
    assert_eq!(seen.environment["LOGNAME"], "daemon");
    assert_eq!(seen.environment["HOME"], "/usr/sbin");
    assert_eq!(seen.environment["PGHOST"], "/run/x");
    assert_eq!(seen.environment["PGPORT"], "7");
    assert!(!seen.environment.contains_key("SOME_PASSWORD"));
}

#[test]
fn root_itself_is_left_without_what_makes_it_mighty() {
    if !root() {
        return;
    }
    let host = Host::new();
    look(&host, "root").assert_powerless(0, 0);
}

#[test]
fn a_stranger_is_nobody_and_of_one_call_alone() {
    if !root() {
        return;
    }
    let host = Host::new();
    let stranger = look(&host, "--nobody");
    let uid: u32 = stranger.environment["USER"].parse().unwrap();
    assert!((61_184..=65_519).contains(&uid), "{uid}");
    stranger.assert_powerless(uid, uid);
    // Two calls at a time have two of them, and what one leaves running is ended with its call. Its number is another one's by then.
    let long = format!("3600{}", std::process::id());
    let body = |other: &str| {
        format!(
            "echo $BATT_STRANGER > $BATT_DEST/$BATT_SERVICE/a; touch {here}/$BATT_SERVICE
             until [ -e {here}/{other} ]; do sleep 0.01; done
             batt as --nobody -- setsid sh -c 'unset BATT_MARK; exec sleep {long} >/dev/null 2>&1 </dev/null' &
             while ! grep -qs \"^Uid:.$BATT_STRANGER\" /proc/[0-9]*/status; do sleep 0.01; done",
            here = host.scratch().display()
        )
    };
    host.drop_in("one", &body("two"));
    host.drop_in("two", &body("one"));
    let finished = host.batt(&["--jobs", "2", "one", "two"]);
    finished.code(0);
    let uid_of = |service| fs::read_to_string(host.backup(service).join("a")).unwrap();
    let (one, two) = (uid_of("one"), uid_of("two"));
    assert_ne!(one, two);
    assert_none_lives(&long);
}

#[test]
fn an_owner_is_found_by_its_file_and_works_beside_it() {
    if !root() {
        return;
    }
    let host = Host::new();
    let folder = host.scratch().join("of an owner");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("a");
    fs::write(&file, "x").unwrap();
    for path in [&folder, &file] {
        chown(path, Some(61_006), Some(61_006)).unwrap();
    }
    let seen = look(&host, &format!("--owner-of \"{}\"", file.display()));
    seen.assert_powerless(61_006, 65_534);
    assert_eq!(seen.rest[1], folder.to_str().unwrap());
}

#[test]
fn a_file_that_others_could_have_put_there_is_refused_by_name() {
    if !root() {
        return;
    }
    let host = Host::new();
    let folder = host.scratch().join("f");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("a");
    fs::write(&file, "x").unwrap();
    let as_owner = |path: &Path| {
        let path = path.to_str().unwrap();
        let mut command = host.batt_command(&["as", "--owner-of", path, "--", "true"]);
        Finished::run(&mut command)
    };
    as_owner(&file).code(0);
    let refused = |path: &Path, words: &[&str]| {
        let said = as_owner(path).code(77).said();
        for word in words.iter().chain(&[path.to_str().unwrap()]) {
            assert!(said.contains(word), "`{word}` is not in {said}");
        }
    };
    // Another account's folder.
    chown(&folder, Some(61_007), Some(61_007)).unwrap();
    refused(&file, &["belongs to user 0", "controlled by user 61007"]);
    chown(&file, Some(61_007), Some(61_007)).unwrap();
    as_owner(&file).code(0);
    // A folder that everybody writes to, sticky or not: a journal could be planted.
    chmod(&folder, 0o777);
    refused(&file, &["controlled by"]);
    chown(&folder, Some(0), Some(0)).unwrap();
    chmod(&folder, 0o1777);
    refused(&file, &["everybody can write to"]);
    chmod(&folder, 0o755);
    // Links, also on the way.
    let link = folder.join("link");
    symlink(&file, &link).unwrap();
    refused(&link, &["a symbolic link to", "/f/a"]);
    let way = host.scratch().join("way");
    symlink(&folder, &way).unwrap();
    as_owner(&way.join("a")).code(0);
    std::os::unix::fs::lchown(&way, Some(61_007), Some(61_007)).unwrap();
    let said = as_owner(&way.join("a")).code(77).said();
    assert!(said.contains("symbolic link"), "{said}");
}

#[test]
fn the_end_of_a_command_is_the_end_of_as() {
    let host = Host::new();
    let uid = rustix::process::geteuid().as_raw().to_string();
    let run = |arguments: &[&str]| {
        let mut command = host.batt_command(&["as"]);
        Finished::run(command.args(arguments))
    };
    run(&[&uid, "--", "sh", "-c", "exit 42"]).code(42);
    run(&[&uid, "--", "/no/such/program"]).code(127);
    run(&[&uid, "--", "/etc"]).code(126);
    run(&["no-such-account-here", "--", "true"]).code(69);
    run(&["--", "true"]).code(64);
    run(&["daemon", "--nobody", "--", "true"]).code(64);
}
