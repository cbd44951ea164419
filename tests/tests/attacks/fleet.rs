//! Hosts, and files of the fleet, that others control.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::fleet::{Fleet, assert_class, host_of, quoted, texts_below};

/// An account that nobody has.
const STRANGER: u32 = 61_000;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs a line of shell as the stranger.
fn as_stranger(line: &str, path: &Path, stdin: &[u8]) -> Finished {
    let mut command = Command::new("setpriv");
    command
        .args([
            &format!("--reuid={STRANGER}"),
            &format!("--regid={STRANGER}"),
            "--clear-groups",
            "sh",
            "-c",
        ])
        .arg(line)
        .arg("sh")
        .arg(path);
    Finished::run_with(&mut command, stdin)
}

/// Makes the folders above what the stranger is to reach passable.
fn open_the_way_to(path: &Path) {
    for folder in path
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with("/tmp/batt-fleet-"))
    {
        if folder.metadata().unwrap().permissions().mode() & 0o7777 == 0o700 {
            chmod(folder, 0o711);
        }
    }
}

/// The settings of a fleet hold passwords; an account that can write the inventory had them pushed to a host of its own.
#[test]
fn an_inventory_that_another_account_can_write_brings_nobody_the_settings() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("conf/backup-shop.conf", "SHOP_PASSWORD=hunter2\n");
    let thief = fleet.scratch().join("thief");
    let mut command = fleet.command();
    let inventory = fleet.fleet_folder().join("inventory.toml");
    open_the_way_to(&inventory);
    chmod(&inventory, 0o666);
    let text = fs::read_to_string(&inventory).unwrap();
    let home = fleet.home("db1");
    let changed = text.replace(home.to_str().unwrap(), thief.to_str().unwrap());
    assert_ne!(text, changed);
    let wrote = as_stranger("cat > \"$1\"", &inventory, changed.as_bytes());
    assert_eq!(wrote.code, Some(0), "{}", wrote.stderr);
    let finished = Finished::run(command.args(["run", "--group", "db"]));
    let stolen = texts_below(&thief);
    assert!(
        !stolen.values().any(|text| text.contains("hunter2")),
        "the thief has the password: {:?}",
        stolen.keys()
    );
    assert_eq!(finished.code, Some(77), "{}", finished.said());
    finished.says(&format!("chmod go-w {}", inventory.display()));
}

