//! Items are proven one by one: what a failed service had stored by then is published beside, as a part.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use batt_tests::drop_in::{chmod, told};
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{assert_none_lives, signal, until};
use batt_tests::server::mariadb::MariaDb;
use rustix::process::Signal;

/// Stores an archive for each of three items, and one that the file `broken` names not.
const THREE: &str = "outcome=0
for item in ${@:-a b c}; do
    batt store $item -- sh -c \"echo $item of $BATT_RUN_ID; test $item != $(cat $BATT_HOME/broken)\" || outcome=1
    batt record --of $item rows.t 7
done
exit $outcome";

fn three(host: &Host, broken: &str) {
    fs::write(host.home().join("broken"), broken).unwrap();
    host.drop_in_raw("data", format!("#!/bin/bash\n{THREE}\n").as_bytes(), 0o755);
}

fn names(backup: &Path) -> Vec<String> {
    let entries = fs::read_dir(backup).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_proven_is_published_beside_and_counts_for_nothing() {
    let host = Host::new();
    three(&host, "none");
    let night = host.told("data", &["data"]);
    let place = night.succeeded().to_owned();
    let before = host.published();

    three(&host, "b");
    let partial = host.told("data", &["data"]);
    let path = partial.beside(
        "partial",
        &[
            "only a part is proven, 2 archives, without `b`",
            "the script failed: exit code 1",
            "`batt store b` failed: `sh` ended with exit code 1",
        ],
    );
    assert_eq!(
        names(path),
        ["RESTORE.md", "SHA256SUMS", "a.zst", "c.zst", "manifest.json"]
    );
    assert_eq!(path, place.with_file_name(format!("data~{}", partial.run)));
    for (earlier, content) in &before {
        assert!(
            earlier.is_dir() || fs::read(earlier).unwrap() == *content,
            "{earlier:?}"
        );
    }

    let manifest = host.manifest_of(path);
    assert_eq!(manifest["state"], "partial");
    assert_eq!(manifest["archives"].as_array().unwrap().len(), 2);
    assert_eq!(manifest["archives"][0]["content"]["rows.t"], "7");
    assert!(
        manifest["shortcomings"].to_string().contains("without `b`"),
        "{manifest}"
    );
    let guide = fs::read_to_string(path.join("RESTORE.md")).unwrap();
    assert!(
        guide.contains("**This backup is partial.**") && guide.contains("without `b`"),
        "{guide}"
    );

    // A person sees it too, where it is and why.
    let shown = host.batt(&["data"]).code(2);
    assert!(
        shown.stdout.contains("partial")
            && shown.stdout.contains("/data~")
            && shown.stdout.contains("without `b`"),
        "{}",
        shown.said()
    );
    let states: Vec<String> = host
        .listed()
        .iter()
        .map(|backup| backup["state"].to_string())
        .collect();
    assert_eq!(states, ["\"good\"", "\"partial\"", "\"partial\""]);

    // The next whole one takes the place of last night's, and what stood beside stays.
    three(&host, "none");
    let next = host.told("data", &["data"]);
    assert_eq!(next.succeeded(), place);
    assert!(path.exists());
    host.assert_sound();
}

#[test]
fn a_first_backup_that_is_partial_leaves_the_place_to_a_whole_one() {
    let host = Host::new();
    three(&host, "c");
    let partial = host.told("data", &["data"]);
    partial.beside("partial", &["without `c`"]);
    assert!(host.backups("data").is_empty());
    // It is not the last good one: nothing is expected from it, and nothing compared with it.
    let started = host.batt(&["--format", "jsonl", "data"]).code(2).stdout;
    assert!(started.contains("\"expected_bytes\":null"), "{started}");
    three(&host, "none");
    host.told("data", &["data"]).succeeded();
    host.assert_sound();
}

#[test]
fn named_items_that_are_missing_are_named() {
    let host = Host::new();
    host.drop_in(
        "data",
        "batt store a -- echo a; echo 'no such thing: b' >&2; exit 3",
    );
    let partial = host.told("data", &["--data-db", "a", "--data-db", "b"]);
    partial.beside("partial", &["without `b`", "exit code 3", "| no such thing: b"]);
}

#[test]
fn a_store_that_failed_makes_a_part_whatever_the_script_says() {
    let host = Host::new();
    let ends = [
        "batt store b -- false; exit 0",
        "batt store --check mysql b -- echo no dump; exit 0",
        // It is killed when the script has ended, and never says how it ended.
        "batt store b -- sleep 1000 & while ! test -e $BATT_DEST/data/b.zst; do sleep 0.02; done; exit 0",
    ];
    for end in ends {
        let partial = host.try_script("data", &format!("batt store a -- echo a\n{end}"));
        let path = partial.beside("partial", &["`batt store b`", "without `b`"]);
        assert_eq!(
            names(path),
            ["RESTORE.md", "SHA256SUMS", "a.zst", "manifest.json"]
        );
    }
    assert_none_lives(&host.root().display().to_string());
    host.assert_sound();
}

#[test]
fn what_a_failed_script_wrote_by_itself_is_vouched_for_by_nobody() {
    let host = Host::new();
    let own = "echo x > $BATT_DEST/data/own.txt; mkdir $BATT_DEST/data/deep; echo x > $BATT_DEST/data/deep/x";
    host.try_script("data", &format!("{own}; exit 1"))
        .failed(&["exit code 1"]);
    assert!(host.published().keys().all(|path| path.is_dir()));
    let partial = host.try_script("data", &format!("batt store a -- echo a; {own}; exit 1"));
    let path = partial.beside("partial", &["1 archive"]);
    assert_eq!(
        names(path),
        ["RESTORE.md", "SHA256SUMS", "a.zst", "manifest.json"]
    );
    host.assert_sound();
}

#[test]
fn an_archive_that_was_changed_after_it_was_stored_is_not_in_it() {
    let host = Host::new();
    let partial = host.try_script(
        "data",
        "batt store a -- echo a; batt store b -- echo b; cp $BATT_DEST/data/a.zst $BATT_DEST/data/b.zst",
    );
    let path = partial.beside("partial", &["`b.zst` reads back otherwise than it was written"]);
    assert_eq!(
        names(path),
        ["RESTORE.md", "SHA256SUMS", "a.zst", "manifest.json"]
    );
    host.assert_sound();
}

#[test]
fn of_a_ledger_that_is_broken_nothing_is_published() {
    let host = Host::new();
    for end in [
        "echo nonsense >> $BATT_DEST/record.jsonl",
        "rm $BATT_DEST/record.jsonl; exit 1",
        "rm $BATT_DEST/record.jsonl; mkdir $BATT_DEST/record.jsonl",
        "batt stroe b -- echo b; exit 1",
    ] {
        host.try_script("data", &format!("batt store a -- echo a; {end}"))
            .failed(&[]);
        assert!(host.published().keys().all(|path| path.is_dir()), "{end}");
    }
}

#[test]
fn of_what_was_stopped_nothing_is_published() {
    let host = Host::new();
    let stored = host.scratch().join("stored");
    let body = format!("batt store a -- echo a; touch {}; sleep 1000", stored.display());
    // One that was stopped before it had stored anything tells nothing: then it may take twice as long.
    let is_stored = (1..10).map(|power| 1 << power).any(|seconds: u32| {
        host.settings(&format!("[service.data]\nmax_duration = \"{seconds}s\"\n"));
        host.try_script("data", &body)
            .ended("timed-out", 8, &["max_duration"]);
        stored.exists()
    });
    assert!(is_stored, "it never stored anything");
    host.settings("");
    fs::remove_file(&stored).unwrap();
    let mut command = host.batt_command(&["--format", "json", "data"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the archive is stored", || stored.exists());
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    told("data", finished).ended("cancelled", 143, &[]);
    assert!(host.published().keys().all(|path| path.is_dir()));
}

#[test]
fn a_part_that_cannot_be_published_still_tells_what_failed_first() {
    let (host, other) = (Host::new(), Host::new());
    let pattern = host.root().join("backup/%Y/%m/%d");
    three(&host, "none");
    host.told("data", &["data"]).succeeded();
    let before = host.published();
    three(&other, "b");
    let finished = other.batt_at(&pattern, &["--format", "json", "data"]);
    told("data", finished).ended(
        "refused",
        77,
        &["backup of another host", "`batt store b` failed"],
    );
    assert_eq!(host.published(), before);
}

#[test]
fn secrets_that_a_script_records_are_masked() {
    const CANARY: &str = "canary-5d2a-secret";
    let host = Host::new();
    host.conf(
        "backup-data.conf",
        &format!("DATA_PASSWORD={CANARY}\nDATA_TOKEN=7\nDATA_USER=postgres\nOLD_PASSWORD=postgres\n"),
    );
    let body = "batt record url \"data://user:$DATA_PASSWORD@host\"
        batt record \"warning.1\" \"cannot use $DATA_PASSWORD\"
        batt store a -- echo a
        batt record --of a owner \"it is $DATA_PASSWORD\"
        batt record --of a rows.t 7
        batt record --of a table.t \"postgres\"
        batt store \"b\" -- /nonexistent/$DATA_PASSWORD
        echo \"$DATA_PASSWORD\"";
    let partial = host.try_script("data", body);
    let path = partial.beside("partial", &["`/nonexistent/********`"]);
    assert_eq!(partial.warnings, "cannot use ********");
    let manifest = host.manifest_of(path);
    assert_eq!(manifest["facts"]["url"], "data://user:********@host");
    assert_eq!(manifest["archives"][0]["content"]["owner"], "it is ********");
    assert_eq!(
        manifest["archives"][0]["content"]["rows.t"], "7",
        "a count is no secret"
    );
    // The user's name stands openly in the setting beside, and a restore needs it.
    assert_eq!(manifest["archives"][0]["content"]["table.t"], "postgres");
    host.batt(&["data"]).code(2);
    host.assert_nowhere(CANARY);
}

#[test]
fn a_database_that_cannot_be_dumped_leaves_the_others() {
    let server = MariaDb::start();
    server.sql(
        "CREATE DATABASE first; USE first; CREATE TABLE t AS SELECT seq FROM seq_1_to_10;
         CREATE DATABASE second; CREATE TABLE second.t (id INT);
         CREATE DATABASE third; USE third; CREATE TABLE t AS SELECT seq FROM seq_1_to_10;",
    );
    let host = Host::new();
    let tools = host.scratch().join("tools");
    fs::create_dir(&tools).unwrap();
    let dump = tools.join("mariadb-dump");
    fs::write(
        &dump,
        "#!/bin/bash\ncase ${!#} in second) echo 'mariadb-dump: Got errno 5 on write' >&2; exit 5 ;; esac\nexec /usr/bin/mariadb-dump \"$@\"\n",
    )
    .unwrap();
    chmod(&dump, 0o755);
    let options = server.option_file("root", "");
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    host.configure(
        "mysql",
        &[("MYSQL_CREDS", options.to_str().unwrap()), ("PATH", &path)],
    );

    let partial = host.told("mysql", &["mysql"]);
    let path = partial.beside("partial", &["without `second`", "`batt store second` failed"]);
    let archives = names(path);
    for archive in ["first.zst", "mysql.zst", "third.zst"] {
        assert!(archives.contains(&archive.to_owned()), "{archives:?}");
    }
    assert!(!archives.contains(&"second.zst".to_owned()), "{archives:?}");
    host.assert_sound();

    fs::remove_file(&dump).unwrap();
    let whole = host.told("mysql", &["mysql"]);
    assert!(whole.succeeded().join("second.zst").is_file());
    assert!(path.is_dir());
}
