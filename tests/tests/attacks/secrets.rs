//! What other accounts of the host can read, and what stands in logs, manifests and reports that are handed on.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::until;
use serde_json::json;

/// A script that prints its secrets, as they are and as programs encode them, and records them, in keys too.
const TALKS: &str = r#"
echo "a $MYSQL_PWD b ${APP_PWD}c $API_KEY $S3_CREDENTIAL"
set -x
: "$QUOTED"
set +x
printf 'Authorization: Basic %s\n' "$(printf 'app:%s' "$API_KEY" | base64)"
echo "password=$(printf %s "$QUOTED" | sed "s/'/%27/; s/ /%20/")"
echo "$BACKEND"; cat "$WORDS"
cat "$SAID"
batt record "seen $API_KEY" "with $APP_PWD"
batt record warning "cannot log in with $MYSQL_PWD: $(cat "$SAID")"
batt store x -- echo content
batt record --of x "rows.t" 7
batt record --of x "account.app by $S3_CREDENTIAL" "as $API_KEY: $(cat "$SAID")"
"#;

/// What a program says of what it connects to, which no setting has told.
const SAID: &str = "connecting to redis://default:line-hunter3@cache:6379/0 and https://:p%40ss-hunter4@web";
const SAID_MASKED: &str = "connecting to redis://default:********@cache:6379/0 and https://:********@web";

/// Returns a host with the service.
fn talking(end: &str) -> Host {
    let host = Host::new();
    host.configure("talks", SETTINGS);
    let said = host.scratch().join("said");
    fs::write(&said, SAID).expect("the file can be written");
    let script = TALKS.replace("$QUOTED", "$APP_KEY_QUOTED");
    let script = script.replace("\"$SAID\"", &said.display().to_string());
    let words = host.scratch().join("words");
    fs::write(&words, "dsn-hunter2 url-hunter2 option-hunter2 odbc-hunter2\n").expect("it can be written");
    let script = script.replace("\"$WORDS\"", &words.display().to_string());
    host.drop_in("talks", &format!("{script}{end}"));
    host
}

const SETTINGS: &[(&str, &str)] = &[
    ("MYSQL_PWD", "pwd-hunter2"),
    ("APP_PWD", "app-hunter2"),
    ("API_KEY", "key-hunter2"),
    ("S3_CREDENTIAL", "credential-hunter2"),
    ("QUOTED", "unnamed"),
    ("SHOP_DSN", "host=db1 user=app password=dsn-hunter2 dbname=shop"),
    ("BACKEND", "postgres://app:url-hunter2@db1/shop"),
    ("OPTIONS", "--host=db1 --password=option-hunter2"),
    ("ODBC", "Server=db1;Uid=app;Pwd=odbc-hunter2;"),
    ("APP_KEY_QUOTED", "it's hunter2"),
];

#[test]
fn no_secret_is_told_whatever_its_name_and_wherever_it_stands() {
    for (end, code) in [("", 0), ("exit 3", 2)] {
        let host = talking(end);
        let finished = host.batt(&["--format", "json", "talks"]).code(code);
        assert!(!finished.said().contains("hunter"), "{}", finished.said());
        let log = host.logs("talks");
        assert!(log.contains(SAID_MASKED), "{log}");
        assert!(log.contains("postgres://app:********@db1/shop"), "{log}");
        for secret in ["hunter", "eS1odW50ZX"] {
            assert!(!log.contains(secret), "{log}");
            host.assert_nowhere(secret);
        }
        // What is no secret is there.
        let backup = &host.listed()[0];
        let manifest = host.manifest_of(backup["path"].as_str().expect("a path").as_ref());
        let content = &manifest["archives"][0]["content"];
        assert_eq!(content["rows.t"], "7", "{content}");
        let account = &content["account.app by ********"];
        assert_eq!(*account, format!("as ********: {SAID_MASKED}"), "{content}");
    }
}

/// What a check finds on reading is a key as well: the name of a table.
#[test]
fn no_secret_is_told_in_the_name_of_what_is_found_in_a_dump() {
    let dump = "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\nCREATE TABLE `a_key-hunter2` (`id` int);\nINSERT INTO `a_key-hunter2` VALUES (1),(2);\n-- Dump completed on 2026-11-29  1:00:00\n";
    for (own, store) in [
        (false, "batt store --check mysql d.sql -- cat"),
        (true, "gzip > $BATT_DEST/app/d.sql.gz <"),
    ] {
        let host = Host::new();
        host.configure("app", &[("API_KEY", "key-hunter2")]);
        let file = host.scratch().join("dump");
        fs::write(&file, dump).expect("the file can be written");
        host.drop_in("app", &format!("{store} {}", file.display()));
        host.batt(&["app"]).code(0);
        let content = host.manifest("app")["archives"][0]["content"].to_string();
        assert!(content.contains("rows.a_********") || own, "{content}");
        host.assert_nowhere("key-hunter2");
    }
}