/// Whatever decides where we connect, as whom, with which key and what is pushed is refused when others could have written
/// it, and no host is contacted.
#[test]
fn what_decides_about_hosts_is_refused_when_others_can_write_it() {
    type Case = (&'static str, fn(&Fleet) -> PathBuf, &'static [&'static str]);
    let cases: &[Case] = &[
        (
            "the fleet folder",
            |fleet| {
                chmod(&fleet.fleet_folder(), 0o777);
                fleet.fleet_folder()
            },
            &["run"],
        ),
        (
            "a folder above the inventory, of another account",
            |fleet| {
                let above = fleet.scratch().join("lent");
                fs::create_dir(&above).unwrap();
                fs::copy(
                    fleet.fleet_folder().join("inventory.toml"),
                    above.join("inventory.toml"),
                )
                .unwrap();
                lchown(&above, Some(STRANGER), None).unwrap();
                above
            },
            &["run", "-i", "../scratch/lent/inventory.toml"],
        ),
        (
            "a link of another account in a sticky folder",
            |fleet| {
                let place = fleet.scratch().join("tmp");
                fs::create_dir(&place).unwrap();
                chmod(&place, 0o1777);
                let link = place.join("hosts.toml");
                std::os::unix::fs::symlink(fleet.fleet_folder().join("inventory.toml"), &link).unwrap();
                lchown(&link, Some(STRANGER), None).unwrap();
                link
            },
            &["run", "-i", "../scratch/tmp/hosts.toml"],
        ),
        (
            "settings of one host",
            |fleet| {
                let file = fleet.fleet_folder().join("conf/hosts/db1/backup-work.conf");
                chmod(&file, 0o666);
                file
            },
            &["run"],
        ),
        (
            "host keys that are named",
            |fleet| {
                let file = fleet.scratch().join("known_hosts");
                fs::write(&file, "").unwrap();
                chmod(&file, 0o666);
                file
            },
            &["run", "--known-hosts", "../scratch/known_hosts"],
        ),
        (
            "host keys of the person",
            |fleet| {
                let folder = fleet.user_home().join(".ssh");
                fs::create_dir(&folder).unwrap();
                let file = folder.join("known_hosts");
                fs::write(&file, "").unwrap();
                chmod(&file, 0o622);
                file
            },
            &["run"],
        ),
        (
            "the folder of the key to log in with",
            |fleet| {
                let folder = fleet.scratch().join("keys");
                fs::create_dir(&folder).unwrap();
                let key = folder.join("id");
                fs::copy(fleet.with(|sshd| sshd.identity.clone()), &key).unwrap();
                chmod(&key, 0o600);
                chmod(&folder, 0o777);
                fleet.set("db1", "identity", &quoted(key.to_str().unwrap()));
                folder
            },
            &["run"],
        ),
        (
            "what settings of the controller will be read from",
            |fleet| {
                let file = fleet.fleet_folder().join("fleet.toml");
                fs::write(&file, "").unwrap();
                chmod(&file, 0o666);
                file
            },
            &["run"],
        ),
        (
            "an agent to install",
            |fleet| {
                let file = fleet.scratch().join("batt");
                fs::copy(batt_tests::host::under_test("batt"), &file).unwrap();
                chmod(&file, 0o777);
                file
            },
            &["push", "--agent-file", "../scratch/batt"],
        ),
    ];
    for (what, open, arguments) in cases {
        let fleet = Fleet::of(&["db1"]);
        fleet.command();
        let path = open(&fleet);
        let finished = fleet.fleet(arguments);
        assert_eq!(finished.code, Some(77), "{what}: {}", finished.said());
        finished.says(path.file_name().unwrap().to_str().unwrap());
        finished.says("hint: ");
        assert!(!fleet.home("db1").exists(), "{what}: the host was contacted");
    }
}

/// What a script of the folder brings as an option is not known where the script is refused; that is the reason, and no
/// mistake of the person.
#[test]
fn an_option_of_a_script_that_is_refused_is_no_mistake_of_the_person() {
    let fleet = Fleet::of(&["db1"]);
    chmod(&fleet.fleet_folder().join("scripts-available/backup-work"), 0o777);
    fleet
        .fleet(&["run", "--work-db", "shop"])
        .code(77)
        .says("backup-work");
}

/// A pipe of one's own is as good as what one types; a file that others can write is not, however it is opened.
#[test]
fn an_inventory_may_come_by_a_pipe_of_ones_own() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("hosts.txt", "db7\n");
    let hosts = fleet.fleet_folder().join("hosts.txt");
    chmod(&hosts, 0o644);
    let mut command = fleet.command();
    let listed = Finished::run_with(command.args(["inventory", "list", "-i", "/dev/stdin"]), b"db7\n");
    assert_eq!(listed.code(0).stdout, "db7\n");
    let program = batt_tests::host::under_test("batt-fleet");
    let shell = |line: &str| {
        Finished::run(
            Command::new("bash")
                .args(["-c", line])
                .arg(&program)
                .current_dir(fleet.fleet_folder()),
        )
    };
    let substituted = shell("\"$0\" inventory list -i <(cat hosts.txt)");
    assert_eq!(substituted.code(0).stdout, "db7\n");
    let redirected = "\"$0\" inventory list -i /dev/stdin < hosts.txt";
    assert_eq!(shell(redirected).code(0).stdout, "db7\n");
    assert_eq!(
        shell("\"$0\" inventory list -i /dev/stdin <<< db7")
            .code(0)
            .stdout,
        "db7\n"
    );
    chmod(&hosts, 0o666);
    shell(redirected).code(77).says("others can write");
}

/// A file of settings that is not read yet is not passed over in silence.
#[test]
fn settings_that_are_not_read_are_named() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("fleet.toml", "forks = 1\n");
    fleet
        .fleet(&["inventory", "list"])
        .code(0)
        .says("`fleet.toml` is not read");
}

