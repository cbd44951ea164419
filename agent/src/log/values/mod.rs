//! Hides values of rows in what the clients and servers of engines complain of: they are data of a person, and no matter of a log. What
//! happened, to which table, key, column and line, stays.

mod mysql;
mod postgresql;
mod redis;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use rule::{End, Rule, Value};

/// What stands for a value.
const HIDDEN: &str = "…";
/// A longer line is taken in pieces.
const LINE_LIMIT: usize = 64 << 10;

/// Words at the beginning of a line with which no value goes on: who says it, and what.
const BEGINNINGS: [&str; 30] = [
    "ERROR",
    "FATAL:",
    "PANIC:",
    "WARNING:",
    "NOTICE:",
    "Warning ",
    "Note ",
    "DETAIL:",
    "HINT:",
    "CONTEXT:",
    "QUERY:",
    "STATEMENT:",
    "LOCATION:",
    "LINE ",
    "Command was: ",
    "psql:",
    "pg_restore:",
    "pg_dump:",
    "mysql",
    "mariadb",
    "sqlite3:",
    "redis-",
    "valkey-",
    "batt",
    "backup-",
    "restore-",
    "drill-",
    "hint: ",
    "warning: ",
    "note: ",
];

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
        self.open = None;
        self.is_within = false;
        shown
    }

    /// Takes a line, or a piece of one.
    fn take(&mut self, line: &[u8], ending: Ending, shown: &mut Vec<u8>) {
        let begins = !std::mem::replace(&mut self.is_within, ending != Ending::LineFeed);
        let mut rest = line;
        if let Some(mut open) = self.open.take() {
            let is_over = begins && (begins_a_message(line) || line.len() >= open.left);
            match open.end.place(line, ending) {
                _ if is_over => {
                    if open.owes_line_feed {
                        shown.push(b'\n');
                    }
                }
                Some(end) => rest = &line[end..],
                None => {
                    open.left = open.left.saturating_sub(line.len() + 1);
                    if !begins && ending == Ending::LineFeed {
                        // The first line, of which pieces came before.
                        open.owes_line_feed = open.end.is_awaited();
                        shown.extend((!open.owes_line_feed).then_some(b'\n'));
                    }
                    self.open = Some(open);
                    return;
                }
            }
        }
        let (text, goes_on) = hidden(rest, ending);
        shown.extend(text);
        self.open = goes_on.map(|end| Open {
            owes_line_feed: ending == Ending::LineFeed && end.is_awaited(),
            left: end.most(),
            end,
        });
        if ending == Ending::LineFeed && self.open.as_ref().is_none_or(|open| !open.owes_line_feed) {
            shown.push(b'\n');
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

/// Tells whether a line is the beginning of something else than a value.
fn begins_a_message(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let is_dated = line.len() > 5 && line[..4].iter().all(u8::is_ascii_digit) && line[4] == b'-';
    is_dated || BEGINNINGS.iter().any(|word| line.starts_with(word.as_bytes()))
}
