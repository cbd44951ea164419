//! What the content of a backup can see and do while it is rehearsed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::assert_none_lives;
use batt_tests::server::postgresql::Postgresql;
use batt_tests::triple::{DRILL, Notes};
use serde_json::{Value, json};

/// A secret of the settings of a host.
pub(crate) const CANARY: &str = "canary-of-the-settings-5d1c";

/// A folder of this host that everybody can write into, as /tmp is.
fn open_folder(host: &Host) -> PathBuf {
    let folder = host.scratch().join("open");
    fs::create_dir(&folder).unwrap();
    for part in folder
        .ancestors()
        .skip(1)
        .take_while(|part| part.starts_with(host.root()))
    {
        chmod(part, 0o755);
    }
    chmod(&folder, 0o1777);
    folder
}

/// Returns a descriptor that whoever calls batt forgot to close, of a file that holds a secret.
fn forgotten(host: &Host) -> String {
    let path = host.root().join("forgotten");
    fs::write(&path, CANARY).unwrap();
    path.display().to_string()
}

/// Runs `batt` as a caller does who left a descriptor open.
fn batt_with_a_descriptor(host: &Host, arguments: &[&str]) -> Finished {
    let open = format!("exec 57<'{}'; exec \"$@\"", forgotten(host));
    host.batt_within("bash", &["-c", &open, "bash"], arguments)
}

/// A server with a table whose constraint runs a program wherever its rows are loaded.
fn server_with_a_trap(program: &str) -> Postgresql {
    let server = Postgresql::start();
    server.sql(
        "postgres",
        "CREATE FUNCTION trap() RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE TABLE bait (id int CHECK (trap())); INSERT INTO bait VALUES (1);",
    );
    let program = program.replace('\'', "''");
    server.sql(
        "postgres",
        &format!(
            "CREATE OR REPLACE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS
             $trap$ BEGIN COPY (SELECT 1) TO PROGRAM '{program}'; RETURN true; END $trap$;"
        ),
    );
    server
}

#[test]
fn the_constraint_of_a_dump_runs_a_program_that_reaches_nothing() {
    let host = Host::new();
    let open = open_folder(&host);
    let production = Postgresql::start();
    let settings = production.environment();
    let value = |wanted: &str| {
        let found = settings.iter().find(|(key, _)| *key == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (socket, port, user) = (value("PGHOST"), value("PGPORT"), value("PGUSER"));
    // Whatever the constraint can find out, it leaves in a folder of the host.
    let program = format!(
        "cat >/dev/null; ( cd '{0}' && {{ id >who; tr '\\0' '\\n' </proc/self/environ >environment;
         for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ; done >>environment;
         cat /proc/self/fd/57 /proc/[0-9]*/fd/57 >descriptors;
         psql 'host={socket} port={port} user={user} dbname=postgres' -c 'CREATE TABLE stolen ()'; }} ) 2>/dev/null || true",
        open.display()
    );
    let server = server_with_a_trap(&program);
    let mut settings = server.environment();
    settings.push(("SHOP_PASSWORD", CANARY.to_owned()));
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    host.configure("postgresql", &settings);
    host.batt_promised("postgresql", &["postgres"]).success();
    let finished = batt_with_a_descriptor(&host, &["drill", "postgresql"]);
    let found: Vec<String> = fs::read_dir(&open)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let what = if text.contains(CANARY) {
                ", with the secret"
            } else {
                ""
            };
            format!(
                "{}: {} bytes{what}",
                entry.file_name().to_string_lossy(),
                text.len()
            )
        })
        .collect();
    assert!(
        found.is_empty(),
        "written outside: {found:?}\n{}",
        finished.said()
    );
    let stolen = production.sql(
        "postgres",
        "SELECT count(*) FROM pg_class WHERE relname = 'stolen'",
    );
    assert_eq!(stolen.trim(), "0", "it reached another server");
    finished.code(0).says("proven");
}

