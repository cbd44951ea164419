//! Text in the columns of a terminal: what it takes, cut, filled up and wrapped. One place makes text of hosts safe.

use std::borrow::Cow;

use batt_protocol::text;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns text of a host as it is shown: on one line, unable to drive the terminal, its tabs as spaces.
pub(super) fn shown(words: &str) -> String {
    text::escaped(words).replace('\t', "    ")
}

/// Returns how many columns the text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts the text to `columns`, `mark` at its end where something is missing.
pub(super) fn fit<'a>(text: &'a str, columns: usize, mark: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(mark));
    let mut short = text[..end_within(text, room)].to_owned();
    if width(mark) <= columns {
        short.push_str(mark);
    }
    Cow::Owned(short)
}

/// Fills the text up to `columns` with spaces behind it.
pub(super) fn to_the_left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Fills the text up to `columns` with spaces before it.
pub(super) fn to_the_right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Wraps the text at its spaces into lines of at most `columns`; a longer word is broken. There is at least one line.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut rest = text;
    while width(rest) > columns {
        let full = end_within(rest, columns).max(rest.chars().next().map_or(0, char::len_utf8));
        // A space right behind the line is as good as one within it.
        let space = match rest[full..].starts_with(' ') {
            true => Some(full),
            false => rest[..full].rfind(' '),
        };
        let end = match space {
            Some(space) if !rest[..space].trim().is_empty() => space,
            _ => full,
        };
        lines.push(rest[..end].trim_end());
        rest = rest[end..].trim_start();
    }
    lines.push(rest);
    lines
}

/// Returns the end of the longest beginning that takes at most `columns`.
fn end_within(text: &str, columns: usize) -> usize {
    let mut taken = 0;
    for (index, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("日本"), 4);
        assert_eq!(fit("日本語", 5, "~"), "日本~");
        assert_eq!(fit("日本語", 4, "~"), "日~");
        assert_eq!(fit("plain", 5, "~"), "plain");
        assert_eq!(fit("plain", 0, "~"), "");
        assert_eq!(to_the_left("日", 4), "日  ");
        assert_eq!(to_the_right("é", 3), "  é");
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("", 20), [""]);
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("12345678 x", 8), ["12345678", "x"]);
        assert_eq!(wrapped("1234567890123", 8), ["12345678", "90123"]);
        assert_eq!(wrapped("    indented text", 12), ["    indented", "text"]);
        assert_eq!(wrapped("日本語日本語", 8), ["日本語日", "本語"]);
    }

    #[test]
    fn a_tab_has_a_known_width() {
        assert_eq!(shown("a\tb\x1b[2J\u{202e}"), "a    b\\x1b[2J\\u{202e}");
    }
}
