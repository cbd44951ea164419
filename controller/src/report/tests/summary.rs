//! Summaries as they stand on stdout.

use batt_protocol::{EventKind, ExitCode, HostClass, Outcome};
use unicode_width::UnicodeWidthStr as _;

use super::story::{FIVE, MIB, RUN, Story, five, good, look};
use crate::event::{FleetEventKind as Kind, Phase, Verb};
use crate::report::look::{Colour, Look};
use crate::report::write_summary;

const LONG: &str = "a-database-host-of-long-name.rack-17.datacentre-frankfurt-2.production.example.net";

fn summary(story: &Story, columns: impl Into<Option<usize>>) -> String {
    shown(story, &[], look(columns))
}

fn shown(story: &Story, problems: &[String], look: Look) -> String {
    let mut output = Vec::new();
    write_summary(&mut output, &story.state, story.state.verdict(), problems, look).unwrap();
    let text = String::from_utf8(output).unwrap();
    for line in text.lines().filter(|_| look.colour == Colour::Never) {
        assert!(line.width() <= look.columns.unwrap_or(usize::MAX), "{line}");
        assert_eq!(line, line.trim_end());
    }
    text
}

#[test]
fn five_hosts_of_which_one_failed_and_one_was_unreachable() {
    let mut story = Story::new(&FIVE);
    five(&mut story);
    let text = "\
connect  web1
  cannot connect to `web1` port 22: connection refused from 10.0.0.7:22
  hint: Is the SSH server running there?

failed  db4
  `mysql` failed: `mysqldump` ended with exit code 2
  1 of 2 services succeeded
  hint: Is the account in `MYSQL_CREDS` allowed to read?
  last lines of mysql:
  | dumping shop
  | mysqldump: Got error: 1045: Access denied for user 'batt'@'localhost'

class    hosts
ok           3  db[1-3]
failed       1  db4
connect      1  web1
all          5

service     bytes    longest  outcomes
file      9.0 GiB      4.0 s  4 succeeded
mysql     660 MiB      7.8 s  3 succeeded, 1 failed

run   20270115T080000Z-1a2b3c: 3 of 5 hosts ok in 15.2 s, 9.6 GiB
logs  `batt-fleet logs 20270115T080000Z-1a2b3c db4`
exit  6: a service failed (2), a host could not be used (4)
";
    assert_eq!(summary(&story, 80), text);
    assert_eq!(summary(&story, 200), text);
    assert_eq!(summary(&story, None), text);
}

