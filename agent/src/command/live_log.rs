//! What a script prints, shown as it comes: line by line, so that a terminal is never driven by it.

use batt_protocol::text::escaped;

use crate::console::Console;

/// The longest line that is waited for.
const LONGEST: usize = 64 << 10;

/// Shows a log as it grows.
pub(super) struct LiveLog<'a> {
    console: &'a mut Console,
    wanted: bool,
    line: Vec<u8>,
}

impl<'a> LiveLog<'a> {
    /// Returns one that shows, or one that does not.
    pub(super) fn new(console: &'a mut Console, wanted: bool) -> Self {
        Self {
            console,
            wanted,
            line: Vec::new(),
        }
    }

    /// Shows the lines that these bytes end.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        if !self.wanted {
            return;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() > LONGEST {
                self.end();
            }
        }
    }

    /// Shows what has no end yet.
    pub(super) fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if !line.is_empty() {
            let text = String::from_utf8_lossy(line);
            self.console.remark(&format!("| {}", escaped(&text)));
        }
    }
}
