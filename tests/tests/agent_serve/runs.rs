//! A run is followed to its end, from any line, whatever happens to the lines.

use super::*;

#[test]
fn a_run_is_followed_to_its_end() {
    let host = Host::new();
    host.drop_in("foo", "echo one; echo two; echo x > $BATT_DEST/foo/a");
    let mut line = Line::open(&host);
    let greeting = &line.greeting["batt"];
    assert_eq!(greeting["home"], "ready");
    assert!(greeting["protocol"]["oldest"].is_number() && greeting["host_id"].as_str().unwrap().len() > 8);
    let run = run_id();
    let accepted = line.ask(&run_request(&run, "foo"));
    assert_eq!(
        accepted,
        json!({"reply": "accepted", "run": run, "attached": false})
    );
    line.send(&follow_request(&run, 0));
    let replies = line.until("ended");
    assert_eq!(
        kinds(&replies),
        ["run-started", "service-started", "service-ended", "run-ended"]
    );
    assert_eq!(
        replies.last().unwrap(),
        &json!({"reply": "ended", "run": run, "exit": 0, "state": "ended"})
    );
    assert_eq!(log_of(&replies), b"one\ntwo\n");
    let asked_by = &replies
        .iter()
        .find(|reply| reply["event"]["sequence"] == 1)
        .unwrap()["event"]["event"]["asked_by"];
    assert_eq!(asked_by["controller"], "test");
    // The log of a service is complete before it is said to have ended.
    let place = |what: &dyn Fn(&Value) -> bool| replies.iter().position(what).unwrap();
    assert!(
        place(&|reply| reply["reply"] == "log")
            < place(&|reply| reply["event"]["event"]["kind"] == "service-ended")
    );

    // The same again from a position on: only what is not known yet.
    line.send(&json!({"verb": "follow", "run": run, "after": 2, "logs": {"foo": 4}}));
    let later = line.until("ended");
    assert_eq!(kinds(&later), ["service-ended", "run-ended"]);
    let log = later.iter().find(|reply| reply["reply"] == "log").unwrap();
    assert_eq!(
        (log["offset"].as_u64(), decoded(log["bytes"].as_str().unwrap())),
        (Some(4), b"two\n".to_vec())
    );

    // The same id again: attached, and never executed twice.
    let again = line.ask(&run_request(&run, "foo"));
    assert_eq!(again["attached"], true);
    assert_eq!(
        host.batt(&["backups"]).success().lines().count(),
        2,
        "a header, and one"
    );

    let status = line.ask(&json!({"verb": "status"}));
    assert_eq!(
        (&status["runs"][0]["summary"]["run"], &status["runs"][0]["state"]),
        (&json!(run), &json!("ended"))
    );
    line.send(&json!({"verb": "logs", "run": run, "service": "foo", "offset": 4}));
    let logs = line.until("logs-ended");
    assert_eq!(logs.len(), 2);
    assert_eq!(line.close().code(), Some(0));
}

#[test]
fn a_run_outlives_its_line_and_another_line_follows_it() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    let serve = line.child.id().cast_signed();
    kill(serve);
    line.child.wait().unwrap();
    drop(line);

    // Its supervisor leads a session of its own and has nothing of the line open.
    let supervisor = supervisor(&host, &run).expect("the run goes on");
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[3], supervisor.to_string(), "{stat}");
    for stream in 0..3 {
        let target = fs::read_link(format!("/proc/{supervisor}/fd/{stream}")).unwrap();
        assert!(
            !target.display().to_string().contains("pipe"),
            "{}",
            target.display()
        );
    }

    // Two new lines: one starts the same id, one only follows.
    let (mut one, mut two) = (Line::open(&host), Line::open(&host));
    assert_eq!(one.ask(&run_request(&run, "foo"))["attached"], true);
    one.send(&follow_request(&run, 2));
    two.send(&follow_request(&run, 0));
    let status = Line::open(&host).ask(&json!({"verb": "status"}));
    assert_eq!(status["runs"][0]["state"], "running");
    // A second run of the service is refused for as long, and is a run of its own.
    let busy = run_id();
    let mut other = Line::open(&host);
    other.ask(&run_request(&busy, "foo"));
    other.send(&follow_request(&busy, 0));
    assert_eq!(other.until("ended").last().unwrap()["exit"], 75);

    fs::remove_file(&waits).unwrap();
    let replies = one.until("ended");
    assert_eq!(kinds(&replies), ["service-ended", "run-ended"]);
    assert_eq!(replies.last().unwrap()["exit"], 0);
    let replies = two.until("ended");
    assert_eq!(kinds(&replies).len(), 4);
    assert_eq!(log_of(&replies), b"before\nafter\n");
    assert_eq!(fs::read_to_string(host.scratch().join("count")).unwrap(), "run\n");
    until("the supervisor is gone", || supervisor_is_gone(supervisor));
    host.assert_sound();
}

