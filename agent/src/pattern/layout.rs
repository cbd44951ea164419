//! The way back from a folder to its pattern: which folders a pattern can have been expanded to.

use std::path::{Component, Path, PathBuf};

/// The folders that a pattern can put backups in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout(Vec<Part>);

/// One component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `{host}`.
    Host,
    /// So many digits, from and to.
    Digits(usize, usize),
    /// Any text that is not empty.
    Any,
}

impl Layout {
    pub(super) fn of(pattern: &str) -> Self {
        // These stand for others, two of them with slashes.
        let whole = [
            ("%D", "%m/%d/%y"),
            ("%x", "%m/%d/%y"),
            ("%F", "%Y-%m-%d"),
            ("%T", "%H:%M:%S"),
            ("%R", "%H:%M"),
        ]
        .into_iter()
        .fold(pattern.replace("%%", "\0"), |text, (short, long)| {
            text.replace(short, long)
        });
        let parts = whole.split('/').filter(|part| !part.is_empty() && *part != ".");
        Self(parts.map(Part::of).collect())
    }

    /// Returns the folder that no date changes: above it nothing is ever made or removed for a backup.
    pub(crate) fn fixed_part(&self, host: &str) -> PathBuf {
        let fixed = self.0.iter().map_while(|part| part.fixed(host));
        fixed.fold(PathBuf::from("/"), |path, part| path.join(part))
    }

    /// Tells whether the pattern can have been expanded to `folder` on `host`.
    pub(crate) fn holds(&self, folder: &Path, host: &str) -> bool {
        let names: Option<Vec<&str>> = folder
            .components()
            .filter(|part| *part != Component::RootDir)
            .map(|part| part.as_os_str().to_str())
            .collect();
        names.is_some_and(|names| {
            names.len() == self.0.len()
                && names
                    .iter()
                    .zip(&self.0)
                    .all(|(name, part)| part.holds(name, Some(host)))
        })
    }

    /// Returns how many components a folder of this pattern has.
    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Tells whether a component of this name can stand at a depth, whatever the host was called then.
    pub(crate) fn can_hold(&self, depth: usize, name: &str) -> bool {
        self.0.get(depth).is_some_and(|part| part.holds(name, None))
    }
}

impl Part {
    fn of(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{host}") {
                pieces.push(Piece::Host);
                rest = after;
                continue;
            }
            rest = &rest[first.len_utf8()..];
            match first {
                '\0' => push_literal(&mut pieces, '%'),
                '%' => {
                    let length: usize = rest
                        .chars()
                        .take_while(|c| !c.is_ascii_alphabetic())
                        .map(char::len_utf8)
                        .sum();
                    let flags = &rest[..length];
                    let letter = rest[length..].chars().next().unwrap_or_default();
                    pieces.push(conversion(flags, letter));
                    rest = rest.get(length + letter.len_utf8()..).unwrap_or_default();
                }
                literal => push_literal(&mut pieces, literal),
            }
        }
        Self(pieces)
    }

    fn fixed(&self, host: &str) -> Option<String> {
        let texts = self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Host => Some(host),
            Piece::Digits(..) | Piece::Any => None,
        });
        texts.collect()
    }

    fn holds(&self, name: &str, host: Option<&str>) -> bool {
        holds(&self.0, name, host)
    }
}

fn push_literal(pieces: &mut Vec<Piece>, literal: char) {
    if let Some(Piece::Literal(text)) = pieces.last_mut() {
        text.push(literal);
    } else {
        pieces.push(Piece::Literal(literal.to_string()));
    }
}

fn conversion(flags: &str, letter: char) -> Piece {
    let digits = |count: usize| match flags {
        "" | "0" => Piece::Digits(count, count),
        "-" => Piece::Digits(1, count),
        _ => Piece::Any,
    };
    match letter {
        'Y' | 'G' => digits(4),
        'j' => digits(3),
        'm' | 'd' | 'H' | 'I' | 'M' | 'S' | 'y' | 'U' | 'W' | 'V' | 'C' | 'g' => digits(2),
        'u' | 'w' => digits(1),
        's' => Piece::Digits(1, 20),
        _ => Piece::Any,
    }
}

fn holds(pieces: &[Piece], name: &str, host: Option<&str>) -> bool {
    let Some((piece, others)) = pieces.split_first() else {
        return name.is_empty();
    };
    let any = |least: usize, most: usize, fits: &dyn Fn(char) -> bool| {
        let ends = name
            .char_indices()
            .map(|(start, c)| (start + c.len_utf8(), c))
            .take_while(|(_, c)| fits(*c))
            .map(|(end, _)| end);
        ends.take(most)
            .skip(least - 1)
            .any(|end| holds(others, &name[end..], host))
    };
    match (piece, host) {
        (Piece::Literal(text), _) => name
            .strip_prefix(text.as_str())
            .is_some_and(|rest| holds(others, rest, host)),
        (Piece::Host, Some(own)) => name
            .strip_prefix(own)
            .is_some_and(|rest| holds(others, rest, host)),
        (Piece::Digits(least, most), _) => any(*least, *most, &|c| c.is_ascii_digit()),
        (Piece::Host, None) | (Piece::Any, _) => any(1, usize::MAX, &|_| true),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::Pattern;
    use super::*;

    fn layout(pattern: &str) -> Layout {
        pattern.parse::<Pattern>().unwrap().layout()
    }

    #[test]
    fn every_folder_that_a_pattern_makes_is_known_again() {
        let times = [
            "2026-01-31T23:30:00-05:00",
            "2028-02-29T00:00:00+05:45",
            "1999-12-31T01:02:03+00:00",
        ];
        for text in [
            "/opt/backup/%Y/%m/%d",
            "/srv/{host}/%F/%T",
            "/b/%D/x",
            "/b/100%%/%A-%b%-d",
            "/b/%G-W%V/%j.%s",
            "/b/%Y%m%d-{host}",
            "/b",
        ] {
            let pattern: Pattern = text.parse().unwrap();
            for time in times {
                let time = DateTime::parse_from_rfc3339(time).unwrap();
                let folder = pattern.expand(time, "db1").unwrap();
                assert!(pattern.layout().holds(&folder, "db1"), "{text}: {folder:?}");
                let fixed = pattern.layout().fixed_part("db1");
                assert!(folder.starts_with(&fixed), "{text}: {fixed:?}");
            }
        }
    }

    #[test]
    fn what_another_pattern_made_is_told_apart() {
        let daily = layout("/opt/backup/daily/%Y/%m/%d");
        for folder in [
            "/opt/backup/hourly/2026/01/31",
            "/opt/backup/daily/2026/01",
            "/opt/backup/daily/2026/01/31/x",
            "/opt/backup/daily/2026/01/3a",
            "/opt/backup/daily/26/01/31",
        ] {
            assert!(!daily.holds(Path::new(folder), "h"), "{folder}");
        }
        assert!(!layout("/b/{host}/%Y").holds(Path::new("/b/other/2026"), "h"));
        assert!(layout("/b/{host}/%Y").can_hold(1, "other"));
        assert_eq!(daily.fixed_part("h"), Path::new("/opt/backup/daily"));
        assert_eq!(layout("/b/{host}/%Y").fixed_part("h"), Path::new("/b/h"));
        assert_eq!(layout("/b/100%%/x").fixed_part("h"), Path::new("/b/100%/x"));
    }

    #[test]
    fn a_folder_is_a_pattern_of_itself() {
        let folder = Path::new("/b/100%/2026");
        assert!(Pattern::literal(folder).unwrap().layout().holds(folder, "h"));
        assert_eq!(Pattern::literal(Path::new("b")), None);
    }
}
