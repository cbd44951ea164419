//! What cannot be meant, on the command line and in batt.toml.

use super::*;

#[test]
fn what_cannot_be_meant_is_a_usage_error_and_leaves_no_trace() {
    let host = host_with(&["foo"]);
    let bad = [
        "/b/%Q",
        "/b/%#z",
        "/b/%",
        "b/%Y",
        "/b/../c",
        "/b/{home}",
        "",
        "/b/\n",
    ];
    for pattern in bad {
        let finished = host.batt_at(Path::new(pattern), &["foo"]).code(64);
        assert!(
            finished.stderr.starts_with("batt: ") && finished.stderr.contains("hint: "),
            "{}",
            finished.stderr
        );
    }
    host.batt_at(Path::new("/b/%#z"), &["foo"])
        .says("`%#z` in the path pattern `/b/%#z`");
    let cases: [(&[&str], &str); 16] = [
        (&["mysq"], "Did you mean `mysql`?"),
        (&["bakups"], "Did you mean the command `backups`?"),
        (&["help", "bakups"], "Did you mean `backups`?"),
        (&["help", "mysql"], "there is no command `mysql`"),
        (&["purge", "--keep-last", "0"], "0"),
        (
            &["foo", "mysql", "nothing-like-it"],
            "unknown service `nothing-like-it`",
        ),
        (&["foo", "list"], "`list` is a command"),
        (&["--wait", "soon", "foo"], "soon"),
        (&["--jobs", "0", "foo"], "0"),
        (&["--jobs", "many", "foo"], "many"),
        (&["--format", "xml", "foo"], "xml"),
        (&["--nonsense"], "--nonsense"),
        (&["attach"], "RUN"),
        (&["attach", "yesterday"], "yesterday"),
        (&["cancel", "20200101T000000Z-000000"], "unknown run"),
        (&["logs", "20200101T000000Z-000000"], "unknown run"),
    ];
    for (arguments, words) in cases {
        host.batt(arguments).code(64).says(words);
    }
    let runs = host.home().join("var/runs");
    assert_eq!(fs::read_dir(&runs).into_iter().flatten().count(), 0);
    assert!(!host.root().join("backup").exists());
    host.batt(&[]).code(65).says("hint: ");
    host.batt(&["logs"]).code(65).says("nothing has run");
    host.batt(&["verify"]).code(65).says("no backup");
    host.batt(&["verify", "foo"]).code(65).says("no backup of `foo`");
    host.batt(&["backups"]).code(0).says("nothing is published yet");
    let finished = host.batt(&["backups", "nosuch", "foo"]).code(65);
    finished.says("there is no backup of `nosuch`");
    finished.says("there is no backup of `foo`");
    host.batt(&["foo"]).code(0);
    host.batt(&["backups", "foo"]).code(0);
    let finished = host.batt(&["--format", "json", "backups", "foo", "nosuch"]);
    assert_eq!(json(&finished.code(65))["backups"].as_array().unwrap().len(), 1);
}

#[test]
fn batt_toml_is_read_strictly_and_errors_show_the_place() {
    let host = host_with(&["foo"]);
    let cases: [(&str, &str, &str); 8] = [
        (
            "jobs = 1\nreserv = \"1GiB\"\n",
            "batt.toml:2:1: unknown key `reserv`",
            "Did you mean `reserve`?",
        ),
        ("jobs = \"two\"\n", "batt.toml:1:8:", "^^^^^"),
        ("jobs = 0\n", "batt.toml:1:8:", "^"),
        (
            "[service.foo]\nmax_duration = \"1 fortnight\"\n",
            "batt.toml:2:16:",
            "^^^",
        ),
        ("path = \"/b/%Q\"\n", "batt.toml:1:8:", "`%Q`"),
        (
            "[defaults]\nnise = 1\n",
            "batt.toml:2:1: unknown key `nise`",
            "`nice`",
        ),
        ("[service.\"../x\"]\nnice = 1\n", "batt.toml:1:", "^"),
        ("jobs = = 1\n", "batt.toml:1:", "^"),
    ];
    for (text, place, mark) in cases {
        host.settings(text);
        let finished = host.batt(&["foo"]).code(64);
        finished.says(place);
        finished.says(mark);
        host.batt(&["check"]).code(2).says(place);
    }
    assert!(!host.root().join("backup").exists());
    host.conf("backup-foo.conf", "BATT_DEST=/tmp\n");
    host.settings("jobs = 2\n");
    host.told("foo", &["foo"])
        .failed(&["backup-foo.conf:1: `BATT_DEST` cannot be set here"]);
}

#[test]
fn a_run_that_cannot_start_leaves_nothing_behind() {
    let host = host_with(&["foo"]);
    batt_tests::drop_in::chmod(&host.home(), 0o777);
    host.batt(&["foo"]).code(77).says("is not trusted");
    batt_tests::drop_in::chmod(&host.home(), 0o755);
    assert_eq!(host.batt(&["runs"]).success(), "");
}