fn supervisor_is_gone(pid: i32) -> bool {
    !Path::new(&format!("/proc/{pid}/exe")).exists()
}

#[test]
fn a_cancelled_run_ends_with_all_of_its_processes() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    until("the script waits", || waits.exists());
    assert_eq!(
        line.ask(&json!({"verb": "cancel", "run": run}))["reply"],
        "cancelling"
    );
    line.send(&follow_request(&run, 0));
    let replies = line.until("ended");
    assert!(kinds(&replies).contains(&"cancel-requested"));
    assert_eq!(replies.last().unwrap()["exit"], 143);
    assert_none_lives(&waits.display().to_string());
    assert!(living_with(&format!("BATT_RUN_ID={run}")).is_empty());
    // Again: nothing is there to cancel, and nothing is wrong.
    assert_eq!(
        line.ask(&json!({"verb": "cancel", "run": run}))["reply"],
        "cancelling"
    );
    host.assert_sound();
}

#[test]
fn a_supervisor_that_dies_is_told_and_healed() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    kill(supervisor(&host, &run).expect("the run goes on"));
    let replies = line.until("ended");
    let last = replies.last().unwrap();
    assert_eq!(
        (&last["exit"], &last["state"]),
        (&Value::Null, &json!("interrupted"))
    );
    // The same id is not executed again; a new run heals first.
    assert_eq!(line.ask(&run_request(&run, "foo"))["attached"], true);
    host.drop_in("foo", "echo x > $BATT_DEST/foo/a");
    let next = run_id();
    assert_eq!(line.ask(&run_request(&next, "foo"))["attached"], false);
    line.send(&follow_request(&next, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    assert_none_lives(&waits.display().to_string());
    assert!(living_with(&format!("BATT_RUN_ID={run}")).is_empty());
    host.assert_sound();
}

#[test]
fn a_reader_that_goes_away_ends_the_line_and_not_the_run() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    assert_eq!(line.close().code(), Some(0));
    fs::remove_file(&waits).unwrap();
    let mut line = Line::open(&host);
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
}

#[test]
fn a_flood_is_followed_in_bounded_lines_and_what_was_dropped_shows() {
    let host = Host::new();
    host.settings("log_limit = \"256KiB\"\n");
    host.drop_in(
        "foo",
        "head -c 3000000 /dev/zero | tr '\\0' x; echo end; echo x > $BATT_DEST/foo/a",
    );
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    line.until("ended");
    line.send(&json!({"verb": "logs", "run": run, "service": "foo", "offset": 0}));
    let logs = line.until("logs-ended");
    let (mut kept, mut end, mut dropped) = (0, 0, 0);
    for log in logs.iter().filter(|reply| reply["reply"] == "log") {
        let (offset, bytes) = (
            log["offset"].as_u64().unwrap(),
            decoded(log["bytes"].as_str().unwrap()),
        );
        dropped += offset - end;
        kept += bytes.len() as u64;
        end = offset + bytes.len() as u64;
    }
    assert_eq!((end, kept + dropped), (3_000_004, 3_000_004));
    assert!(kept <= 256 << 10 && kept > 200 << 10, "{kept}");
}