/// A restore is held to what was recorded, though it stands there without its secrets.
#[test]
fn a_restore_is_compared_with_what_is_recorded_without_its_secrets() {
    let host = talking("");
    host.batt(&["talks"]).code(0);
    let restores = |told: &str| {
        let path = host.home().join("scripts-available/restore-talks");
        let script = format!(
            "#!/bin/sh\nbatt load x -- cat\nbatt record --of x rows.t 7\nbatt record --of x \"account.app by credential-hunter2\" \"{told}: {SAID}\"\n"
        );
        fs::write(&path, script).expect("the script can be written");
        batt_tests::drop_in::chmod(&path, 0o755);
        host.batt_restore(&[], &["talks"])
    };
    restores("as key-hunter2").code(0);
    let other = restores("also as key-hunter2").code(2);
    other.says("instead of");
    assert!(!other.said().contains("hunter"), "{}", other.said());
}

/// A short secret is hidden where it is a word, and takes nothing else with it; a switch is no secret.
#[test]
fn a_short_secret_destroys_no_log() {
    let host = Host::new();
    host.configure(
        "short",
        &[("DB_PASS", "a1"), ("USE_TOKEN", "yes"), ("X_KEY", "1")],
    );
    host.drop_in(
        "short",
        "echo 'login a1, a1b, 1, 21 rows, yes'; echo x > $BATT_DEST/short/x",
    );
    host.batt(&["short"]).code(0);
    assert_eq!(host.logs("short"), "login ********, a1b, 1, 21 rows, yes\n");
}

/// Returns everything below a folder that another account could read or list, or that belongs to one. What goes while it is looked at,
/// as the pieces of a log do, is open to nobody.
fn open_to_others(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return,
        entries => entries.expect("the folder can be listed"),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let metadata = match path.symlink_metadata() {
            Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
            metadata => metadata.expect("it can be looked at"),
        };
        let is_open = !metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0;
        if is_open || metadata.uid() != 0 {
            found.push(path.clone());
        }
        if metadata.is_dir() {
            open_to_others(&path, found);
        }
    }
}

/// Calls `batt` with no umask at all, and these lines as its stdin.
fn without_umask(host: &Host, arguments: &[&str], input: &str) -> Finished {
    let batt = host.batt_command(arguments);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "umask 0; exec \"$@\"", "sh"])
        .arg(batt.get_program())
        .args(batt.get_args());
    shell.env("HOME", host.user_home()).env("TMPDIR", host.scratch());
    Finished::run_with(&mut shell, input.as_bytes())
}

#[test]
fn nothing_in_var_is_for_other_accounts_whatever_the_umask_is() {
    let host = Host::new();
    fs::remove_dir_all(host.home()).expect("the home is there");
    without_umask(&host, &["init"], "").code(0);
    let gate = host.scratch().join("gate");
    host.drop_in(
        "foo",
        &format!("echo x > $BATT_DEST/foo/a; touch {0}; while [ -e {0} ]; do head -c 200 /dev/zero | tr '\\0' y; sleep 0.02; done", gate.display()),
    );
    host.settings("log_limit = \"1KiB\"\n[retention]\nkeep_last = 1\n");
    let sum = batt_tests::published::sha256(b"A=1\n");
    let push = json!({"verb": "offer", "files": [{"folder": "conf", "name": "backup-foo.conf", "sha256": sum, "size": 4}]});
    let file = json!({"verb": "file", "folder": "conf", "name": "backup-foo.conf", "bytes": "QT0xCg=="});
    fs::write(host.home().join("conf/backup-foo.conf"), "B=1\n").expect("it can be written");
    let commit = json!({"verb": "commit", "force": true});
    without_umask(&host, &["serve"], &format!("{push}\n{file}\n{commit}\nx\n")).code(0);
    assert!(host.home().join("var/replaced").exists());
    let now = Finished::run(Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"])).success();
    let run = format!("{}-00000a", now.trim());
    let order = json!({"verb": "run", "run": run, "services": [{"service": "foo"}], "controller": "c"});
    without_umask(&host, &["serve"], &format!("{order}\n")).code(0);
    let folder = host.home().join("var/runs").join(&run);
    until("the log is in pieces", || {
        gate.exists()
            && folder.join("progress.json").exists()
            && fs::read_dir(&folder).is_ok_and(|all| all.count() > 7)
    });
    let mut found = Vec::new();
    open_to_others(&host.home().join("var"), &mut found);
    fs::remove_file(&gate).expect("it is there");
    until("the run has ended", || !folder.join("active").exists());
    for arguments in [
        &["verify"][..],
        &["backups"],
        &["purge"],
        &["logs", "--last"],
        &["check"],
    ] {
        without_umask(&host, arguments, "");
    }
    let id = host.listed()[0]["id"].as_str().expect("an id").to_owned();
    without_umask(&host, &["pin", &id], "").code(0);
    open_to_others(&host.home().join("var"), &mut found);
    open_to_others(&host.root().join("backup"), &mut found);
    // The folders of dates hold nothing but folders of services, which are closed.
    found.retain(|path| path.starts_with(host.home()) || path.ends_with("foo") || path.is_file());
    assert!(found.is_empty(), "{found:#?}");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode(&host.home().join("var")), 0o700);
    assert_eq!(mode(&host.home().join("conf")), 0o700);
    assert_eq!(mode(&host.backup("foo")), 0o700);
}

