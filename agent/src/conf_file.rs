//! `KEY=VALUE` settings of scripts: parsed, never executed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use batt_protocol::{Error, Service};

use crate::files;
use crate::home::Home;
use crate::secrets;
use crate::trust;

/// The largest conf file that is read.
const LIMIT: u64 = 1 << 20;

/// The settings of one service: what its conf files say, the later ones winning.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Conf {
    values: BTreeMap<String, String>,
    /// Lines that are no plain assignment. Scripts that source the file themselves may need them.
    odd_lines: Vec<OddLine>,
    files: Vec<PathBuf>,
}

/// A line that is no plain assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OddLine {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

impl Conf {
    /// Reads the conf files of a service in their order: the common one, the service's, the host's own, and those of
    /// the instance.
    ///
    /// # Errors
    /// A file that is not trusted or cannot be read, and a line that sets a `BATT_*` variable, by file and line.
    pub(crate) fn of_service(home: &Home, service: &Service) -> Result<Self, Error> {
        let mut conf = Self::default();
        for file in conf_files(home, service) {
            // Asked first: to open a device is to do something with it.
            if trust::require_trusted_file(&file)?
                && let Some(text) = files::read_text(&file, LIMIT)?
            {
                conf.add(&file, &text)?;
                conf.files.push(file);
            }
        }
        Ok(conf)
    }

    /// Returns the settings.
    pub(crate) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Returns the files that were there.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns the lines that are no plain assignment.
    pub(crate) fn odd_lines(&self) -> &[OddLine] {
        &self.odd_lines
    }

    /// Returns what must never be shown of the settings.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let values = self.values.iter();
        secrets::secrets_of(values.map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// Adds what a file says.
    pub(crate) fn add(&mut self, file: &std::path::Path, text: &str) -> Result<(), Error> {
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            match parse_line(line) {
                Line::Nothing => {}
                Line::Assignment(key, _) if key.starts_with("BATT_") => {
                    return Err(Error::usage(format!(
                        "{}:{}: `{key}` cannot be set here",
                        file.display(),
                        index + 1
                    ))
                    .hint("`BATT_*` variables are batt's own; settings of batt itself stand in `conf/batt.toml`."));
                }
                Line::Assignment(key, value) => {
                    self.values.insert(key, value);
                }
                Line::Odd => self.odd_lines.push(OddLine {
                    file: file.to_owned(),
                    line: index + 1,
                }),
            }
        }
        Ok(())
    }
}

/// Returns where the conf files of a service lie, whether they exist or not.
fn conf_files(home: &Home, service: &Service) -> Vec<PathBuf> {
    let conf = home.conf();
    let name = service.name();
    let mut files = vec![
        conf.join("backup.conf"),
        conf.join(format!("backup-{name}.conf")),
        conf.join(format!("backup-{name}.local.conf")),
    ];
    if service.instance().is_some() {
        files.push(conf.join(format!("backup-{service}.conf")));
        files.push(conf.join(format!("backup-{service}.local.conf")));
    }
    files
}

enum Line {
    Nothing,
    Assignment(String, String),
    Odd,
}

fn parse_line(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let Some((key, rest)) = line.split_once('=') else {
        return Line::Odd;
    };
    // A shell takes blanks there for something else; whoever writes them means this.
    let (key, rest) = (key.trim_end(), rest.trim_start());
    let good_key = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match parse_value(rest) {
        Some(value) if good_key => Line::Assignment(key.to_owned(), value),
        _ => Line::Odd,
    }
}

/// Reads a value as a shell would when nothing in it has to be expanded; none otherwise.
fn parse_value(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => loop {
                match rest.next()? {
                    '\'' => break,
                    c => value.push(c),
                }
            },
            '"' => loop {
                match rest.next()? {
                    '"' => break,
                    '$' | '`' => return None,
                    '\\' => match rest.next()? {
                        c @ ('"' | '\\' | '$' | '`') => value.push(c),
                        c => value.extend(['\\', c]),
                    },
                    c => value.push(c),
                }
            },
            '\\' => value.push(rest.next()?),
            c if c.is_whitespace() => {
                let comment: String = rest.collect();
                let comment = comment.trim_start();
                return (comment.is_empty() || comment.starts_with('#')).then_some(value);
            }
            '$' | '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '~' => return None,
            c => value.push(c),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Result<Conf, Error> {
        let mut conf = Conf::default();
        conf.add(std::path::Path::new("x.conf"), text).map(|()| conf)
    }

    #[test]
    fn plain_assignments_are_read_as_a_shell_reads_them() {
        let conf = conf(concat!(
            "# comment\n\nA=1\nexport B='two words' # why\n",
            "C=\"say \\\"hi\\\" to \\$HOME\"\nD=\nE=a\\ b\nPATH_LIKE=/a:/b\n"
        ))
        .unwrap();
        let values: Vec<(&str, &str)> = conf
            .values()
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "say \"hi\" to $HOME"),
            ("D", ""),
            ("E", "a b"),
            ("PATH_LIKE", "/a:/b"),
        ];
        assert_eq!(values, expected);
        assert_eq!(conf.odd_lines(), []);
    }

    #[test]
    fn blanks_around_the_sign_are_none_of_the_value() {
        let conf = conf("A = 1\nB ='two words'\nexport C= \"x\"  # why\nD =\n").unwrap();
        let values: Vec<(&str, &str)> = conf
            .values()
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(values, [("A", "1"), ("B", "two words"), ("C", "x"), ("D", "")]);
        assert_eq!(conf.odd_lines(), []);
    }

    #[test]
    fn what_has_to_be_executed_is_left_to_scripts_that_source_it() {
        let conf = conf("A=$(id)\nif true; then\nB=\"$HOME/x\"\nC=`id`\nD='open\nE=1 2\nF=*.sql\n").unwrap();
        assert!(conf.values().is_empty(), "{conf:?}");
        assert_eq!(
            conf.odd_lines().iter().map(|odd| odd.line).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
    }

    #[test]
    fn a_variable_of_batt_cannot_be_set() {
        let error = conf("A=1\nBATT_DEST=/etc\n").unwrap_err();
        assert_eq!(error.message(), "x.conf:2: `BATT_DEST` cannot be set here");
    }
}
