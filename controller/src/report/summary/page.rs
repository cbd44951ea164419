//! Text of a summary, as wide as its output: paragraphs with an indent, and empty lines between blocks.

use crate::report::columns::{fit, shown, wrapped};
use crate::report::look::{Ink, Look};

/// Where lines may have any length, those that are cut for the eye are cut here.
const USUAL: usize = 120;

/// A summary while it is written.
#[derive(Debug)]
pub(super) struct Page {
    look: Look,
    text: String,
}

impl Page {
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            text: String::new(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Begins a block: there is an empty line before it, unless it is the first.
    pub(super) fn block(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a paragraph that begins with `label` in an ink of its own. Further lines are indented by `hang` more.
    pub(super) fn labelled(&mut self, indent: usize, hang: usize, ink: Ink, label: &str, rest: &str) {
        let whole = format!("{label}{rest}");
        let first = wrapped(&whole, self.room(indent))
            .into_iter()
            .next()
            .unwrap_or_default();
        let painted = match first.strip_prefix(label) {
            Some(rest) => format!("{}{rest}", self.look.paint(ink, label)),
            None => first.to_owned(),
        };
        self.line(indent, &painted);
        let rest = whole[first.len()..].trim_start();
        if !rest.is_empty() {
            for line in wrapped(rest, self.room(indent + hang)) {
                self.line(indent + hang, line);
            }
        }
    }

    /// Adds text of a host, line by line, escaped. Empty lines are left out; of too many, the first are kept.
    pub(super) fn foreign(&mut self, indent: usize, words: &str, most: usize) {
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in lines.iter().take(most) {
            self.labelled(indent, 2, Ink::Plain, "", &shown(line));
        }
        if lines.len() > most {
            let more = lines.len() - most;
            self.line(indent, &format!("({more} more lines)"));
        }
    }

    /// Adds a line of a log, escaped, behind a bar that tells it from what we say.
    pub(super) fn log_line(&mut self, indent: usize, words: &str) {
        let safe = shown(words);
        for line in wrapped(safe.trim_end(), self.room(indent + 2)) {
            let bar = self.look.paint(Ink::Faint, "|");
            self.line(indent, format!("{bar} {line}").trim_end());
        }
    }

    /// Adds a line as it is, cut where it does not fit.
    pub(super) fn cut(&mut self, ink: Ink, line: &str) {
        let room = self.look.columns.unwrap_or(USUAL);
        let line = fit(line, room, "...");
        let painted = self.look.paint(ink, line.trim_end());
        self.line(0, &painted);
    }

    fn room(&self, indent: usize) -> usize {
        match self.look.columns {
            Some(columns) => columns.saturating_sub(indent).max(20),
            None => usize::MAX,
        }
    }

    fn line(&mut self, indent: usize, line: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(line);
        self.text.push('\n');
    }
}