/// What starts a script is seen as well, however short it lives.
#[test]
fn nothing_but_the_script_has_an_item_on_its_command_line() {
    let host = Host::new();
    host.drop_in(
        "quietly",
        "# batt: option --quietly-item NAME  what to take\nbatt store x -- echo x",
    );
    let trace = host.scratch().join("trace");
    let arguments = [
        "-f",
        "-qq",
        "-s",
        "4096",
        "-e",
        "trace=execve",
        "-o",
        trace.to_str().expect("it is UTF-8"),
    ];
    let seen = || {
        let trace = fs::read_to_string(&trace).expect("strace has written it");
        // The first one is that of the person who asks.
        let started = trace.lines().skip(1).filter(|line| line.contains("merger"));
        started.map(str::to_owned).collect::<Vec<_>>()
    };
    host.batt_within("strace", &arguments, &["--quietly-item", "merger-of-2027"])
        .code(0);
    let told = seen();
    assert!(!told.is_empty(), "the script was never started");
    for line in told {
        assert!(
            line.contains("execve(\"") && line.contains("backup-quietly\", [\""),
            "{line}"
        );
    }
}

/// Runs a shell command as an account that nobody has.
fn stranger(script: &str) -> String {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=60001",
        "--regid=60001",
        "--clear-groups",
        "sh",
        "-c",
        script,
    ]);
    Finished::run(&mut command).stdout
}

/// The arguments of a script are its items, as they always were, and whoever lists processes sees those. Nothing else that
/// batt starts or makes tells them, or the service.
#[test]
fn a_stranger_sees_of_services_and_items_the_command_line_of_the_script_alone() {
    let host = Host::new();
    // Words of this test alone: other processes, as those of another test, have any but these.
    let own = format!("{:06}", std::process::id() % 1_000_000);
    let (service, item) = (format!("s{own}"), format!("takeover-of-{own}"));
    let gate = host.scratch().join("gate");
    host.drop_in(
        &service,
        &format!(
            "echo x > $BATT_DEST/{service}/a; touch {0}; while [ -e {0} ]; do sleep 0.02; done",
            gate.display()
        ),
    );
    let now = Finished::run(Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"])).success();
    let run = format!("{}-00000b", now.trim());
    let services = json!([{"service": service, "items": [item]}]);
    let order = json!({"verb": "run", "run": run, "services": services, "controller": "c"});
    let mut serve = host.batt_command(&["serve"]);
    Finished::run_with(&mut serve, format!("{order}\n").as_bytes()).code(0);
    until("the script runs", || gate.exists());
    let processes =
        stranger("for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; cat $p/comm; done 2>/dev/null");
    let groups = stranger("cat /proc/[0-9]*/cgroup; find /sys/fs/cgroup 2>/dev/null");
    let files = stranger(&format!(
        "ls -lR {} {}/backup /tmp /var/tmp 2>/dev/null",
        host.home().display(),
        host.root().display()
    ));
    fs::remove_file(&gate).expect("it is there");
    let folder = host.home().join("var/runs").join(&run);
    until("the run has ended", || !folder.join("active").exists());
    let telling = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| line.contains(&item) || line.contains(&service));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let script = host
        .home()
        .join(format!("scripts-available/backup-{service}"))
        .display()
        .to_string();
    let told = telling(&processes);
    assert!(
        !told.is_empty()
            && told.iter().all(
                |line| line.contains(&format!("{script} {item}")) || *line == format!("backup-{service}")
            ),
        "{told:?}"
    );
    assert_eq!(telling(&groups), [""; 0]);
    assert_eq!(
        telling(&files).iter().filter(|line| line.contains(&item)).count(),
        0
    );
}
