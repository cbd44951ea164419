//! What stands on a terminal while a run goes on.

use std::io;
use std::sync::{Arc, Mutex};

use batt_protocol::wire::PlannedService;
use batt_protocol::{HostClass, Stage};

use super::glass::Glass;
use super::story::{FIVE, MIB, Paper, Story, five, look};
use crate::event::FleetEvent;
use crate::event::{FleetEventKind as Kind, Interruption, Phase, Verb};
use crate::reader::Reader;
use crate::report::look::{Colour, Glyphs, Look, Size};
use crate::report::screen::Patience;
use crate::report::{Screen, Terminal};
use crate::state::FleetState;

/// A run on a terminal that a test looks at.
struct Scene {
    story: Story,
    terminal: Shared,
    paper: Paper,
    size: Arc<Mutex<Size>>,
    glass: Glass,
    taken: usize,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Terminal>>);

impl Reader for Shared {
    fn name(&self) -> &'static str {
        self.0.lock().unwrap().name()
    }

    fn on_event(&mut self, event: &FleetEvent, state: &FleetState) -> io::Result<()> {
        self.0.lock().unwrap().on_event(event, state)
    }

    fn on_tick(&mut self, state: &FleetState) -> io::Result<()> {
        self.0.lock().unwrap().on_tick(state)
    }

    fn finish(&mut self, state: &FleetState) -> io::Result<()> {
        self.0.lock().unwrap().finish(state)
    }
}

impl Scene {
    fn new(story: Story, columns: usize, rows: usize) -> Self {
        Self::with(story, look(columns), columns, rows)
    }

    fn with(mut story: Story, look: Look, columns: usize, rows: usize) -> Self {
        let paper = Paper::default();
        let size = Arc::new(Mutex::new(Size { columns, rows }));
        let screen = Screen::new(paper.clone()).unwrap();
        let asked = Arc::clone(&size);
        let asked = move || Some(*asked.lock().unwrap());
        let terminal = Terminal::new(screen, look, asked, story.clock());
        let terminal = Shared(Arc::new(Mutex::new(terminal)));
        story.read_by(terminal.clone());
        Self {
            story,
            terminal,
            paper,
            size,
            glass: Glass::new(columns, rows),
            taken: 0,
        }
    }

    /// Lets it draw, and returns what a person sees.
    fn see(&mut self) -> String {
        self.story.tick();
        self.take();
        self.glass.text()
    }

    /// Returns the bytes that were written since the last time, after the glass has shown them.
    fn take(&mut self) -> String {
        let terminal = self.terminal.0.lock().unwrap();
        terminal.screen.finish(Patience::Endless).unwrap();
        let text = self.paper.text()[self.taken..].to_owned();
        self.taken += text.len();
        self.glass.draw(&text);
        text
    }

    fn resize(&mut self, columns: usize) {
        self.size.lock().unwrap().columns = columns;
        self.glass.resize(columns);
    }
}

const GIB: u64 = 1 << 30;

/// Hosts in all their states, nine seconds after the start.
fn busy(story: &mut Story) {
    story
        .at(0)
        .accept("db1.example.net", &["mysql", "file", "redis@6380"])
        .back_up("db1.example.net", "mysql", 220 * MIB, 1.0)
        .begin("db1.example.net", "file", Some(2 * GIB))
        .accept("db2.example.net", &["postgresql"])
        .begin("db2.example.net", "postgresql", None)
        .accept("db3.example.net", &["mysql"])
        .begin("db3.example.net", "mysql", Some(100 * MIB))
        .start("db4.example.net")
        .at(2_000)
        .phase("db4.example.net", Phase::Connect)
        .accept("db5.example.net", &["mysql"])
        .tell(
            Some("db5.example.net"),
            Kind::ConnectionLost {
                reason: "the connection broke".into(),
                attempt: 2,
            },
        );
}

const BUSY: [&str; 8] = [
    "db1.example.net",
    "db2.example.net",
    "db3.example.net",
    "db4.example.net",
    "db5.example.net",
    "db6.example.net",
    "db7.example.net",
    "a-host-of-a-very-long-name.rack-17.datacentre-frankfurt-2.production.example.net",
];

fn go_on(scene: &mut Scene, second: u64) -> String {
    for tick in 0..10 {
        let now = second * 1_000 + tick * 100;
        scene
            .story
            .at(now as i64)
            .progress(
                "db1.example.net",
                "file",
                Stage::Running,
                second * 100 * MIB,
                Some(2 * GIB),
            )
            .progress(
                "db2.example.net",
                "postgresql",
                Stage::Running,
                second * 5 * MIB,
                None,
            )
            .progress(
                "db3.example.net",
                "mysql",
                Stage::Verifying,
                101 * MIB,
                Some(100 * MIB),
            );
        scene.see();
    }
    scene.glass.text()
}

