use std::io::{self, Write};

use super::story::{Story, look};
use crate::event::FleetEventKind as Kind;
use crate::reader::Reader;
use crate::report::look::Size;
use crate::report::screen::Patience;
use crate::report::{Amount, JsonLines, Plain, Screen, Terminal};

struct Broken;

impl Write for Broken {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns a screen whose output is known to be gone.
fn broken() -> Screen {
    let screen = Screen::new(Broken).unwrap();
    screen.write("x").unwrap();
    screen.finish(Patience::Endless).unwrap_err();
    screen
}

#[test]
fn a_reader_whose_output_is_gone_says_so_and_only_data_counts() {
    let story = Story::new(&["db1"]);
    let size = || {
        Some(Size {
            columns: 80,
            rows: 24,
        })
    };
    let readers: [(Box<dyn Reader>, bool); 3] = [
        (Box::new(JsonLines::new(broken())), true),
        (
            Box::new(Plain::new(broken(), Amount::Everything, story.clock())),
            false,
        ),
        (
            Box::new(Terminal::new(broken(), look(80), size, story.clock())),
            false,
        ),
    ];
    let event = crate::event::FleetEvent {
        at: super::story::at(0),
        host: None,
        event: Kind::CancelRequested {
            by: crate::event::Interruption::Interrupt,
        },
    };
    for (mut reader, is_essential) in readers {
        let lost = reader
            .on_event(&event, &story.state)
            .and_then(|()| reader.on_tick(&story.state))
            .unwrap_err();
        assert_eq!(lost.kind(), io::ErrorKind::BrokenPipe, "{}", reader.name());
        assert_eq!(reader.is_essential(), is_essential, "{}", reader.name());
    }
}