/// A drill script that looks around, and prints what it finds: a name, a colon, and the answer.
const LOOKS_AROUND: &str = r#"
exec 2>/dev/null
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
say() { printf 'seen: %s: %s\n' "$1" "$(tr '\n' ' ' | sed 's/ *$//')"; }
id -u | say user
status Groups | say groups
for set in CapInh CapPrm CapEff CapBnd CapAmb; do status $set; done | sort -u | say capabilities
status NoNewPrivs | say no_new_privs
ls /proc/self/fd | grep -v '^3$' | say descriptors # the third is that of the listing
tr '\0' '\n' </proc/$$/environ | sed 's/=.*//' | sort | say environment
ls / | grep -v '^lib' | say root
ls /etc | say settings
find /home /root /srv /var /opt /boot /mnt /media /sys /run/systemd /usr/local/etc -mindepth 1 | say elsewhere
cat /proc/[0-9]*/comm | grep -v -e '^sort$' -e '^cat$' -e '^sed$' -e '^tr$' -e '^grep$' | sort -u | say processes
tail -n +3 /proc/net/dev | sed 's/ *//; s/:.*//' | say interfaces
awk '$4 ~ /^rw/ && $2 !~ /^.dev.(null|zero|full|u?random)$/ { print $2 }' /proc/self/mounts | sort | say writable
awk '$4 !~ /nosuid/ { print $2 }' /proc/self/mounts | say setuid
all() { find / \( -path /proc -o -path /scratch -o -path /usr \) -prune -o "$@" -print | sort; }
all -exec test -S {} \; | say sockets
all -writable ! -type l | say "may write"
for path in / /usr /usr/bin /etc /run /run/batt /run/batt/scripts /dev /proc/sys/kernel; do
    (: >"$path/x") && echo "$path"
done | say "wrote outside"
cat /proc/1/environ /proc/1/maps | wc -c | say "of the first process"
unshare --user true && echo yes | say "user namespace"
su -c true && echo yes | say su
hostname | say host
ipcs -m | grep -c ' 0x\|^0x' | say "shared memory"
dmesg | wc -l | say "kernel log"
keyctl show @s | wc -l | say keys
"#;

/// Returns what a drill script that looks around has seen, by name.
fn seen(finished: &Finished) -> BTreeMap<String, String> {
    let told = finished.said();
    told.lines()
        .filter_map(|line| line.trim_start_matches("| ").strip_prefix("seen: "))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, answer)| (name.to_owned(), answer.trim().to_owned()))
        .collect()
}

#[test]
fn a_drill_sees_programs_and_what_is_its_own() {
    let (notes, _) = Notes::backed_up();
    notes
        .host
        .companion("drill-notes", &format!("{LOOKS_AROUND}\nexit 0"));
    let descriptor = forgotten(&notes.host);
    let open = format!("exec 57<'{descriptor}'; exec \"$@\"");
    let place = notes.place();
    let place = format!("TMPDIR={}", place.display());
    // Without a time zone of the caller's, which a drill would have too.
    let wrapper = ["-u", "TZ", &place, "bash", "-c", &open, "bash"];
    let finished = notes.host.batt_within("env", &wrapper, &["drill", "notes"]);
    let seen = seen(&finished);
    let user: u32 = seen["user"].parse().unwrap();
    assert!((61184..=65519).contains(&user), "{user}");
    let page = include_str!("../../../docs/restore.md");
    let rows: Vec<(&str, &str)> = page
        .lines()
        .skip_while(|line| !line.contains("Seen from inside"))
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with("| "))
        .filter_map(|line| line.trim_matches(['|', ' ']).split_once(" | "))
        .map(|(name, answer)| (name.trim(), answer.trim().trim_matches('`')))
        .collect();
    let told = finished.said();
    assert!(rows.len() > 15, "the page has the table: {rows:?}");
    for (name, answer) in rows {
        let found = seen.get(name).map_or("", String::as_str);
        let wanted = match answer {
            "none" | "nothing" => "",
            "61184 to 65519" => continue,
            answer => answer,
        };
        assert_eq!(found.replace("-under-test", ""), wanted, "{name}\n{told}");
    }
}

/// Drills the notes with a script and settings; returns what is told.
#[track_caller]
fn drilled_within(notes: &Notes, settings: &str, script: &str) -> Value {
    notes.drill_settings(settings);
    notes.host.companion("drill-notes", script);
    let (_, mut report) = notes.told(&["drill", "notes"]);
    notes.assert_nothing_left();
    report["drills"][0].take()
}

/// Asserts that a limit stopped a drill, was named, and says nothing of the backup.
#[track_caller]
fn assert_stopped_by(told: &Value, limit: &str) {
    assert_eq!(told["outcome"], "not-possible", "{told}");
    assert!(told["reason"].as_str().unwrap().contains(limit), "{told}");
}

