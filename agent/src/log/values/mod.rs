//! Hides values of rows in what the clients and servers of engines complain of: they are data of a person, and no matter of a log. What
//! happened, to which table, key, column and line, stays.

mod beginning;
mod mysql;
mod postgresql;
mod redis;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use beginning::Beginning;
use rule::{End, Rule, Value};

/// What stands for a value.
const HIDDEN: &str = "…";
/// A longer line is taken in pieces.
const LINE_LIMIT: usize = 64 << 10;
/// So much is kept of what may be a message or a part of a value.
const KEPT_LIMIT: usize = 4 << 10;

/// Replaces values in a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// The end of what came, as far as a message with a value may begin in it.
    held: Vec<u8>,
    /// The line that is held has begun before it.
    is_within: bool,
    /// A value that goes on.
    open: Option<Open>,
}

/// A value whose end has not come yet.
#[derive(Debug)]
struct Open {
    end: End,
    /// The line feed behind its first line is not shown yet.
    owes_line_feed: bool,
    /// How many bytes of it may come.
    left: usize,
    /// Lines from one on that may be a message: shown as what they are, unless its end comes behind them.
    kept: Vec<u8>,
}

/// How a piece of a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With a line feed.
    LineFeed,
    /// Nothing more will come.
    Text,
    /// The line goes on.
    Cut,
}

impl Values {
    /// Returns what can be shown now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut shown = Vec::with_capacity(held.len());
        let mut place = 0;
        if self.open.is_some() || has_beginning(&held) {
            for end in memchr::memchr_iter(b'\n', &held) {
                self.take(&held[place..end], Ending::LineFeed, &mut shown);
                place = end + 1;
            }
            if held.len() - place > LINE_LIMIT {
                self.take(&held[place..], Ending::Cut, &mut shown);
                place = held.len();
            }
        }
        if self.open.is_none() {
            let plain = plain(&held[place..]);
            shown.extend_from_slice(&held[place..place + plain]);
            place += plain;
            if let Some(last) = held[..place].last() {
                self.is_within = *last != b'\n';
            }
        }
        held.drain(..place);
        self.held = held;
        shown
    }

    /// Returns what was held, when nothing more will come.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.take(&held, Ending::Text, &mut shown);
        }
        while self.open.as_ref().is_some_and(|open| !open.kept.is_empty()) {
            self.close(&mut shown);
        }
        self.open = None;
        self.is_within = false;
        shown
    }

    /// Takes a line, or a piece of one.
    fn take(&mut self, line: &[u8], ending: Ending, shown: &mut Vec<u8>) {
        let begins = !std::mem::replace(&mut self.is_within, ending != Ending::LineFeed);
        self.take_piece(line, begins, ending, shown);
    }

    fn take_piece(&mut self, line: &[u8], begins: bool, ending: Ending, shown: &mut Vec<u8>) {
        let mut rest = line;
        let beginning = if begins && self.open.is_some() {
            Beginning::of(line)
        } else {
            Beginning::Other
        };
        if begins {
            self.close_before(line, beginning, ending, shown);
        }
        if let Some(mut open) = self.open.take() {
            if let Some(end) = open.end.place(line, ending) {
                rest = &line[end..];
            } else {
                open.left = open.left.saturating_sub(line.len() + 1);
                if beginning == Beginning::MayBe || begins && !open.kept.is_empty() {
                    open.kept.extend_from_slice(line);
                    open.kept.extend((ending == Ending::LineFeed).then_some(b'\n'));
                } else if !begins && ending == Ending::LineFeed {
                    // The first line, of which pieces came before.
                    open.owes_line_feed = open.end.is_awaited();
                    shown.extend((!open.owes_line_feed).then_some(b'\n'));
                }
                self.open = Some(open);
                return;
            }
        }
        let (text, goes_on) = hidden(rest, ending);
        shown.extend(text);
        self.open = goes_on.map(|end| Open {
            owes_line_feed: ending == Ending::LineFeed && end.is_awaited(),
            left: end.most(),
            kept: Vec::new(),
            end,
        });
        if ending == Ending::LineFeed && self.open.as_ref().is_none_or(|open| !open.owes_line_feed) {
            shown.push(b'\n');
        }
    }

    /// Closes the value that is open where a line is none of it for certain, or as many bytes came as it may have.
    fn close_before(&mut self, line: &[u8], beginning: Beginning, ending: Ending, shown: &mut Vec<u8>) {
        while let Some(open) = &mut self.open {
            let may_be_none = beginning == Beginning::MayBe || !open.kept.is_empty();
            let is_over = match beginning {
                Beginning::Message => true,
                Beginning::Continuation => {
                    open.kept.clear();
                    true
                }
                Beginning::MayBe if first_value(line, ending).is_some() => true,
                _ if open.left == 0 => true,
                _ => {
                    let room = open.left.min(KEPT_LIMIT.saturating_sub(open.kept.len()));
                    may_be_none && line.len() >= room && open.end.place(line, ending).is_none()
                }
            };
            if !is_over {
                return;
            }
            self.close(shown);
        }
    }

    /// Closes the value that is open. What was kept may begin others.
    fn close(&mut self, shown: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        shown.extend(open.owes_line_feed.then_some(b'\n'));
        for piece in open.kept.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(line) => self.take_piece(line, true, Ending::LineFeed, shown),
                None => self.take_piece(piece, true, Ending::Text, shown),
            }
        }
    }
}

/// Returns a text without the values in it.
pub(super) fn without_values(text: String) -> String {
    // Most texts are single words, and a message has blanks.
    if !text.contains(' ') || !has_beginning(text.as_bytes()) {
        return text;
    }
    let mut values = Values::default();
    let mut shown = values.feed(text.as_bytes());
    shown.extend(values.finish());
    String::from_utf8_lossy(&shown).into_owned()
}

/// Returns a line without the values in it, and how the last of them ends where it goes on behind the line.
fn hidden(line: &[u8], ending: Ending) -> (Vec<u8>, Option<End>) {
    let mut shown = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((value, end)) = first_value(rest, ending) {
        shown.extend_from_slice(&rest[..value.begins]);
        shown.extend(value.shown);
        match value.ends {
            Some(place) => rest = &rest[place..],
            None => return (shown, Some(end)),
        }
    }
    shown.extend_from_slice(rest);
    (shown, None)
}

/// Returns the first value of a line.
fn first_value(line: &[u8], ending: Ending) -> Option<(Value, End)> {
    if !has_beginning(line) {
        return None;
    }
    let found = rules().filter_map(|rule| rule.value(line, ending).map(|value| (value, rule.end)));
    // Of two at one place the rule that comes first has it.
    found.reduce(|first, other| {
        if other.0.begins < first.0.begins {
            other
        } else {
            first
        }
    })
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    mysql::RULES.iter().chain(postgresql::RULES).chain(redis::RULES)
}

/// Tells whether a message with a value may begin in a text.
fn has_beginning(text: &[u8]) -> bool {
    static BEGINNINGS_OF_RULES: LazyLock<Vec<Finder<'static>>> =
        LazyLock::new(|| rules().map(|rule| Finder::new(rule.begins)).collect());
    BEGINNINGS_OF_RULES
        .iter()
        .any(|finder| finder.find(text).is_some())
}

/// Returns how many bytes of a text without its end hold no beginning of a message with a value.
fn plain(line: &[u8]) -> usize {
    let begun = rules().filter_map(|rule| rule.first_beginning(line)).min();
    begun.unwrap_or_else(|| {
        let longest = rules().filter_map(|rule| rule.may_begin_at_the_end(line)).max();
        line.len() - longest.unwrap_or(0)
    })
}
