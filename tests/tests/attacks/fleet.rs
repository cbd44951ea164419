//! Hosts, and files of the fleet, that others control.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::fleet::{Fleet, quoted, texts_below};

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
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with("/tmp/batt-fleet-")) {
        if folder.metadata().unwrap().permissions().mode() & 0o7777 == 0o700 {
            chmod(folder, 0o711);
        }
    }
}

/// The settings of a fleet hold passwords; an account that can write the inventory had them pushed to a host of its own.
#[test]
fn an_inventory_that_another_account_can_write_brings_nobody_the_settings() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("conf/backup-work.conf", "WORK_PASSWORD=hunter2\n");
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
                fs::copy(fleet.fleet_folder().join("inventory.toml"), above.join("inventory.toml")).unwrap();
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
    fleet.fleet(&["run", "--work-db", "shop"]).code(77).says("backup-work");
}

/// A pipe of one's own is as good as what one types; a file that others can write is not, however it is opened.
#[test]
fn an_inventory_may_come_by_a_pipe_of_ones_own() {
    let fleet = Fleet::of(&["db1"]);
    let mut command = fleet.command();
    let inventory = fleet.fleet_folder().join("inventory.toml");
    let text = fs::read(&inventory).unwrap();
    let listed = Finished::run_with(command.args(["inventory", "list", "-i", "/dev/stdin"]), &text);
    assert_eq!(listed.code(0).stdout, "db1\n");
    let program = batt_tests::host::under_test("batt-fleet");
    let shell = |line: &str| {
        Finished::run(
            Command::new("bash")
                .args(["-c", line])
                .arg(&program)
                .current_dir(fleet.fleet_folder()),
        )
    };
    let substituted = shell("\"$0\" inventory list -i <(cat inventory.toml)");
    assert_eq!(substituted.code(0).stdout, "db1\n");
    assert_eq!(shell("\"$0\" inventory list -i /dev/stdin < inventory.toml").code(0).stdout, "db1\n");
    chmod(&inventory, 0o666);
    shell("\"$0\" inventory list -i /dev/stdin < inventory.toml").code(77).says("others can write");
}

/// A file of settings that is not read yet is not passed over in silence.
#[test]
fn settings_that_are_not_read_are_named() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("fleet.toml", "forks = 1\n");
    fleet.fleet(&["inventory", "list"]).code(0).says("`fleet.toml` is not read");
}