/// Returns the scene nine seconds after the start, when one host has just ended.
fn after_nine_seconds(columns: usize, rows: usize) -> Scene {
    let mut scene = Scene::new(Story::new(&BUSY), columns, rows);
    busy(&mut scene.story);
    for second in 3..=9 {
        go_on(&mut scene, second);
    }
    scene.story.end(
        "db4.example.net",
        HostClass::Connect,
        "cannot connect to `db4.example.net` port 22: connection refused from 10.0.0.7:22",
        &[],
    );
    scene.see();
    scene
}

#[test]
fn eighty_columns() {
    let expected = include_str!("expected/frame_80.txt");
    assert_eq!(after_nine_seconds(80, 24).glass.text(), expected.trim_end());
}

#[test]
fn two_hundred_columns() {
    let expected = include_str!("expected/frame_200.txt");
    assert_eq!(after_nine_seconds(200, 60).glass.text(), expected.trim_end());
}

#[test]
fn forty_columns_are_enough_for_what_matters() {
    let expected = include_str!("expected/frame_40.txt");
    assert_eq!(after_nine_seconds(40, 10).glass.text(), expected.trim_end());
}

#[test]
fn a_terminal_without_glyphs_and_colour_lacks_nothing() {
    let look = Look {
        glyphs: Glyphs::Ascii,
        ..look(80)
    };
    let mut story = Story::new(&["a-host-of-a-long-name.example.net", "db2"]);
    story
        .accept("a-host-of-a-long-name.example.net", &["mysql"])
        .begin("a-host-of-a-long-name.example.net", "mysql", Some(10))
        .progress(
            "a-host-of-a-long-name.example.net",
            "mysql",
            Stage::Running,
            5,
            Some(10),
        );
    let mut scene = Scene::with(story, look, 80, 24);
    scene.story.tick();
    assert_eq!(
        scene.take(),
        "\x1b[?2026h\
         a-host-of-a-long-n~  mysql  =====-----   50%       5 B\n\
         0 of 2 hosts  1 running  1 waiting  0 s  5 B\n\
         \x1b[?2026l"
    );
}

#[test]
fn colour_only_adds_to_a_frame() {
    let seen = |colour| {
        let look = Look { colour, ..look(80) };
        let mut scene = Scene::with(Story::new(&FIVE), look, 80, 24);
        scene
            .story
            .at(1_000)
            .accept("db2", &["mysql"])
            .begin("db2", "mysql", Some(9));
        scene.story.end("web1", HostClass::Cancelled, "no time", &[]);
        (scene.see(), scene.paper.text())
    };
    let (plain, bytes) = seen(Colour::Never);
    assert!(!bytes.contains("\x1b[3"));
    let (colourful, bytes) = seen(Colour::Ansi);
    assert!(bytes.contains("\x1b[33mcancelled\x1b[0m"));
    assert_eq!(plain, colourful);
}

#[test]
fn the_end_of_a_run_leaves_a_line_for_each_host_and_no_bars() {
    let mut scene = Scene::new(Story::new(&FIVE), 80, 24);
    five(&mut scene.story);
    scene.see();
    scene.story.finish();
    scene.take();
    assert_eq!(
        scene.glass.text(),
        "\
db1   ok       2 services, 3.2 GiB in 12.0 s
db2   ok       2 services, 3.2 GiB in 12.0 s
db3   ok       2 services, 3.2 GiB in 12.0 s
db4   failed   `mysql` failed: `mysqldump` ended with exit code 2
web1  connect  cannot connect to `web1` port 22: connection refused from 10.0.…"
    );
}