/// The beginning of an agent that is none: it greets with an id, takes the order, and has the run's id in `$run`.
const TAKES_THE_ORDER: &str = r#"#!/bin/sh
say() { printf '%s\n' "$1"; }
say '{"batt":{"version":"0.1.0","protocol":{"oldest":1,"newest":1},"host_id":"HOST","host":"fake","home":"ready","bundle":"none","time":"2026-01-31T02:30:00Z"}}'
read -r order
run=$(printf %s "$order" | sed 's/.*"run":"\([^"]*\)".*/\1/')
say '{"reply":"accepted","run":"'$run'","attached":false}'
read -r follow
event() { say '{"reply":"event","run":"'$run'","event":{"sequence":'"$1"',"at":"2026-01-31T02:30:00Z","event":'"$2"'}}'; }
event 1 '{"kind":"run-started","run":"'$run'","host":"fake","version":"0.1.0","services":["work"],"path":"/b","utc_offset":0,"asked_by":{"user":"root"}}'
event 2 '{"kind":"service-started","service":"work","items":[],"expected_bytes":18446744073709551615}'
"#;

/// Numbers, texts and lists of a host that no host can mean: they are bounded where they are read, so that neither the
/// document nor the table shows nonsense, and another host's line cannot be forged.
#[test]
fn what_a_host_says_of_itself_is_bounded() {
    let fleet = Fleet::of(&["db1", "db2"]);
    let absurd = r#"
reason=$(head -c 20000 /dev/zero | tr '\0' r)
event 3 '{"kind":"service-ended","report":{"service":"work","outcome":"failed","path":null,"bytes":18446744073709551615,"seconds":1e308,"reason":"'$reason'","warnings":["\u001b[2J\ndb9: ok"]}}'
event 4 '{"kind":"run-ended","exit":2,"seconds":-1}'
say '{"reply":"ended","run":"'$run'","exit":2,"state":"ended"}'
read -r more
"#;
    fleet.fake_agent("db1", &(TAKES_THE_ORDER.replace("HOST", "one") + absurd));
    fleet.fake_agent("db2", &(TAKES_THE_ORDER.replace("HOST", "two") + absurd));
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "never"]);
    assert_eq!(code, Some(2), "{document:#}");
    for host in ["db1", "db2"] {
        let told = host_of(&document, host);
        assert!(told["reason"].as_str().unwrap().len() < 1_100, "{told:#}");
        let service = &told["services"][0];
        assert!(
            service["bytes"].as_u64().unwrap() < 1 << 53,
            "{}",
            service["bytes"]
        );
        let seconds = service["seconds"].as_f64().unwrap();
        assert!((0.0..1e9).contains(&seconds), "{seconds}");
        assert!(service["reason"].as_str().unwrap().len() < 1_100);
    }
    let said = fleet
        .fleet(&["run", "-g", "db", "--push", "never"])
        .code(2)
        .said();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("db9")), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() < 1_300),
        "a line is longer than any reason"
    );
}

/// Lists that are too long and JSON that is too deep are the end of the conversation, not of the memory.
#[test]
fn a_host_that_sends_lists_without_end_or_deep_nests_is_refused() {
    let fleet = Fleet::of(&["deep", "many"]);
    let deep = r#"
nest=$(head -c 30000 /dev/zero | tr '\0' '[')
say '{"reply":"event","run":"'$run'","event":'$nest
read -r more
"#;
    let many = r#"
services=$(seq -f '"s%.0f"' -s, 5000)
say '{"reply":"event","run":"'$run'","event":{"sequence":9,"at":"2026-01-31T02:30:00Z","event":{"kind":"run-started","run":"'$run'","host":"fake","version":"0.1.0","services":['$services'],"path":"/b","utc_offset":0,"asked_by":{"user":"root"}}}}'
read -r more
"#;
    fleet.fake_agent("deep", &(TAKES_THE_ORDER.replace("HOST", "one") + deep));
    fleet.fake_agent("many", &(TAKES_THE_ORDER.replace("HOST", "two") + many));
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "never"]);
    assert_eq!(code, Some(4), "{document:#}");
    assert_class(&document, "deep", "protocol", "recursion limit");
    assert_class(&document, "many", "protocol", "5000 services");
}