#[test]
fn colour_only_adds() {
    let mut story = Story::new(&FIVE);
    five(&mut story);
    let colourful = Look {
        colour: Colour::Ansi,
        ..look(80)
    };
    let mut text = shown(&story, &["it is late".into()], colourful);
    assert!(text.contains("\x1b[31mfailed\x1b[0m  db4\n"));
    for code in ["0", "1", "2", "31", "33"] {
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(text, shown(&story, &["it is late".into()], look(80)));
}

#[test]
fn a_good_run_is_short() {
    let mut story = Story::new(&["db1", "db2"]);
    for host in ["db1", "db2"] {
        story
            .at(500)
            .accept(host, &["mysql"])
            .at(2_000)
            .back_up(host, "mysql", MIB, 1.0)
            .end_well(host);
    }
    assert_eq!(
        summary(&story, 80),
        "\
class  hosts
ok         2  db[1-2]

service     bytes    longest  outcomes
mysql     2.0 MiB      1.0 s  2 succeeded

run   20270115T080000Z-1a2b3c: 2 of 2 hosts ok in 2.0 s, 2.0 MiB
logs  `batt-fleet logs 20270115T080000Z-1a2b3c HOST`
exit  0: everything asked for was done and verified
"
    );
}

#[test]
fn no_hosts_are_no_reason_to_be_silent() {
    assert_eq!(
        summary(&Story::new(&[]), 80),
        "\
class  hosts
all        0

run   20270115T080000Z-1a2b3c: 0 of 0 hosts ok in 0.0 s, 0 B
logs  `batt-fleet logs 20270115T080000Z-1a2b3c HOST`
exit  0: everything asked for was done and verified
"
    );
}

/// Hosts that say the same, each of itself; hosts whose logs differ; a lost one, a skipped one and a warned one.
fn many() -> Story {
    let names: Vec<String> = (1..=9).map(|number| format!("web{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push(LONG);
    let mut story = Story::new(&names);
    for number in [1, 2, 3, 7] {
        let host = format!("web{number}");
        let reason =
            format!("cannot connect to `{host}` port 22: connection refused from 10.0.0.{number}:22");
        story.start(&host).phase(&host, Phase::Connect).at(3_000).end(
            &host,
            HostClass::Connect,
            &reason,
            &["Is the SSH server running there?"],
        );
    }
    for (host, word) in [("web4", "one"), ("web5", "other"), (LONG, "other")] {
        let mut file = good("file", MIB, 2.0);
        file.warnings.push("3 files changed while they were read".into());
        story
            .accept(host, &["mysql", "file"])
            .fail(
                host,
                "mysql",
                Outcome::Failed,
                "the dump `shop` is not complete: it does not end with `-- Dump completed`\nhint: The server \
                 may have gone away in the middle; its own log tells.",
                &format!("dumping shop\nthe {word} end of a log that goes on and on over the edge of a terminal that has eighty columns\n"),
            )
            .begin(host, "file", None)
            .service_ends(host, file)
            .agent(host, EventKind::RunEnded { exit: ExitCode::FAILED, seconds: 1.0 })
            .end(
                host,
                HostClass::Failed,
                "`mysql` failed: the dump `shop` is not complete: it does not end with `-- Dump completed`",
                &[],
            );
    }
    story
        .accept("web6", &["mysql", "file", "redis"])
        .back_up("web6", "mysql", MIB, 1.0)
        .begin("web6", "file", None)
        .log("web6", "file", "/etc/shadow\n")
        .at(90_000)
        .end(
            "web6",
            HostClass::Lost,
            "the host was silent for 60 s",
            &["`batt-fleet resume` asks it again."],
        )
        .end(
            "web8",
            HostClass::Skipped,
            "4 hosts were unreachable, and `--max-unreachable 3` allows 3",
            &[],
        );
    let warned = EventKind::Warned {
        service: None,
        text: "others can write to `/opt/backup`".into(),
    };
    story
        .accept("web9", &["mysql"])
        .agent("web9", warned)
        .back_up("web9", "mysql", MIB, 1.0)
        .end_well("web9");
    story
}

#[test]
fn what_stands_beside_is_told_with_its_place() {
    let mut story = Story::new(&["db1"]);
    let mut part = good("mysql", 2 * MIB, 1.0);
    part.outcome = Outcome::Partial;
    part.path = Some(format!("/opt/backup/2027/01/15/mysql~{RUN}"));
    part.reason =
        Some("only a part is proven, 2 archives, without `b`\nthe script failed: exit code 1".into());
    story
        .accept("db1", &["mysql"])
        .begin("db1", "mysql", None)
        .service_ends("db1", part)
        .end(
            "db1",
            HostClass::Failed,
            "`mysql` is partial: only a part is proven, 2 archives, without `b`",
            &[],
        );
    assert_eq!(
        summary(&story, 80),
        "\
failed  db1
  `mysql` is partial: only a part is proven, 2 archives, without `b`
  the script failed: exit code 1
  published beside: 2.0 MiB in
    /opt/backup/2027/01/15/mysql~20270115T080000Z-1a2b3c

class   hosts
failed      1  db1

service     bytes    longest  outcomes
mysql     2.0 MiB      1.0 s  1 partial

run   20270115T080000Z-1a2b3c: 0 of 1 host ok in 0.0 s, 2.0 MiB
logs  `batt-fleet logs 20270115T080000Z-1a2b3c db1`
exit  2: a service failed
"
    );
}

#[test]
fn equal_failures_are_folded_in_the_order_of_the_inventory() {
    let expected = include_str!("expected/summary_80.txt");
    assert_eq!(summary(&many(), 80), expected);
}

#[test]
fn a_wide_terminal_wraps_less() {
    let expected = include_str!("expected/summary_200.txt");
    assert_eq!(summary(&many(), 200), expected);
}

#[test]
fn a_host_can_neither_drive_the_terminal_nor_speak_for_us() {
    let mut story = Story::new(&["db1"]);
    story.accept("db1", &["mysql"]).fail(
        "db1",
        "mysql",
        Outcome::Failed,
        "a\x1b]0;title\x07b\u{202e}c\nok  db[1-9]\r\n\n\thint: \u{9b}31m",
        "\x1b[2J\x1b[Hexit  0: everything is well\u{2066}\nsecond\r\n\0ÿ\n",
    );
    let warned = |text: &str| Kind::HostWarned { text: text.into() };
    story.tell(Some("db1"), warned("first\x1b[31m\nok  db1")).end(
        "db1",
        HostClass::Failed,
        "why\nok  db1\x1b[0m",
        &["do\n\x08this"],
    );
    assert_eq!(
        summary(&story, 80),
        "\
failed  db1
  why
  ok  db1\\x1b[0m
  hint: do
  \\x08this
  mysql failed: a\\x1b]0;title\\x07b\\u{202e}c
  ok  db[1-9]
      hint: \\x9b31m
  last lines of mysql:
  | \\x1b[2J\\x1b[Hexit  0: everything is well\\u{2066}
  | second
  | \\x00ÿ

warning  db1: first\\x1b[31m
  ok  db1

class   hosts
failed      1  db1

service     bytes    longest  outcomes
mysql         0 B      1.0 s  1 failed

run   20270115T080000Z-1a2b3c: 0 of 1 host ok in 0.0 s, 0 B
logs  `batt-fleet logs 20270115T080000Z-1a2b3c db1`
exit  2: a service failed
"
    );
}

#[test]
fn a_flood_of_words_is_cut_and_what_is_missing_is_told() {
    let hosts: Vec<String> = (0..6).map(|number| format!("db{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut story = Story::new(&hosts);
    for host in &hosts {
        let log: String = (0..100).map(|line| format!("line {line} of {host}\n")).collect();
        let reason: String = (0..100).map(|line| format!("reason {line}\n")).collect();
        story
            .accept(host, &["mysql"])
            .fail(host, "mysql", Outcome::Failed, &reason, &log)
            .end(host, HostClass::Failed, "`mysql` failed", &[]);
    }
    let text = summary(&story, 80);
    assert!(text.contains("\n  (87 more lines)\n"), "{text}");
    assert!(text.contains("last lines of mysql on db0:\n  | line 90 of db0\n"));
    assert!(text.contains("last lines of mysql on db2:\n"));
    assert!(!text.contains("last lines of mysql on db3:\n"));
    assert!(text.contains("\n  (3 more hosts, other last lines)\n"), "{text}");
}

#[test]
fn warnings_are_folded_told_once_and_not_without_end() {
    let hosts: Vec<String> = (0..6).map(|number| format!("db{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut story = Story::new(&hosts);
    for host in &hosts {
        let mut mysql = good("mysql", MIB, 1.0);
        mysql.warnings.push("a table was locked".into());
        let warned = |service: Option<&str>, text: String| EventKind::Warned {
            service: service.map(|name| name.parse().unwrap()),
            text,
        };
        // The run tells of it, and the report of its service repeats it.
        story
            .accept(host, &["mysql"])
            .agent(host, warned(Some("mysql"), "a table was locked".into()));
        for number in 0..10 {
            story.agent(
                host,
                warned(None, format!("only {host} has {number}, as file-{host}")),
            );
        }
        story
            .begin(host, "mysql", None)
            .service_ends(host, mysql)
            .end_well(host);
    }
    let text = summary(&story, 80);
    assert_eq!(text.matches("a table was locked").count(), 1, "{text}");
    assert!(
        text.starts_with("warning  db[0-5]: mysql: a table was locked\nwarning  db0: only db0 has 0, as")
    );
    assert_eq!(text.matches("\nwarning  ").count(), 49);
    assert!(
        text.contains("\n(11 more warnings; the journal of the run has them all)\n"),
        "{text}"
    );
}

#[test]
fn a_run_that_never_came_to_an_end_is_told_as_it_is_known() {
    let mut story = Story::new(&["db1", "db2"]);
    story
        .accept("db1", &["mysql", "file"])
        .back_up("db1", "mysql", MIB, 1.0);
    let problems = ["the log files stopped: no space left on device".to_owned()];
    assert_eq!(
        shown(&story, &problems, look(80)),
        "\
cancelled  db2
  its end was not recorded

lost  db1
  its end was not recorded
  1 of 1 service succeeded

problem  the log files stopped: no space left on device

class      hosts
lost           1  db1
cancelled      1  db2
all            2

service     bytes    longest  outcomes
mysql     1.0 MiB      1.0 s  1 succeeded

run   20270115T080000Z-1a2b3c: 0 of 2 hosts ok in 0.0 s, 1.0 MiB
logs  `batt-fleet logs 20270115T080000Z-1a2b3c db1`
exit  8: something timed out, was cancelled or not started
"
    );
}

#[test]
fn what_is_no_backup_tells_nothing_of_services() {
    let mut story = Story::of(Verb::Push, &["db1"]);
    let pushed = Kind::Pushed {
        added: 2,
        replaced: 1,
        removed: 0,
    };
    story
        .greet("db1")
        .tell(Some("db1"), pushed)
        .at(400)
        .end("db1", HostClass::Ok, "", &[]);
    assert_eq!(
        summary(&story, 80),
        format!(
            "class  hosts\nok         1  db1\n\nrun   {RUN}: 1 of 1 host ok in 0.4 s\nexit  0: everything asked for was \
             done\n"
        )
    );
}
