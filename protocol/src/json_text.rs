//! JSON as it is written for others: what JSON leaves as it is and a terminal obeys is escaped too. It means the same.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use crate::text;

/// How a value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Over several lines, for people to read as well.
    Document,
    /// On one line.
    Line,
}

/// Returns a value as JSON, with a newline at the end. JSON escapes the controls of ASCII alone (RFC 8259, section 7);
/// here those of Unicode, and the marks that reorder a line, are escaped as well.
///
/// # Errors
/// Those of the value.
pub fn of(value: &impl Serialize, shape: Shape) -> serde_json::Result<String> {
    let mut json = match shape {
        Shape::Document => serde_json::to_string_pretty(value)?,
        Shape::Line => serde_json::to_string(value)?,
    };
    if json.chars().any(is_active) {
        let mut safe = String::with_capacity(json.len() + 64);
        for c in json.chars() {
            if is_active(c) {
                // All of these are in the first plane, and nothing outside of strings is; a String can be written.
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            } else {
                safe.push(c);
            }
        }
        json = safe;
    }
    json.push('\n');
    Ok(json)
}

fn is_active(c: char) -> bool {
    // Other characters of ASCII are JSON's own, or escaped by it.
    c == '\x7f' || (!c.is_ascii() && matches!(text::escaped(c.encode_utf8(&mut [0; 4])), Cow::Owned(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped_and_means_the_same() {
        let value = ["\x1b[2J\u{9b}2J\u{202e}evil\u{2028}\x7f", "größe\t€ \u{1f600}\n"];
        let json = of(&value, Shape::Line).unwrap();
        assert_eq!(
            json,
            "[\"\\u001b[2J\\u009b2J\\u202eevil\\u2028\\u007f\",\"größe\\t€ \u{1f600}\\n\"]\n"
        );
        assert_eq!(serde_json::from_str::<[String; 2]>(&json).unwrap(), value);
        assert_eq!(of(&[1], Shape::Document).unwrap(), "[\n  1\n]\n");
    }
}
