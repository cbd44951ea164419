//! What an output is like: how wide, whether it takes colour, whether it has the glyphs of a bar.

use std::ffi::OsString;
use std::os::fd::AsFd;

use super::columns::width;

/// How text is laid out and coloured for one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// The columns of a terminal; none where lines may have any length.
    pub(crate) columns: Option<usize>,
    /// Whether colour is added. Nothing is told by colour alone.
    pub(crate) colour: Colour,
    /// What bars are made of.
    pub(crate) glyphs: Glyphs,
}

/// Whether colour is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// As sequences of ECMA-48.
    Ansi,
    /// None.
    Never,
}

/// What bars are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyphs {
    /// Lines of Unicode's box drawing.
    Unicode,
    /// What every terminal has.
    Ascii,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Its columns.
    pub(crate) columns: usize,
    /// Its rows.
    pub(crate) rows: usize,
}

impl Look {
    /// Returns the look of an output: that of a terminal where it has a size. A variable that is set to nothing counts
    /// as not set (no-color.org).
    pub(crate) fn new(size: Option<Size>, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_none_or(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.ends_with("utf-8") || locale.ends_with("utf8")
        });
        Self {
            columns: size.map(|size| size.columns),
            colour: match size.is_none() || is_dumb || set("NO_COLOR").is_some() {
                true => Colour::Never,
                false => Colour::Ansi,
            },
            glyphs: match is_utf8 {
                true => Glyphs::Unicode,
                false => Glyphs::Ascii,
            },
        }
    }

    /// Returns the text in this ink.
    pub(super) fn paint(&self, ink: Ink, text: &str) -> String {
        match (self.colour, ink.code()) {
            (Colour::Ansi, Some(code)) if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    /// Returns what stands where text was cut off.
    pub(super) fn cut_mark(&self) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => "…",
            Glyphs::Ascii => "~",
        }
    }
}

/// Tells whether a terminal can be drawn on, and nobody reads it as a log.
pub(super) fn may_have_bars(variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let in_ci = set("CI").is_some_and(|value| value != "false" && value != "0");
    !in_ci && set("TERM").is_some_and(|term| term != "dumb")
}

/// Returns the size of the terminal behind a file; none when it is none. One that does not tell has 80 columns and 24
/// rows.
pub(crate) fn size_of(file: impl AsFd) -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(file).ok()?;
    let or = |told: u16, usual: usize| if told == 0 { usual } else { usize::from(told) };
    Some(Size {
        columns: or(size.ws_col, 80),
        rows: or(size.ws_row, 24),
    })
}

/// What colour means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// None.
    Plain,
    /// What stands out.
    Strong,
    /// What stands back.
    Faint,
    /// Well.
    Good,
    /// Not well.
    Bad,
    /// To be looked at.
    Warning,
}

impl Ink {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Warning => Some("33"),
        }
    }
}

/// One line of a terminal, and the columns that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    look: Look,
    text: String,
    columns: usize,
}

impl Line {
    /// Returns an empty line.
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            text: String::new(),
            columns: 0,
        }
    }

    /// Returns the look of its output.
    pub(super) fn look(&self) -> Look {
        self.look
    }

    /// Adds text.
    pub(super) fn add(&mut self, ink: Ink, text: &str) {
        self.columns += width(text);
        self.text.push_str(&self.look.paint(ink, text));
    }

    /// Returns the columns that it takes.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns it with its colours.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Option<Size> = Some(Size {
        columns: 80,
        rows: 24,
    });

    fn among(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn colour_is_for_terminals_whose_owner_wants_it() {
        let colour = |size, variables| Look::new(size, &among(variables)).colour;
        assert_eq!(colour(SIZE, &[("TERM", "xterm")]), Colour::Ansi);
        assert_eq!(colour(SIZE, &[("TERM", "xterm"), ("NO_COLOR", "")]), Colour::Ansi);
        assert_eq!(
            colour(SIZE, &[("TERM", "xterm"), ("NO_COLOR", "1")]),
            Colour::Never
        );
        assert_eq!(colour(SIZE, &[("TERM", "dumb")]), Colour::Never);
        assert_eq!(colour(SIZE, &[]), Colour::Never);
        assert_eq!(colour(None, &[("TERM", "xterm")]), Colour::Never);
    }

    #[test]
    fn bars_are_for_people() {
        assert!(may_have_bars(&among(&[("TERM", "xterm"), ("NO_COLOR", "1")])));
        assert!(may_have_bars(&among(&[("TERM", "xterm"), ("CI", "false")])));
        assert!(!may_have_bars(&among(&[("TERM", "xterm"), ("CI", "true")])));
        assert!(!may_have_bars(&among(&[("TERM", "dumb")])));
        assert!(!may_have_bars(&among(&[])));
    }

    #[test]
    fn the_first_variable_of_the_locale_counts() {
        let glyphs = |variables| Look::new(SIZE, &among(variables)).glyphs;
        assert_eq!(glyphs(&[("LANG", "C.UTF-8")]), Glyphs::Unicode);
        assert_eq!(glyphs(&[("LC_ALL", "C"), ("LANG", "de_DE.utf8")]), Glyphs::Ascii);
        assert_eq!(glyphs(&[]), Glyphs::Ascii);
    }

    #[test]
    fn a_file_that_is_no_terminal_has_no_size() {
        assert_eq!(size_of(tempfile::tempfile().unwrap()), None);
    }

    #[test]
    fn colour_takes_no_columns() {
        let mut line = Line::new(Look {
            columns: None,
            colour: Colour::Ansi,
            glyphs: Glyphs::Ascii,
        });
        line.add(Ink::Bad, "日本");
        line.add(Ink::Plain, "!");
        assert_eq!((line.columns(), line.text()), (5, "\x1b[31m日本\x1b[0m!"));
    }
}
