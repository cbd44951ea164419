//! A bundle is pushed: compared, taken aside, put in place whole.

use super::*;

/// One file of a bundle.
struct Pushed<'a> {
    name: &'a str,
    content: &'a [u8],
}

fn offer(line: &mut Line, files: &[Pushed<'_>]) {
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({"folder": "scripts-available", "name": file.name, "sha256": sha256(file.content), "size": file.content.len()}))
        .collect();
    line.send(&json!({"verb": "offer", "files": files}));
}

fn send_file(line: &mut Line, file: &Pushed<'_>) {
    for chunk in file.content.chunks(32 << 10) {
        line.send(&json!({"verb": "file", "folder": "scripts-available", "name": file.name, "bytes": encoded(chunk)}));
    }
}

fn changes(reply: &Value) -> Vec<(String, String)> {
    let changes = reply["changes"].as_array().unwrap_or_else(|| panic!("{reply}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|change| (text(&change["name"]), text(&change["change"])))
        .collect()
}

#[test]
fn a_bundle_is_pushed_compared_and_never_laid_over_a_persons_change() {
    let host = Host::new();
    let big: Vec<u8> = [b"#!/bin/sh\n".to_vec(), vec![b'#'; 100_000]].concat();
    let files = [
        Pushed {
            name: "backup-one",
            content: b"#!/bin/sh\necho x > $BATT_DEST/one/a\n",
        },
        Pushed {
            name: "backup-two",
            content: &big,
        },
    ];
    let compare = json!({"verb": "compare"});
    let commit = json!({"verb": "commit", "force": false});
    let mut line = Line::open(&host);
    let empty = line.greeting["batt"]["bundle"].clone();
    offer(&mut line, &files);
    let expected = [("backup-one", "add"), ("backup-two", "add")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(changes(&line.ask(&compare)), expected);
    // What did not arrive is not put in place, and nothing else is.
    send_file(&mut line, &files[0]);
    let reply = line.ask(&commit);
    assert_eq!(reply["reply"], "refused");
    assert!(!host.home().join("scripts-available/backup-one").exists());
    send_file(&mut line, &files[1]);
    let pushed = line.ask(&commit);
    assert_eq!(pushed["reply"], "pushed", "{pushed}");
    line.close();
    let script = host.home().join("scripts-available/backup-two");
    assert_eq!(fs::read(&script).unwrap(), big);
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&script).unwrap().permissions()) & 0o777,
        0o755
    );
    host.batt(&["one"]).success();

    // A second push has nothing to do, and the greeting says so.
    let mut line = Line::open(&host);
    assert_eq!(line.greeting["batt"]["bundle"], pushed["bundle"]);
    assert_ne!(pushed["bundle"], empty);
    offer(&mut line, &files);
    assert_eq!(changes(&line.ask(&compare)), []);

    // Changed by a person: a conflict, until it is forced; the old one is kept aside.
    fs::write(&script, "#!/bin/sh\n# mine\n").unwrap();
    let mut line = Line::open(&host);
    assert_ne!(line.greeting["batt"]["bundle"], pushed["bundle"]);
    offer(&mut line, &files);
    assert_eq!(
        changes(&line.ask(&compare)),
        [("backup-two".to_owned(), "conflict".to_owned())]
    );
    send_file(&mut line, &files[1]);
    let reply = line.ask(&commit);
    assert_eq!(
        (&reply["reply"], &reply["exit"]),
        (&json!("refused"), &json!(77)),
        "{reply}"
    );
    assert_eq!(fs::read(&script).unwrap(), b"#!/bin/sh\n# mine\n");
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "pushed"
    );
    assert_eq!(fs::read(&script).unwrap(), big);
    let aside: Vec<_> = fs::read_dir(host.home().join("var/replaced"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(fs::read(aside[0].path()).unwrap(), b"#!/bin/sh\n# mine\n");

    // What left the bundle goes.
    let mut line = Line::open(&host);
    offer(&mut line, &files[..1]);
    assert_eq!(
        changes(&line.ask(&compare)),
        [("backup-two".to_owned(), "remove".to_owned())]
    );
    assert_eq!(line.ask(&commit)["reply"], "pushed");
    assert!(!script.exists() && host.home().join("scripts-available/backup-file").exists());
}

#[test]
fn a_push_never_leaves_its_folders_and_never_mixes_into_a_run() {
    let host = Host::new();
    let mut line = Line::open(&host);
    let sum = sha256(b"x");
    for name in [
        "../x",
        "a/b",
        "",
        ".hidden",
        "/etc/passwd",
        "x\u{0}",
        "backup-x.local.conf",
    ] {
        line.send(
            &json!({"verb": "offer", "files": [{"folder": "conf", "name": name, "sha256": sum, "size": 1}]}),
        );
        assert_eq!(line.next()["reply"], "refused", "{name}");
    }
    for folder in ["var", "scripts-enabled", "..", "/"] {
        line.send(
            &json!({"verb": "offer", "files": [{"folder": folder, "name": "x", "sha256": sum, "size": 1}]}),
        );
        assert_eq!(line.next()["reply"], "refused", "{folder}");
    }
    line.send(
        &json!({"verb": "offer", "files": [{"folder": "conf", "name": "x", "sha256": sum, "size": 5 << 20}]}),
    );
    assert!(line.next()["message"].as_str().unwrap().contains("4 MiB"));
    line.close();
    let mut line = Line::open(&host);
    line.send(&json!({"verb": "file", "folder": "conf", "name": "y", "bytes": "eA=="}));
    assert!(line.next()["message"].as_str().unwrap().contains("not offered"));
    // More than was offered, and other than was offered.
    line.send(
        &json!({"verb": "offer", "files": [{"folder": "conf", "name": "x.conf", "sha256": sum, "size": 1}]}),
    );
    line.send(&json!({"verb": "file", "folder": "conf", "name": "x.conf", "bytes": "eHg="}));
    assert!(
        line.next()["message"]
            .as_str()
            .unwrap()
            .contains("longer than was offered")
    );
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "refused"
    );
    assert!(!host.home().join("conf/x.conf").exists());
    line.close();

    let waits = waiting(&host);
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&run_request(&run, "foo"));
    until("the script waits", || waits.exists());
    let mut other = Line::open(&host);
    let file = Pushed {
        name: "backup-new",
        content: b"#!/bin/sh\n",
    };
    offer(&mut other, std::slice::from_ref(&file));
    send_file(&mut other, &file);
    let reply = other.ask(&json!({"verb": "commit", "force": true}));
    assert_eq!(
        (&reply["reply"], &reply["exit"]),
        (&json!("refused"), &json!(75)),
        "{reply}"
    );
    fs::remove_file(&waits).unwrap();
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    assert_eq!(
        other.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "pushed"
    );
    other.close();
    // What a session took in goes with it, and what one that was killed took in with the next.
    let mut killed = Line::open(&host);
    offer(&mut killed, std::slice::from_ref(&file));
    send_file(&mut killed, &file);
    assert_eq!(killed.ask(&json!({"verb": "status"}))["reply"], "status");
    assert!(
        host.home()
            .join(format!("var/incoming.{}", killed.child.id()))
            .exists()
    );
    kill(killed.child.id().cast_signed());
    killed.child.wait().unwrap();
    let mut last = Line::open(&host);
    offer(&mut last, std::slice::from_ref(&file));
    send_file(&mut last, &file);
    assert_eq!(
        last.ask(&json!({"verb": "commit", "force": false}))["reply"],
        "pushed"
    );
    last.close();
    let left: Vec<_> = fs::read_dir(host.home().join("var"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("incoming"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_home_that_is_not_there_is_greeted_as_empty_and_the_first_push_makes_it() {
    let host = Host::new();
    let home = host.scratch().join("new");
    let serve = || {
        let mut command = Command::new(under_test("batt"));
        command.arg("--home").arg(&home).arg("serve");
        command
    };
    let mut line = Line::open_command(serve());
    assert_eq!(line.greeting["batt"]["home"], "empty");
    assert_eq!(line.greeting["batt"]["host_id"], "");
    assert_eq!(
        line.ask(&json!({"verb": "status"})),
        json!({"reply": "status", "runs": []})
    );
    assert!(!home.exists(), "a greeting makes nothing");
    let file = Pushed {
        name: "backup-new",
        content: b"#!/bin/sh\n",
    };
    offer(&mut line, std::slice::from_ref(&file));
    send_file(&mut line, &file);
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": false}))["reply"],
        "pushed"
    );
    drop(line);
    let line = Line::open_command(serve());
    assert_eq!(line.greeting["batt"]["home"], "ready");
    assert!(home.join("scripts-available/backup-mysql").exists());
}

#[test]
fn scripts_that_restore_and_drill_travel_with_those_that_back_up() {
    let host = Host::new();
    let mut line = Line::open(&host);
    let restore = b"#!/bin/sh\nfor name in \"$@\"; do batt load \"$name\" -- tee \"$BATT_TARGET\"; done\n";
    let files = [
        Pushed {
            name: "backup-one",
            content: b"#!/bin/sh\nbatt store a -- echo text\n",
        },
        Pushed {
            name: "drill-one",
            content: b"#!/bin/sh\nBATT_TARGET=$BATT_SCRATCH/there exec \"${0%/*}/restore-one\" \"$@\"\n",
        },
        Pushed {
            name: "restore-one",
            content: restore,
        },
    ];
    offer(&mut line, &files);
    files.iter().for_each(|file| send_file(&mut line, file));
    let reply = line.ask(&json!({"verb": "commit", "force": false}));
    assert_eq!(reply["reply"], "pushed", "{reply}");
    host.batt(&["one"]).success();
    host.batt(&["drill", "one"]).success();
    let there = host.scratch().join("there");
    host.batt(&["restore", "one", "--into", there.to_str().unwrap()])
        .success();
    assert_eq!(fs::read_to_string(there).unwrap(), "text\n");
    host.batt(&["list", "available"]).says("one");
    let check = host.batt(&["check"]);
    assert!(
        !check.said().contains("not named as a script is"),
        "{}",
        check.said()
    );
}
