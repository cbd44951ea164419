//! What an account keeps of a process that ran as it, or has of the one that it came from: descriptors, keys, the terminal.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::triple::{DRILL, Notes};

const BOB: u32 = 61_030;
const ALICE: u32 = 61_031;

/// Lets whoever copies the database wait, takes the file that the copy is written to from it by pidfd_getfd(2), and reads that
/// file again when it is asked to, by /proc/self/fd.
const THIEF: &str = r#"
$| = 1;
open(my $lock, "|-", "sqlite3 -batch -init /dev/null app.db") or die;
select((select($lock), $| = 1)[0]);
print $lock "BEGIN EXCLUSIVE;\n.shell touch locked\n";
1 until -e "locked";
print "ready\n";
my ($held, $end) = (-1, time + 30);
while ($held < 0 and time < $end) {
    for my $open (glob "/proc/[0-9]*/fd/*") {
        my $to = readlink($open) or next;
        next unless $to =~ m{/copy/db$};
        my ($process, $number) = $open =~ m{(\d+)/fd/(\d+)$};
        my $handle = syscall(434, $process + 0, 0);
        $held = syscall(438, $handle, $number + 0, 0) if $handle >= 0;
        last if $held >= 0;
    }
}
close $lock;
print $held < 0 ? "nothing\n" : "held\n";
<STDIN>;
open(my $again, "<", "/proc/self/fd/$held") or (print("closed\n"), exit);
binmode $again;
if (-f $again) { local $/; print <$again> }
"#;

fn as_account(account: u32, folder: &Path, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    // The group that it has as what batt starts: it may look into a process of its own alone (ptrace(2)).
    command.args([format!("--reuid={account}"), "--regid=65534".to_owned()]);
    command
        .args(["--clear-groups", "--", program])
        .current_dir(folder);
    command
}

fn database(ground: &Path, name: &str, account: u32, content: &str) -> PathBuf {
    let folder = ground.join(name);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&folder, Some(account), Some(account)).unwrap();
    let statements = format!("CREATE TABLE t(a); INSERT INTO t VALUES ('{content}');");
    let mut command = as_account(account, &folder, "sqlite3");
    command.args(["-bail", "-init", "/dev/null", "app.db"]);
    Finished::run_with(&mut command, statements.as_bytes()).code(0);
    folder.join("app.db")
}

#[test]
fn who_took_the_file_of_its_copy_reads_no_copy_of_another() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: an attack on root needs root");
        return;
    }
    let ground = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let his = database(ground.path(), "bob", BOB, "his own");
    let hers = database(ground.path(), "alice", ALICE, "hers alone");
    let mut thief = as_account(BOB, his.parent().unwrap(), "perl")
        .args(["-e", THIEF])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(thief.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let host = Host::new();
    let item = |path: &Path| format!("--sqlite-db={}", path.display());
    host.batt(&[&item(&his), &item(&hers)]).code(0);
    line.clear();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "held\n", "the attack did not take place");
    thief.stdin.take().unwrap().write_all(b"now\n").unwrap();
    let mut found = Vec::new();
    said.read_to_end(&mut found).unwrap();
    thief.wait().unwrap();
    assert!(
        !String::from_utf8_lossy(&found).contains("hers alone"),
        "one tenant reads the database of another"
    );
}

/// Puts a key into the keyring of the session, and becomes a command.
const KEY_OWNER: &str = r#"
my ($type, $name, $key) = ("user", "batt-test", "a key of root");
die "no keyrings here: $!" if syscall(248, $type, $name, $key, length $key, -3) < 0;
exec @ARGV or die;
"#;

/// Reads that key.
const KEY_THIEF: &str = r#"
my ($type, $name, $key) = ("user", "batt-test", "\0" x 64);
my $found = syscall(250, 10, -3, $type, $name, 0);
print "key: ", $found < 0 ? "$!\n" : syscall(250, 11, $found, $key, 64) < 0 ? "$!\n" : "$key\n";
"#;

/// Returns what the thief of keys says when batt, which root called in a session with a key, is called with these arguments.
fn stolen_keys(host: &Host, arguments: &[&str]) -> Finished {
    host.batt_within("perl", &["-e", KEY_OWNER], arguments)
}

