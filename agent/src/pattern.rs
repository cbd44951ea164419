//! Where backups go: a pattern in the manner of strftime, expanded once per run.

mod layout;

pub(crate) use layout::Layout;

use std::fmt::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use batt_protocol::Error;
use batt_protocol::text::quoted;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, TimeZone};

/// A path with conversions of strftime(3) and `{host}`; parsed once, so that it can always be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Where backups go unless `--path` or `path` in batt.toml says otherwise.
    pub(crate) const DEFAULT: &str = "/opt/backup/%Y/%m/%d";

    /// Returns the folder for a run that starts at `time` on `host`.
    ///
    /// # Errors
    /// A part that at this time, or on this host, is empty, `.` or `..`, or has a control character in it: `..%.f` is `..`
    /// in a moment that has no fraction.
    pub(crate) fn expand(&self, time: DateTime<FixedOffset>, host: &str) -> Result<PathBuf, Error> {
        let mut path = PathBuf::from("/");
        // No conversion has a slash in its own text. What is written twice or as `.` says nothing, as in every path.
        for part in self.0.split('/').filter(|part| !matches!(*part, "" | ".")) {
            let mut text = String::new();
            let _ = write!(text, "{}", time.format(part));
            let text = text.replace("{host}", host);
            // `%D` brings slashes along.
            for name in text.split('/') {
                if matches!(name, "" | "." | "..") || name.chars().any(char::is_control) {
                    return Err(Error::usage(format!(
                        "{} in the path pattern {} can become {}, which is no name of a folder",
                        quoted(part),
                        quoted(&self.0),
                        quoted(name)
                    ))
                    .hint("Use conversions that always give a name, as in `/opt/backup/%Y/%m/%d`."));
                }
                path.push(name);
            }
        }
        Ok(path)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the pattern of one folder, whatever is in its path; none for a path that is no plain absolute text.
    pub(crate) fn literal(folder: &Path) -> Option<Self> {
        let text = folder.to_str()?.replace('%', "%%");
        text.parse().ok()
    }

    /// Returns where this pattern can put backups.
    pub(crate) fn layout(&self) -> Layout {
        Layout::of(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(conversion) = bad_conversion(text) {
            let shown = quoted(&conversion);
            return Err(Error::usage(format!(
                "{shown} in the path pattern {} cannot be expanded",
                quoted(text)
            ))
            .hint(
                "Use the conversions of strftime, as in `/opt/backup/%Y/%m/%d`, and `%%` for a percent sign.",
            ));
        }
        let braces = text.replace("{host}", "");
        if braces.contains(['{', '}']) {
            return Err(
                Error::usage(format!("the path pattern {} has unknown braces", quoted(text)))
                    .hint("`{host}` is the only name in braces."),
            );
        }
        let path = Path::new(text);
        let plain = path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !path.is_absolute() || !plain || text.chars().any(char::is_control) {
            return Err(Error::usage(format!(
                "the path pattern {} is not an absolute path",
                quoted(text)
            ))
            .hint("Write the whole path from `/` on, without `..`."));
        }
        let pattern = Self(text.to_owned());
        // One without a conversion is the same at all times.
        let times = if text.contains('%') { usize::MAX } else { 1 };
        for time in samples().take(times) {
            pattern.expand(time, "host")?;
        }
        Ok(pattern)
    }
}

/// Returns moments in which conversions give what they can give: with a fraction of a second and without, at both ends of a
/// year, in the zone of Greenwich and far from it.
fn samples() -> impl Iterator<Item = DateTime<FixedOffset>> {
    const MOMENTS: [(i64, u32); 4] = [
        (0, 0),
        (951_782_400, 0),
        (1_793_511_000, 123_456_789),
        (4_102_444_799, 0),
    ];
    let zones = [0, -4 * 3600, 20_700]
        .into_iter()
        .filter_map(FixedOffset::east_opt);
    zones.flat_map(|zone| {
        MOMENTS
            .into_iter()
            .filter_map(move |(seconds, nanos)| zone.timestamp_opt(seconds, nanos).single())
    })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the first conversion that chrono cannot parse, or parses and then fails to format (`%#z`).
fn bad_conversion(text: &str) -> Option<String> {
    let sample = FixedOffset::east_opt(0)?.timestamp_opt(0, 0).single()?;
    let starts: Vec<usize> = text.match_indices('%').map(|(index, _)| index).collect();
    let mut next = 0;
    for start in starts {
        if start < next {
            continue;
        }
        // The shortest piece that is a conversion by itself; the longest has a flag, a dot, a digit and a letter.
        let whole = (2..=5).find_map(|length| {
            let piece = text.get(start..start + length)?;
            let bad = StrftimeItems::new(piece).any(|item| matches!(item, Item::Error));
            (!bad && write!(String::new(), "{}", sample.format(piece)).is_ok()).then_some(length)
        });
        match whole {
            Some(length) => next = start + length,
            None => {
                // With its flags, so that `%#z` is named and not `%#`.
                let flags = text[start + 1..]
                    .chars()
                    .take_while(|c| "-_0^#:.+".contains(*c))
                    .count();
                let end = text[start..]
                    .char_indices()
                    .nth(flags + 2)
                    .map_or(text.len(), |(index, _)| start + index);
                return Some(text[start..end].to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_expanded_in_local_time() {
        let pattern: Pattern = "/srv/{host}/%Y/%m/%d/100%%".parse().unwrap();
        let time = DateTime::parse_from_rfc3339("2026-01-31T23:30:00-05:00").unwrap();
        assert_eq!(
            pattern.expand(time, "db1").unwrap(),
            Path::new("/srv/db1/2026/01/31/100%")
        );
        // A host's name is a name, whatever is in it.
        assert_eq!(
            pattern.expand(time, "%n").unwrap(),
            Path::new("/srv/%n/2026/01/31/100%")
        );
        for host in ["..", "", "a\nb", "a/../../b", "\0"] {
            pattern.expand(time, host).unwrap_err();
        }
        let slashes: Pattern = "//srv/./b//%D/".parse().unwrap();
        assert_eq!(slashes.expand(time, "h").unwrap(), Path::new("/srv/b/01/31/26"));
    }

    #[test]
    fn what_can_become_no_name_is_judged_when_it_is_expanded() {
        for pattern in [
            "/..%.f",
            "/.%.f",
            "/a/%.f",
            "/a/%.f/b",
            "/a/..%.f/b",
            "/a%n",
            "/%t/b",
            "/.%.f.",
            "/a/%n%Y",
        ] {
            let error = pattern.parse::<Pattern>().unwrap_err();
            assert!(error.message().contains("is no name of a folder"), "{error}");
            assert!(!error.message().contains('\n'), "{error}");
        }
        for pattern in ["/a/x%.f", "/a/%f", "/a/...%.f", "/a/%.3f"] {
            pattern.parse::<Pattern>().unwrap();
        }
    }

    #[test]
    fn a_conversion_that_cannot_be_is_named() {
        for (pattern, conversion) in [
            ("/b/%Q", "`%Q`"),
            ("/b/%#z", "`%#z"),
            ("/b/%", "`%`"),
            ("/%Y/%é", "`%é`"),
        ] {
            let error = pattern.parse::<Pattern>().unwrap_err();
            assert!(error.message().starts_with(conversion), "{error}");
        }
    }

    #[test]
    fn only_a_plain_absolute_path_is_a_pattern() {
        for pattern in ["", "backup/%Y", "/a/../b", "/a/{home}", "/a\n"] {
            assert!(pattern.parse::<Pattern>().is_err(), "{pattern}");
        }
    }
}
