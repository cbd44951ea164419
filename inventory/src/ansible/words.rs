//! Splits a line into words as a shell does: blanks, quotes, backslashes, comments.

use crate::line::Line;
use crate::source::{Placed, Problem, Source};

/// Returns the words of a line, quotes removed, up to a comment.
pub(crate) fn words(source: &Source, line: Line<'_>) -> Result<Vec<Placed<String>>, Problem> {
    let mut words = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut characters = line.text.char_indices();
    let placed = |start: usize, end: usize, value: String| Placed {
        value,
        place: source.place(line.part(start..end)),
    };
    while let Some((at, character)) = characters.next() {
        if let Some((mark, _)) = quote {
            let (_, text) = word.get_or_insert_with(|| (at, String::new()));
            match character {
                _ if character == mark => quote = None,
                '\\' if mark == '"' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => {}
                },
                _ => text.push(character),
            }
            continue;
        }
        match character {
            blank if blank.is_whitespace() => {
                if let Some((start, text)) = word.take() {
                    words.push(placed(start, at, text));
                }
            }
            '#' if word.is_none() => return Ok(words),
            '#' => {
                // Ansible cuts the value here; whoever writes a password with `#` does not expect that.
                let place = source.place(line.part(at..at + 1));
                return Err(Problem::new(
                    place,
                    "a `#` within a word begins a comment for Ansible",
                    "put the value in quotes",
                ));
            }
            '"' | '\'' => {
                quote = Some((character, at));
                word.get_or_insert_with(|| (at, String::new()));
            }
            '\\' => {
                let (_, text) = word.get_or_insert_with(|| (at, String::new()));
                text.extend(characters.next().map(|(_, escaped)| escaped));
            }
            _ => word.get_or_insert_with(|| (at, String::new())).1.push(character),
        }
    }
    if let Some((_, at)) = quote {
        let place = source.place(line.part(at..line.text.len()));
        return Err(Problem::new(
            place,
            "a quote is not closed",
            "close it within the line",
        ));
    }
    if let Some((start, text)) = word {
        words.push(placed(start, line.text.len(), text));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::line::Line;
    use crate::source::Sources;

    fn split(text: &str) -> Result<Vec<String>, String> {
        let mut sources = Sources::default();
        let source = sources.add("hosts".into(), text.into()).unwrap();
        let line = Line {
            text: source.text(),
            start: 0,
        };
        match words(source, line) {
            Ok(words) => Ok(words.into_iter().map(|word| word.value).collect()),
            Err(problem) => Err(source.report(problem).to_string()),
        }
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(
            split("db1 a=1\tb='x y' c=\"p\\\"q\" # end").unwrap(),
            ["db1", "a=1", "b=x y", "c=p\"q"]
        );
        assert_eq!(split("db1 a=x\\ y b=''").unwrap(), ["db1", "a=x y", "b="]);
        assert_eq!(split("db1 a=\"C:\\dir\"").unwrap(), ["db1", "a=C:\\dir"]);
    }

    #[test]
    fn a_quote_must_end_and_a_comment_must_be_meant() {
        assert_eq!(
            split("db1 a='x").unwrap_err(),
            "hosts:1:7: a quote is not closed\n  |\n1 | db1 a='x\n  |       ^^\nhint: close it within the line"
        );
        assert!(
            split("db1 a=x#y")
                .unwrap_err()
                .starts_with("hosts:1:8: a `#` within a word begins a comment")
        );
    }
}
