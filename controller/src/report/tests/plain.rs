use batt_protocol::{EventKind, HostClass, Outcome};

use super::story::{FIVE, Paper, Story, five};
use crate::event::{FleetEventKind as Kind, Interruption, Phase};
use crate::report::{Amount, Plain, Screen};

fn read(hosts: &[&str], amount: Amount) -> (Story, Paper) {
    let paper = Paper::default();
    let mut story = Story::new(hosts);
    let screen = Screen::new(paper.clone()).unwrap();
    story.read_by(Plain::new(screen, amount, story.clock()));
    (story, paper)
}

#[test]
fn each_change_is_a_line() {
    let (mut story, paper) = read(&FIVE, Amount::Everything);
    five(&mut story);
    story.finish();
    assert_eq!(
        paper.text(),
        "\
db1: mysql succeeded, 220 MiB in 7.8 s
db1: file succeeded, 3.0 GiB in 4.0 s
db1: ok: 2 services, 3.2 GiB in 12.0 s
db2: mysql succeeded, 220 MiB in 7.8 s
db2: file succeeded, 3.0 GiB in 4.0 s
db2: ok: 2 services, 3.2 GiB in 12.0 s
db3: mysql succeeded, 220 MiB in 7.8 s
db3: file succeeded, 3.0 GiB in 4.0 s
db3: ok: 2 services, 3.2 GiB in 12.0 s
db4: mysql failed: `mysqldump` ended with exit code 2
db4: file succeeded, 1.0 MiB in 0.5 s
db4: failed: `mysql` failed: `mysqldump` ended with exit code 2
web1: connect: cannot connect to `web1` port 22: connection refused from 10.0.0.7:22
"
    );
}

#[test]
fn quiet_tells_failures_only() {
    let (mut story, paper) = read(&FIVE, Amount::Failures);
    five(&mut story);
    story.at(100_000).tick().finish();
    assert_eq!(
        paper.text(),
        "\
db4: mysql failed: `mysqldump` ended with exit code 2
db4: failed: `mysql` failed: `mysqldump` ended with exit code 2
web1: connect: cannot connect to `web1` port 22: connection refused from 10.0.0.7:22
"
    );
}

#[test]
fn silence_is_broken_every_thirty_seconds_and_no_sooner() {
    let (mut story, paper) = read(&["db1", "db2", "db3"], Amount::Everything);
    story
        .tick()
        .at(1_000)
        .start("db2")
        .phase("db2", Phase::Connect)
        .accept("db1", &["mysql"])
        .begin("db1", "mysql", None);
    for second in 1..=70 {
        story.at(second * 1_000).tick();
    }
    story.back_up_end("db1");
    for second in 71..=99 {
        story.at(second * 1_000).tick();
    }
    story.finish();
    assert_eq!(
        paper.text(),
        "\
0 of 3 hosts ended, 2 running, 1 waiting; longest db1: running mysql 29 s
0 of 3 hosts ended, 2 running, 1 waiting; longest db1: running mysql 59 s
db1: mysql succeeded, 7 B in 69.0 s
"
        .replace("69.0 s", "1 min 09 s")
    );
}

impl Story {
    fn back_up_end(&mut self, host: &str) {
        self.service_ends(host, super::story::good("mysql", 7, 69.0));
    }
}

#[test]
fn what_happens_on_the_way_is_told_and_safe_to_show() {
    let (mut story, paper) = read(&["db1", "db2"], Amount::Everything);
    story
        .accept("db1", &["mysql"])
        .agent(
            "db1",
            EventKind::Warned {
                service: Some(super::story::service("mysql")),
                text: "a\x1b[2J\u{202e}b\nsecond line".into(),
            },
        )
        .tell(
            Some("db1"),
            Kind::ConnectionLost {
                reason: "the connection broke".into(),
                attempt: 1,
            },
        )
        .tell(
            None,
            Kind::ReaderFailed {
                reader: "the log files".into(),
                reason: "no space left on device".into(),
            },
        )
        .tell(
            None,
            Kind::CancelRequested {
                by: Interruption::Interrupt,
            },
        )
        .fail("db1", "mysql", Outcome::Cancelled, "cancelled\r\nby \x07you", "")
        .end("db2", HostClass::Cancelled, "cancelled before its turn", &[])
        .finish();
    assert_eq!(
        paper.text(),
        "\
db1: warning: mysql: a\\x1b[2J\\u{202e}b
db1: connection lost, attempt 1 to reach it again: the connection broke
the log files stopped: no space left on device
interrupted: no new hosts, running ones are cancelled
db1: mysql cancelled: cancelled
db2: cancelled: cancelled before its turn
"
    );
}