#[test]
#[cfg(target_arch = "x86_64")]
fn nobody_reads_the_keys_of_the_session_that_batt_is_called_in() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: an attack on root needs root");
        return;
    }
    let host = Host::new();
    let ground = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let his = database(ground.path(), "bob", BOB, "his own");
    let owner = his.display().to_string();
    let named = BOB.to_string();
    for (whom, is_barred) in [
        (&["--owner-of", owner.as_str()][..], true),
        (&[named.as_str()][..], false),
    ] {
        let arguments: Vec<&str> = ["as"]
            .iter()
            .chain(whom)
            .chain(&["--", "perl", "-e", KEY_THIEF])
            .copied()
            .collect();
        let said = stolen_keys(&host, &arguments).code(0).said();
        assert_eq!(
            said.contains("key: Function not implemented"),
            is_barred,
            "{said}"
        );
        assert_eq!(said.contains("a key of root"), !is_barred, "{said}");
    }
    let (notes, _) = Notes::backed_up();
    let drill = DRILL.replace(
        "\"${0%/*}",
        &format!("perl -e '{}'\n\"${{0%/*}}", KEY_THIEF.replace('\'', "'\\''")),
    );
    notes.host.companion("drill-notes", &drill);
    let said = stolen_keys(&notes.host, &["drill", "notes"]).said();
    assert!(said.contains("key: Function not implemented"), "{said}");
    assert!(!said.contains("a key of root"), "{said}");
}

/// Types a letter for whoever reads the terminal next.
const TYPIST: &str = r#"
open(my $terminal, "+<", "/dev/tty") or die "no terminal: $!";
my $letter = "x";
print ioctl($terminal, 0x5412, $letter) ? "typed: yes\n" : "typed: $!\n";
"#;

#[test]
fn another_account_types_nothing_into_the_terminal_of_root() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: an attack on root needs root");
        return;
    }
    let host = Host::new();
    let file = host.scratch().join("typist");
    fs::write(&file, TYPIST).unwrap();
    // A terminal of its own, as a person has one.
    let typed = format!(
        "exec script --quiet --return --command 'exec \"$BATT\" as {BOB} -- perl -e \"$TYPIST\"' /dev/null"
    );
    let said = host
        .batt_within(
            "bash",
            &[
                "-c",
                &format!(
                    "export BATT=\"$1\" TYPIST=\"$(cat '{}')\"; {typed}",
                    file.display()
                ),
                "bash",
            ],
            &["--version"],
        )
        .said();
    assert!(said.contains("typed: ") && !said.contains("yes"), "{said}");
}

#[test]
fn what_looked_at_one_copy_does_not_outlive_that() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: an attack on root needs root");
        return;
    }
    let host = Host::new();
    let ground = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let his = database(ground.path(), "bob", BOB, "his own");
    let hers = database(ground.path(), "alice", ALICE, "hers alone");
    let open = ground.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    // What a program that looks at a hostile file may have become.
    let programs = ground.path().join("programs");
    fs::create_dir(&programs).unwrap();
    fs::set_permissions(&programs, fs::Permissions::from_mode(0o755)).unwrap();
    let program = programs.join("sqlite3");
    // It stays, and waits for the next one.
    let lingering = format!(
        r#"#!/bin/bash
if [ "$(id -u)" -ge 61184 ] && grep -qs 'his own' db; then
    setsid bash -c 'end=$((SECONDS + 20))
        until grep -qs "hers alone" db; do [ $SECONDS -lt $end ] || exit; done; cp db {}/stolen' </dev/null >/dev/null 2>&1 &
fi
exec /usr/bin/sqlite3 "$@"
"#,
        open.display()
    );
    fs::write(&program, lingering).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display());
    host.configure("sqlite", &[("PATH", &path)]);
    let item = |path: &Path| format!("--sqlite-db={}", path.display());
    host.batt(&[&item(&his), &item(&hers)]);
    let stolen = fs::read_dir(&open).unwrap().count();
    assert_eq!(stolen, 0, "what looked at one database saw the next");
}

#[test]
fn the_number_that_changes_no_account_is_none() {
    let host = Host::new();
    host.batt(&["as", "4294967295", "--", "id", "-u"])
        .code(69)
        .says("there is no account `4294967295`");
}