/// The id of a host is remembered under its name: whoever claims it later is refused, also when it answers first.
#[test]
fn an_impostor_cannot_push_a_host_out_by_its_id() {
    let fleet = Fleet::of(&["fast", "db1"]);
    fleet.fleet(&["run", "-l", "db1"]).code(0);
    let id = fs::read_to_string(fleet.home("db1").join("var/host-id")).unwrap();
    fleet.fake_agent("fast", &TAKES_THE_ORDER.replace("HOST", id.trim()));
    // One host at a time, in the order of the inventory: the impostor answers first.
    let (code, document) = fleet.json(&["run", "-g", "db", "-f", "1", "--push", "never"]);
    assert_class(&document, "fast", "policy", "`db1`");
    assert_class(&document, "db1", "ok", "");
    assert_ne!(code, Some(0), "{document:#}");
}

/// A state folder that another account can write to tells lies of runs and hosts, and what is kept there is theirs to read.
#[test]
fn a_state_folder_of_another_account_is_refused() {
    let fleet = Fleet::of(&["db1"]);
    fleet.fleet(&["run", "-g", "db"]).code(0);
    let state = fleet.state();
    for (path, mode) in [("runs", 0o700), (".", 0o755)] {
        let mode_now = state.join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert!(mode_now & 0o077 == 0 || mode & 0o077 != 0, "{path}: {mode_now:o}");
    }
    let journals = texts_below(&state);
    assert!(journals.len() >= 3, "{:?}", journals.keys());
    for path in journals.keys() {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    chmod(&state, 0o777);
    fleet
        .fleet(&["run", "-g", "db"])
        .code(77)
        .says("others can write");
    fleet.fleet(&["runs"]).code(77);
    fleet.fleet(&["logs", "--last"]).code(77);
    chmod(&state, 0o700);
    lchown(state.join("runs"), Some(STRANGER), None).unwrap();
    fleet.fleet(&["runs"]).code(77).says("belongs to user 61000");
}

/// What lies in a fleet folder and is no plain file of ours is never sent, and the settings of a host go to no other.
#[test]
fn a_host_gets_its_own_settings_and_nothing_else_of_the_folder() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.file("conf/hosts/db1/backup-app.conf", "APP_PASSWORD=of-db1\n");
    fleet.file("conf/hosts/db2/backup-app.conf", "APP_PASSWORD=of-db2\n");
    fleet.file("conf/groups/db/backup-work.conf", "COLOUR=blue\n");
    // A set-user-ID bit of ours gives nobody anything there.
    chmod(
        &fleet.fleet_folder().join("scripts-available/backup-work"),
        0o4755,
    );
    fleet.fleet(&["push"]).code(0);
    let of_db2 = texts_below(&fleet.home("db2"));
    assert!(of_db2.values().any(|text| text.contains("of-db2")));
    assert!(
        !of_db2.values().any(|text| text.contains("of-db1")),
        "{:?}",
        of_db2.keys()
    );
    let script = fleet.home("db2").join("scripts-available/backup-work");
    assert_eq!(script.metadata().unwrap().permissions().mode() & 0o7022, 0);
    let said = fleet.fleet(&["push", "--check", "--diff"]).said();
    assert!(!said.contains("of-db"), "{said}");
    let conf = fleet.fleet_folder().join("conf");
    let odd = conf.join("backup-odd.conf");
    let cases: &[(&str, &dyn Fn())] = &[
        ("a link", &|| {
            std::os::unix::fs::symlink("/etc/shadow", &odd).unwrap()
        }),
        ("a pipe", &|| {
            assert!(Command::new("mkfifo").arg(&odd).status().unwrap().success())
        }),
        ("a device", &|| {
            assert!(
                Command::new("mknod")
                    .arg(&odd)
                    .args(["c", "1", "5"])
                    .status()
                    .unwrap()
                    .success()
            );
        }),
        ("a folder", &|| fs::create_dir(&odd).unwrap()),
        ("a large file", &|| {
            fs::write(&odd, vec![b'#'; (4 << 20) + 1]).unwrap()
        }),
    ];
    for (what, make) in cases {
        make();
        let finished = fleet.fleet(&["push"]);
        assert_eq!(finished.code, Some(64), "{what}: {}", finished.said());
        finished.says("backup-odd.conf");
        if odd.is_dir() && !odd.is_symlink() {
            fs::remove_dir(&odd)
        } else {
            fs::remove_file(&odd)
        }
        .unwrap();
    }
}
