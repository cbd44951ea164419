//! What is wrong with an inventory, where, and what to do about it.

use std::fmt;

/// An inventory that cannot be used, with the place in the file and a hint.
///
/// `Display` gives the whole report: `file:line:column: message`, the line of the file with carets below
/// what is meant, and a line that starts `hint:`. A line that holds a password is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryError {
    file: String,
    spot: Option<Box<Spot>>,
    message: String,
    hint: String,
}

/// The place of an error within its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) excerpt: Option<Excerpt>,
}

/// A line to show, and which of its characters to underline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    pub(crate) indent: usize,
    pub(crate) width: usize,
}

impl InventoryError {
    pub(crate) fn new(
        file: impl Into<String>,
        spot: Option<Spot>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            spot: spot.map(Box::new),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Returns the file, as it was named by the caller, with control characters escaped.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the line, from 1, when the error has a place within the file.
    pub fn line(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.line)
    }

    /// Returns the column in characters, from 1, when the error has a place within the file.
    pub fn column(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.column)
    }

    /// Returns what is wrong, as a fragment in lower case.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for InventoryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spot {
            None => writeln!(out, "{}: {}", self.file, self.message)?,
            Some(spot) => {
                writeln!(
                    out,
                    "{}:{}:{}: {}",
                    self.file, spot.line, spot.column, self.message
                )?;
                if let Some(excerpt) = &spot.excerpt {
                    excerpt.write(out, &spot.line.to_string())?;
                }
            }
        }
        write!(out, "hint: {}", self.hint)
    }
}

impl std::error::Error for InventoryError {}

impl Excerpt {
    /// How many characters of a line are shown.
    const SHOWN: usize = 100;

    /// Makes the excerpt of a line in which `width` characters from `start` on are meant.
    pub(crate) fn new(line: &str, start: usize, width: usize) -> Self {
        let length = line.chars().count();
        let from = if length <= Self::SHOWN {
            0
        } else {
            start.saturating_sub(Self::SHOWN / 2)
        };
        let one_wide = |character: char| match character {
            '\t' => ' ',
            hidden if crate::text::is_hidden(hidden) => '\u{fffd}',
            shown => shown,
        };
        let text: String = line.chars().skip(from).take(Self::SHOWN).map(one_wide).collect();
        let indent = start - from.min(start);
        let room = text.chars().count().saturating_sub(indent).max(1);
        Self {
            text: text.trim_end().to_owned(),
            indent,
            width: width.clamp(1, room),
        }
    }

    /// Writes the line and its carets behind a gutter that holds the label.
    pub(crate) fn write(&self, out: &mut fmt::Formatter<'_>, label: &str) -> fmt::Result {
        let blank = " ".repeat(label.len());
        let carets = "^".repeat(self.width);
        writeln!(out, "{blank} |")?;
        writeln!(out, "{}", format!("{label} | {}", self.text).trim_end())?;
        writeln!(out, "{blank} | {}{carets}", " ".repeat(self.indent))
    }
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, InventoryError, Spot};

    #[test]
    fn a_report_shows_place_line_carets_and_hint() {
        let spot = Spot {
            line: 7,
            column: 1,
            excerpt: Some(Excerpt::new("usr = \"backup\"", 0, 3)),
        };
        let error = InventoryError::new(
            "inventory.toml",
            Some(spot),
            "unknown key `usr` in `[hosts.pg1]`",
            "did you mean `user`?",
        );
        let expected = "\
inventory.toml:7:1: unknown key `usr` in `[hosts.pg1]`
  |
7 | usr = \"backup\"
  | ^^^
hint: did you mean `user`?";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_long_line_is_clipped_around_the_place() {
        let line = format!("{}bad{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Excerpt::new(&line, 500, 3);
        assert_eq!(excerpt.text.chars().count(), 100);
        let meant: String = excerpt
            .text
            .chars()
            .skip(excerpt.indent)
            .take(excerpt.width)
            .collect();
        assert_eq!(meant, "bad");
    }

    #[test]
    fn control_characters_are_not_shown() {
        let excerpt = Excerpt::new("a\x1b[31m\tb", 0, 1);
        assert_eq!(excerpt.text, "a\u{fffd}[31m b");
    }
}
