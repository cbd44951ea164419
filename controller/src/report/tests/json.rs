use batt_protocol::{ExitCode, FleetReport};

use super::story::{FIVE, Paper, RUN, Story, five};
use crate::event::{FleetEvent, FleetEventKind as Kind};
use crate::report::{JsonLines, Screen, write_report};

#[test]
fn the_report_has_the_shape_that_others_rely_on() {
    let mut story = Story::new(&FIVE);
    five(&mut story);
    let mut output = Vec::new();
    write_report(&mut output, &story.state, story.state.verdict()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(value["run"], RUN);
    assert_eq!(value["exit"], 6);
    assert_eq!(
        value["totals"],
        serde_json::json!({"ok": 3, "failed": 1, "connect": 1})
    );
    assert_eq!(
        value["hosts"][3],
        serde_json::json!({
            "host": "db4",
            "class": "failed",
            "reason": "`mysql` failed: `mysqldump` ended with exit code 2",
            "seconds": 1.0,
            "services": [
                {
                    "service": "mysql",
                    "items": [],
                    "outcome": "failed",
                    "path": null,
                    "bytes": 0,
                    "seconds": 1.0,
                    "reason": "`mysqldump` ended with exit code 2\nhint: Is the account in `MYSQL_CREDS` allowed to read?",
                    "warnings": [],
                },
                {
                    "service": "file",
                    "items": [],
                    "outcome": "succeeded",
                    "path": "/opt/backup/2027/01/15/file",
                    "bytes": 1_048_576,
                    "seconds": 0.5,
                    "reason": null,
                    "warnings": [],
                },
            ],
        })
    );
    let report: FleetReport = serde_json::from_slice(&output).unwrap();
    let order: Vec<&str> = report.hosts.iter().map(|host| host.host.as_str()).collect();
    assert_eq!(order, FIVE);
    let text = String::from_utf8(output).unwrap();
    assert!(text.starts_with("{\n  \"run\""), "a person can read it");
    assert!(text.ends_with("}\n"));
}

#[test]
fn no_hosts_make_a_whole_report() {
    let story = Story::new(&[]);
    let mut output = Vec::new();
    write_report(&mut output, &story.state, ExitCode::OK).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"run": RUN, "exit": 0, "totals": {}, "hosts": []})
    );
}

#[test]
fn the_lines_are_those_of_the_journal() {
    let paper = Paper::default();
    let mut story = Story::new(&FIVE);
    story.read_by(JsonLines::new(Screen::new(paper.clone()).unwrap()));
    five(&mut story);
    story.finish();
    let text = paper.text();
    let events: Vec<FleetEvent> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.iter().all(|event| event.event.is_kept()));
    assert!(matches!(events.last().unwrap().event, Kind::HostEnded { .. }));
    // The log of `db4` came, and belongs to its file.
    assert!(!text.contains("log-received"));
}