#[test]
fn what_a_drill_takes_of_the_machine_is_bounded() {
    let (notes, _) = Notes::backed_up();
    let seconds = "1000000081";
    let bomb = format!("while :; do sleep {seconds} & done");
    let told = drilled_within(&notes, "processes = 64\nmax_duration = \"60s\"", &bomb);
    assert_stopped_by(&told, "as many processes and threads as it may, 64");
    assert_none_lives(seconds);
    let told = drilled_within(
        &notes,
        "disk = \"64MiB\"",
        "for n in 1 2 3 4 5 6 7 8; do head -c 32M /dev/zero >\"$BATT_SCRATCH/$n\" || exit 3; done; sleep 60",
    );
    assert_stopped_by(&told, "more than the 64.0 MiB that it may");
    // One file is never longer, and whoever ends by that is told the same.
    let told = drilled_within(
        &notes,
        "disk = \"64MiB\"",
        "head -c 512M /dev/zero >\"$BATT_SCRATCH/one\" || exit 3",
    );
    assert_stopped_by(&told, "more than the 64.0 MiB that it may");
    // Four at once, so that it is not that of one process that is counted.
    let told = drilled_within(
        &notes,
        "cpu = \"2s\"\nmax_duration = \"120s\"",
        "for n in 1 2 3 4; do while :; do :; done & done; wait",
    );
    assert_stopped_by(&told, "more than the 2 seconds of a processor");
    let told = drilled_within(&notes, "", DRILL);
    assert_eq!(told["outcome"], "proven", "{told}");
}

#[test]
fn an_unconfined_drill_is_said_and_is_still_a_strangers() {
    let (notes, _) = Notes::backed_up();
    let looks =
        "echo user: $(id -u) $(sed -n 's/^NoNewPrivs:.//p' /proc/self/status) $(ls /proc/self/fd | wc -l)";
    let script = format!("{looks}\ntr '\\0' '\\n' </proc/$$/environ\n{DRILL}");
    notes.host.companion("drill-notes", &script);
    notes.drill_settings("unconfined = true");
    notes.host.configure("notes", &[("NOTES_PASSWORD", CANARY)]);
    let finished = notes.batt(&["drill", "notes"]).code(0);
    finished.says("it ran unconfined");
    let told = finished.said();
    let line = told
        .lines()
        .find_map(|line| line.trim_start_matches("| ").strip_prefix("user: "));
    let (user, rest) = line.unwrap().split_once(' ').unwrap();
    assert!((61184..=65519).contains(&user.parse().unwrap()), "{told}");
    assert_eq!(rest, "1 4", "three, and that of the listing: {told}");
    assert!(!told.contains(CANARY) && !told.contains("NOTES_"), "{told}");
    notes.assert_nothing_left();
}

#[test]
fn folders_of_programs_are_shown_and_have_to_be_trusted() {
    let (notes, _) = Notes::backed_up();
    let folder = notes.host.root().join("engine");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(
        folder.join("bin/our-engine"),
        "#!/bin/sh\necho it runs; : >\"${0%/*}/x\"\n",
    )
    .unwrap();
    chmod(&folder.join("bin/our-engine"), 0o755);
    for part in [folder.clone(), folder.join("bin")] {
        chmod(&part, 0o755);
    }
    // Where this host lies is a folder that everybody may write to, and sticky.
    notes.drill_settings(&format!("programs = [\"{}\"]", folder.display()));
    notes
        .host
        .companion("drill-notes", &format!("our-engine\n{DRILL}"));
    let finished = notes.batt(&["drill", "notes"]).code(0);
    finished.says("it runs");
    assert!(!folder.join("bin/x").exists());
    chmod(&folder, 0o777);
    notes.batt(&["drill", "notes"]).code(77).says("is not trusted");
}

