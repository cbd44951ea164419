//! What cannot be meant is refused, and what is meant crosses the line as it is.

use super::*;

#[test]
fn what_is_no_request_is_refused_and_the_line_goes_on_where_it_can() {
    let host = Host::new();
    let mut line = Line::open(&host);
    let refusals = [
        "{\"verb\":\"purge\",\"path\":\"/\"}\n",
        "{\"verb\":\"exec\",\"command\":\"id\"}\n",
        "{}\n",
        "\n",
        "null\n",
        "[1,2]\n",
        "hello\n",
        "\u{0}\u{1}\n",
        "{\"verb\":\"run\"}\n",
        "{\"verb\":\"run\",\"run\":\"../../etc\",\"services\":[],\"controller\":\"x\"}\n",
        "{\"verb\":\"follow\",\"run\":\"20200101T000000Z-000000\",\"after\":0}\n",
        "{\"verb\":\"cancel\",\"run\":\"20200101T000000Z-000000\"}\n",
        "{\"verb\":\"commit\"}\n",
    ];
    for request in refusals {
        line.send_raw(request.as_bytes());
        let reply = line.next();
        assert_eq!(reply["reply"], "refused", "{request}: {reply}");
        assert!(
            reply["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{reply}"
        );
        assert_ne!(reply["exit"], 0);
    }
    let deep = format!("{}\n", "[".repeat(60_000));
    line.send_raw(deep.as_bytes());
    assert_eq!(line.next()["reply"], "refused");
    line.send_raw(b"\xff\xfe{}\n");
    assert_eq!(line.next()["reply"], "refused");
    // Unknown fields are for later versions; two requests in one write, and one cut in two.
    line.send_raw(b"{\"verb\":\"status\",\"later\":[1]}\n{\"verb\":\"sta");
    assert_eq!(line.next()["reply"], "status");
    line.send_raw(b"tus\"}\n");
    assert_eq!(line.next()["reply"], "status");
    // A line without end is refused before it takes memory, and ends the line.
    line.send_raw(&vec![b' '; 70_000]);
    let reply = line.next();
    assert_eq!(reply["reply"], "refused");
    assert!(reply["message"].as_str().unwrap().contains("64 KiB"), "{reply}");
    assert_eq!(line.close().code(), Some(0));
    // A line that ends in the middle of a request is over.
    let mut line = Line::open(&host);
    line.send_raw(b"{\"verb\":\"status\"}");
    assert_eq!(line.close().code(), Some(0));
}

#[test]
fn a_run_that_cannot_be_meant_is_refused_with_its_exit_code_and_leaves_no_trace() {
    let host = Host::new();
    host.drop_in("foo", "echo x > $BATT_DEST/foo/a");
    let mut line = Line::open(&host);
    let run = run_id();
    let reply = line.ask(&run_request(&run, "fooo"));
    assert_eq!((&reply["reply"], &reply["exit"]), (&json!("refused"), &json!(64)));
    assert!(reply["hints"][0].as_str().unwrap().contains("`foo`"), "{reply}");
    let nothing = json!({"verb": "run", "run": run, "services": [], "controller": "x"});
    assert_eq!(line.ask(&nothing)["exit"], 65);
    let old = run_request("20200101T000000Z-00000a", "foo");
    assert_eq!(line.ask(&old)["exit"], 77);
    // What is known only when it starts: the supervisor says it, and the id is free again.
    chmod(&host.home(), 0o777);
    let reply = line.ask(&run_request(&run, "foo"));
    assert_eq!((&reply["reply"], &reply["exit"]), (&json!("refused"), &json!(77)));
    chmod(&host.home(), 0o755);
    assert_eq!(host.batt(&["runs"]).success(), "");
    // A dry run tells where it would go, and why not.
    host.drop_in_raw("open", b"#!/bin/sh\n", 0o777);
    let services = json!([{"service": "foo"}, {"service": "open"}]);
    let planned = line.ask(&json!({"verb": "plan", "services": services}));
    assert!(
        planned["services"][0]["path"].as_str().unwrap().ends_with("/foo"),
        "{planned}"
    );
    assert!(
        planned["services"][1]["refusal"]
            .as_str()
            .unwrap()
            .contains("not trusted"),
        "{planned}"
    );
    assert_eq!(host.batt(&["runs"]).success(), "");
    assert_eq!(line.ask(&run_request(&run, "foo"))["attached"], false);
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
}

#[test]
fn items_cross_the_line_as_opaque_words() {
    let host = Host::new();
    host.drop_in(
        "foo",
        "for a in \"$@\"; do printf '%s\\0' \"$a\"; done > $BATT_DEST/foo/a",
    );
    let items = ["a b", "$(id)", "-x", "../..", "é\n", "%Y"];
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&json!({"verb": "run", "run": run, "services": [{"service": "foo", "items": items}], "controller": "x"}));
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    let got = fs::read(host.backup("foo").join("a")).unwrap();
    assert_eq!(
        got,
        items
            .iter()
            .flat_map(|item| [item.as_bytes(), b"\0"].concat())
            .collect::<Vec<u8>>()
    );
}
