//! The text of one inventory file, and places in it. Later stages name places, and only here do places become
//! lines, columns and excerpts.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Excerpt, InventoryError, Spot};
use crate::text::{may_hold_secret, visible};

/// One inventory file in memory.
#[derive(Debug)]
pub(crate) struct Source {
    index: u16,
    path: PathBuf,
    text: String,
    line_starts: Vec<u32>,
}

/// A stretch of text in one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    source: u16,
    start: u32,
    end: u32,
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// Something wrong at a place; [`Sources::report`] makes the error of it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// All files of one inventory, in the order given.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl Source {
    fn new(index: u16, path: PathBuf, text: String) -> Self {
        let mut line_starts = vec![0];
        // The cap on a file's size keeps every offset within 32 bits.
        line_starts.extend(
            text.bytes()
                .zip(1u32..)
                .filter(|(byte, _)| *byte == b'\n')
                .map(|(_, next)| next),
        );
        Self {
            index,
            path,
            text,
            line_starts,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn name(&self) -> String {
        visible(&self.path.display().to_string())
    }

    /// Makes a place of a range of bytes of this text.
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let limit = |offset: usize| u32::try_from(offset.min(self.text.len())).unwrap_or(u32::MAX);
        Place {
            source: self.index,
            start: limit(span.start),
            end: limit(span.end),
        }
    }

    /// Returns the line of a place, from 1.
    pub(crate) fn line_of(&self, place: Place) -> usize {
        self.line_starts.partition_point(|start| *start <= place.start)
    }

    /// Returns line and column of a place, from 1, columns counted in characters.
    pub(crate) fn position(&self, place: Place) -> (usize, usize) {
        let line = self.line_of(place);
        let start = self.line_starts[line - 1] as usize;
        (line, characters(&self.text, start, place.start as usize) + 1)
    }

    fn line(&self, line: usize) -> &str {
        let start = self.line_starts[line - 1] as usize;
        let end = self
            .line_starts
            .get(line)
            .map_or(self.text.len(), |next| *next as usize);
        self.text
            .get(start..end)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
    }

    pub(crate) fn report(&self, problem: Problem) -> InventoryError {
        let (line, column) = self.position(problem.place);
        let text = self.line(line);
        let width = characters(
            &self.text,
            problem.place.start as usize,
            problem.place.end as usize,
        );
        let rest = text.chars().count().saturating_sub(column - 1);
        // Reports end up in logs and tickets; a line with a password does not.
        let excerpt = (!may_hold_secret(text)).then(|| Excerpt::new(text, column - 1, width.min(rest)));
        InventoryError::new(
            self.name(),
            Some(Spot {
                line,
                column,
                excerpt,
            }),
            problem.message,
            problem.hint,
        )
    }
}

fn characters(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(0, |part| part.chars().count())
}

impl Sources {
    /// Takes in one more text.
    pub(crate) fn add(&mut self, path: PathBuf, text: String) -> Result<&Source, InventoryError> {
        let Ok(index) = u16::try_from(self.0.len()) else {
            let hint = "put them into fewer files";
            return Err(InventoryError::new(
                path.display().to_string(),
                None,
                "too many inventory files",
                hint,
            ));
        };
        self.0.push(Source::new(index, path, text));
        Ok(&self.0[usize::from(index)])
    }

    pub(crate) fn get(&self, place: Place) -> &Source {
        &self.0[usize::from(place.source)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    pub(crate) fn report(&self, problem: Problem) -> InventoryError {
        self.get(problem.place).report(problem)
    }

    /// Returns `file:line` of a place, for hints that name a second one.
    pub(crate) fn spot(&self, place: Place) -> String {
        let source = self.get(place);
        format!("{}:{}", source.name(), source.line_of(place))
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Sources};

    #[test]
    fn columns_count_characters() {
        let mut sources = Sources::default();
        let source = sources
            .add("a.toml".into(), "first\nx = \"äö\" bad\n".into())
            .unwrap();
        let start = source.text().find("bad").unwrap();
        let error = source.report(Problem::new(source.place(start..start + 3), "no", "yes"));
        assert_eq!(
            error.to_string(),
            "a.toml:2:10: no\n  |\n2 | x = \"äö\" bad\n  |          ^^^\nhint: yes"
        );
    }

    #[test]
    fn a_line_with_a_password_is_not_shown() {
        let mut sources = Sources::default();
        let source = sources
            .add("hosts".into(), "db1 ansible_password=hunter2\n".into())
            .unwrap();
        let error = source.report(Problem::new(source.place(4..20), "no", "yes"));
        assert_eq!(error.to_string(), "hosts:1:5: no\nhint: yes");
    }

    #[test]
    fn the_end_of_a_text_is_a_place() {
        let mut sources = Sources::default();
        let source = sources.add("a.toml".into(), "x\n".into()).unwrap();
        let error = source.report(Problem::new(source.place(2..9), "no", "yes"));
        assert_eq!(error.to_string(), "a.toml:2:1: no\n  |\n2 |\n  | ^\nhint: yes");
    }
}