#[test]
fn what_a_drill_says_of_itself_is_bounded_and_is_of_its_own_backup() {
    let (notes, _) = Notes::backed_up();
    notes
        .host
        .drop_in("other", "batt store secret -- echo text of another service");
    notes.host.batt(&["other"]).success();
    let script = format!(
        "batt load secret -- cat && exit 3
         batt load ../../other/secret -- cat && exit 3
         BATT_DEST=/scratch batt store x -- echo x && exit 3
         BATT_SOCKET= BATT_SOURCE=/etc batt load passwd -- cat && exit 3
         {DRILL}"
    );
    notes.host.companion("drill-notes", &script);
    let (exit, report) = notes.told(&["drill", "notes"]);
    let told = &report["drills"][0];
    assert_eq!((exit, &told["outcome"]), (2, &json!("failed")), "{told}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("`batt load secret` failed"), "{reason}");
    assert!(!report.to_string().contains("text of another"), "{report}");
}

/// Runs a program as an account that nobody has, with nothing of root's.
fn as_nobody(folder: &Path, program: &Path, arguments: &[&str]) -> Finished {
    let mut command = std::process::Command::new("setpriv");
    command
        .args(["--reuid=61040", "--regid=61040", "--clear-groups", "--"])
        .arg(program)
        .args(["--home", folder.join("home").to_str().unwrap()])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", folder)
        .env("TMPDIR", folder.join("work"))
        .current_dir("/");
    Finished::run(&mut command)
}

#[test]
fn a_caller_who_is_not_root_gets_a_cell_by_a_user_namespace() {
    let folder = tempfile::tempdir().unwrap();
    let own = |path: &Path| std::os::unix::fs::chown(path, Some(61_040), Some(61_040)).unwrap();
    chmod(folder.path(), 0o755);
    own(folder.path());
    let batt = batt_tests::host::under_test("batt");
    let run = |arguments: &[&str]| as_nobody(folder.path(), &batt, arguments);
    run(&["init"]).code(0);
    for name in ["work", "secret"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        own(&folder.path().join(name));
    }
    let secret = folder.path().join("secret/file");
    fs::write(&secret, CANARY).unwrap();
    own(&secret);
    let looks = format!("cat {} | say secret", secret.display());
    for (name, body) in [
        ("backup-x", "batt store a -- echo text"),
        ("restore-x", "batt load a -- cat"),
        (
            "drill-x",
            &format!("{LOOKS_AROUND}\n{looks}\nexec \"${{0%/*}}/restore-x\""),
        ),
    ] {
        let path = folder.path().join("home/scripts-available").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        chmod(&path, 0o755);
        own(&path);
    }
    let backups = folder.path().join("backups");
    run(&["--path", backups.to_str().unwrap(), "x"]).code(0);
    let finished = run(&["drill", "x"]).code(0);
    finished.says("loaded");
    let seen = seen(&finished);
    for (name, answer) in [
        ("secret", ""),
        ("capabilities", "0000000000000000"),
        ("no_new_privs", "1"),
        ("root", "bin dev etc proc run sbin scratch tmp usr"),
        ("elsewhere", ""),
        ("interfaces", "lo"),
        ("writable", "/dev/shm /proc /scratch /tmp"),
        ("wrote outside", ""),
        ("sockets", "/run/batt/socket"),
    ] {
        assert_eq!(seen[name], answer, "{name}\n{}", finished.said());
    }
    assert!(!seen.contains_key("user namespace"), "{seen:?}");
    assert_eq!(fs::read_dir(folder.path().join("work")).unwrap().count(), 0);
}

#[test]
fn a_drill_that_tells_without_end_does_not_fill_the_catalogue() {
    let (notes, _) = Notes::backed_up();
    let flood = |of: &str| {
        format!(
            "long=$(head -c 60000 /dev/zero | tr '\\0' x)\n\
             i=0; while [ $i -lt 100 ]; do printf 'k%s\\t%s\\n' \"$i\" \"$long\"; i=$((i + 1)); done | batt record {of} --lines\n"
        )
    };
    let catalogue = notes.host.home().join("var/catalogue.jsonl");
    let length = || fs::metadata(&catalogue).unwrap().len();
    for (of, outcome) in [("", "proven"), ("--of plain", "failed")] {
        notes
            .host
            .companion("drill-notes", &format!("{DRILL}\n{}", flood(of)));
        let before = length();
        let (_, report) = notes.told(&["drill", "notes"]);
        let told = &report["drills"][0];
        assert_eq!(told["outcome"], outcome, "{:.2000}", told.to_string());
        let grown = length() - before;
        assert!(grown < 1 << 20, "the catalogue grew by {grown} bytes");
        assert!(report.to_string().len() < 4 << 20, "the report is too long");
        let backups = notes.host.batt(&["--format", "json", "backups"]).success();
        let backups: Value = serde_json::from_str(&backups).unwrap();
        let backup = backups["backups"].as_array().unwrap().last().unwrap();
        let receipt = ["drilled", "drill-failed", "drill_failed"].map(|field| &backup[field]);
        assert!(
            receipt.iter().any(|field| field.is_string()),
            "the receipt is lost: {backup}"
        );
    }
}