#[test]
fn more_hosts_than_rows_leave_room_and_the_first_are_shown() {
    let hosts: Vec<String> = (100..160).map(|number| format!("db{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut story = Story::new(&hosts);
    // The last of the inventory came first.
    story.start("db159").at(1_000);
    for host in &hosts[..50] {
        story.start(host);
    }
    let mut scene = Scene::new(story, 80, 24);
    let seen = scene.see();
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[0], "db159  resolving its name 1 s");
    assert_eq!(lines[1], "db100  resolving its name 0 s");
    assert_eq!(lines[18], "and 33 more");
    assert_eq!(lines[19], "0 of 60 hosts  51 running  9 waiting  1 s");
}

#[test]
fn the_last_hosts_are_named_with_what_they_wait_for() {
    let mut story = Story::new(&["db1", "db2"]);
    story.start("db1").phase("db1", Phase::Handshake).at(5_000);
    story.start("db2").phase("db2", Phase::Connect).at(7_000);
    let mut scene = Scene::new(story, 80, 24);
    assert!(
        scene
            .see()
            .ends_with("\n0 of 2 hosts  2 running  7 s  waiting on db1: exchanging keys 7 s")
    );
    scene
        .story
        .end("db1", HostClass::Lost, "the connection broke", &[]);
    scene.story.tell(
        None,
        Kind::CancelRequested {
            by: Interruption::Interrupt,
        },
    );
    assert!(
        scene
            .see()
            .ends_with("\ncancelling: 1 of 2 hosts  1 failed  7 s  waiting on db2: connecting 2 s")
    );
}

#[test]
fn a_resize_leaves_one_frame() {
    for (before, after) in [(80, 60), (60, 100), (200, 80), (80, 200)] {
        let mut scene = after_nine_seconds(before, 60);
        scene.resize(after);
        let seen = scene.see();
        let fleet = seen.lines().filter(|line| line.contains(" of 8 hosts")).count();
        let bars = seen.lines().filter(|line| line.contains("verifying")).count();
        assert_eq!((fleet, bars), (1, 1), "{seen}");
        assert_eq!(seen.matches("connect  cannot").count(), 1, "{seen}");
    }
}

#[test]
fn no_terminal_is_too_small() {
    for (columns, rows) in [(1, 1), (2, 2), (9, 4), (20, 5), (30, 24)] {
        let mut scene = after_nine_seconds(columns, rows);
        scene.story.finish();
        scene.take();
        assert!(scene.glass.text().len() < 400);
    }
}

#[test]
fn a_tick_without_news_draws_nothing() {
    let mut scene = after_nine_seconds(80, 24);
    scene.story.tick();
    assert_eq!(scene.take(), "");
}

#[test]
fn a_terminal_that_is_stopped_gets_no_more_frames_and_loses_no_line() {
    use std::io::Read as _;
    let hosts: Vec<String> = (0..3_000).map(|number| format!("db{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let (mut reader, writer) = io::pipe().unwrap();
    let mut story = Story::new(&hosts);
    let terminal = Terminal::new(Screen::new(writer).unwrap(), look(80), || None, story.clock());
    let terminal = Shared(Arc::new(Mutex::new(terminal)));
    story.read_by(terminal.clone());
    let reason = "x".repeat(100);
    for (second, host) in hosts.iter().enumerate() {
        story
            .at(second as i64 * 1_000)
            .end(host, HostClass::Cancelled, &reason, &[])
            .tick();
    }
    // Far less than a frame for each tick: the pipe was full at some time.
    assert!(!terminal.0.lock().unwrap().screen.is_idle().unwrap());
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    story.finish();
    drop((story, terminal));
    let text = reading.join().unwrap();
    assert_eq!(text.matches("cancelled").count(), hosts.len());
    assert!(text.matches("\x1b[?2026h").count() < hosts.len());
}

#[test]
fn a_host_cannot_drive_the_terminal() {
    let mut scene = Scene::new(Story::new(&["db1"]), 80, 24);
    scene
        .story
        .start("db1")
        .end("db1", HostClass::Protocol, "a\x1b[2J\tb\u{202e}\r\nsecond", &[]);
    assert!(
        scene
            .see()
            .starts_with("db1  protocol  a\\x1b[2J    b\\u{202e}\n1 of 1 host")
    );
}

#[test]
fn each_verb_tells_what_it_did() {
    let line = |verb, event: Option<Kind>| {
        let mut scene = Scene::new(Story::of(verb, &["db1"]), 80, 24);
        scene.story.greet("db1");
        if let Some(event) = event {
            scene.story.tell(Some("db1"), event);
        }
        scene.story.at(300).end("db1", HostClass::Ok, "", &[]);
        let seen = scene.see();
        seen.lines().next().unwrap().to_owned()
    };
    let pushed = |added, replaced, removed| Kind::Pushed {
        added,
        replaced,
        removed,
    };
    assert_eq!(line(Verb::Ping, None), "db1  ok       batt 0.1.0 in 0.3 s");
    assert_eq!(
        line(Verb::Push, Some(pushed(2, 1, 0))),
        "db1  ok       3 files: 2 added, 1 replaced in 0.3 s"
    );
    assert_eq!(
        line(Verb::Push, Some(pushed(0, 0, 0))),
        "db1  ok       nothing to push in 0.3 s"
    );
    assert_eq!(
        line(Verb::PushCheck, Some(Kind::Compared { changes: Vec::new() })),
        "db1  ok       nothing differs in 0.3 s"
    );
    let planned = PlannedService {
        service: super::story::service("mysql"),
        path: "/opt/backup".into(),
        refusal: None,
    };
    let refused = PlannedService {
        refusal: Some("no".into()),
        ..planned.clone()
    };
    assert_eq!(
        line(
            Verb::Plan,
            Some(Kind::Planned {
                services: vec![planned, refused]
            })
        ),
        "db1  ok       1 service would run, 1 not in 0.3 s"
    );
}
