//! The text of a script, as the shell reads it: without comments and what stands between single quotes.

use std::collections::BTreeSet;

/// A script.
pub(crate) struct Source {
    /// Its lines, without comments; a text between single quotes is `''`.
    pub(crate) lines: Vec<String>,
    /// The lines whose comment says why they are right.
    explained: BTreeSet<usize>,
}

/// Where between two characters the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Single,
    Dollar,
    Double,
    /// In `$( )`, with so many parentheses in it open.
    Command(u32),
    /// In `${ }` between double quotes.
    Parameter,
}

/// Why a line is right, though the lint cannot know: after this word in a comment on it, or on the line before.
const REASON: &str = "# floor: ";

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut explained = BTreeSet::new();
        let mut places = vec![Place::Code];
        let mut end_of_text: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            // What follows `<<` is a text, up to a line of its own.
            if let Some(end) = &end_of_text {
                if line.trim() == end {
                    end_of_text = None;
                    lines.push(String::new());
                } else {
                    lines.push(format!("\"{}\"", line.replace('"', "")));
                }
                continue;
            }
            if let Some((before, reason)) = line.split_once(REASON)
                && reason.len() > 5
            {
                explained.insert(number + 1);
                if before.trim().is_empty() {
                    explained.insert(number + 2);
                }
            }
            let code = code(line, &mut places);
            end_of_text = beginning_of_text(&code);
            lines.push(code);
        }
        Self { lines, explained }
    }

    pub(crate) fn is_explained(&self, line: usize) -> bool {
        self.explained.contains(&line)
    }

    /// Returns the head of the function that a line is in; none for a line that is in no function.
    pub(crate) fn function_of(&self, index: usize) -> Option<usize> {
        let mut head = None;
        for (before, line) in self.lines[..=index].iter().enumerate() {
            if !line.starts_with(' ') && line.contains("() {") {
                head = Some(before);
            } else if before < index && line.starts_with('}') {
                head = None;
            }
        }
        head
    }
}

/// Returns the word that ends the text that begins after a line.
fn beginning_of_text(code: &str) -> Option<String> {
    let (_, word) = code.split_once("<<").filter(|(_, word)| !word.starts_with('<'))?;
    let word = word.trim_start_matches('-').trim();
    let word = word.split([' ', ';', ')', '|']).next()?.trim_matches(['\'', '"']);
    word.starts_with(|sign: char| sign.is_ascii_uppercase())
        .then(|| word.to_owned())
}

/// Returns a line without what is no code.
fn code(line: &str, places: &mut Vec<Place>) -> String {
    let mut kept = String::new();
    // A text that goes over several lines is one on each of them.
    if places.last() == Some(&Place::Double) {
        kept.push('"');
    }
    let characters: Vec<char> = line.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let character = characters[at];
        let next = characters.get(at + 1).copied();
        let place = *places.last().unwrap();
        at += 1;
        match (place, character) {
            (Place::Single, '\'') | (Place::Dollar, '\'') => {
                places.pop();
                kept.push('\'');
            }
            (Place::Dollar, '\\') => at += 1,
            (Place::Single | Place::Dollar, _) => {}
            (_, '\\') => {
                kept.push('\\');
                kept.extend(next);
                at += 1;
            }
            (Place::Double, '"') | (Place::Parameter, '}') => {
                places.pop();
                kept.push(character);
            }
            (Place::Double | Place::Parameter, '$') if next == Some('(') => {
                places.push(Place::Command(0));
                kept.push_str("$(");
                at += 1;
            }
            (Place::Double, '$') if next == Some('{') => {
                places.push(Place::Parameter);
                kept.push_str("${");
                at += 1;
            }
            (Place::Double, _) => kept.push(character),
            (Place::Code | Place::Command(_) | Place::Parameter, '\'') => {
                let is_dollar = kept.ends_with('$');
                places.push(if is_dollar { Place::Dollar } else { Place::Single });
                kept.push('\'');
            }
            (Place::Code | Place::Command(_), '"') => {
                places.push(Place::Double);
                kept.push('"');
            }
            (Place::Code | Place::Command(_), '#')
                if kept.is_empty() || kept.ends_with([' ', '\t', ';', '(']) =>
            {
                break;
            }
            (Place::Command(depth), '(') => {
                *places.last_mut().unwrap() = Place::Command(depth + 1);
                kept.push('(');
            }
            (Place::Command(0), ')') => {
                places.pop();
                kept.push(')');
            }
            (Place::Command(depth), ')') => {
                *places.last_mut().unwrap() = Place::Command(depth - 1);
                kept.push(')');
            }
            (_, _) => kept.push(character),
        }
    }
    if places.last() == Some(&Place::Double) {
        kept.push('"');
    }
    kept
}
