//! What an account keeps of a process that ran as it: descriptors, by which it reaches what is written to them later.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::Host;

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
    for my $process (glob "/proc/[0-9]*") {
        my $to = readlink("$process/fd/1") or next;
        next unless $to =~ m{/db$};
        my $handle = syscall(434, substr($process, 6) + 0, 0);
        $held = syscall(438, $handle, 1, 0) if $handle >= 0;
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
