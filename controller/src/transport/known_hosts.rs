//! Files in the form of `~/.ssh/known_hosts` (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), read once and shared by all
//! hosts. Our own reader: what the SSH library brings accepts revoked keys and knows no patterns.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::keys::ssh_key::public::KeyData;

use super::host_pattern::HostPattern;

/// A line of a file, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// What a line says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// It is one of the host's keys.
    Known(KeyData),
    /// It must not be trusted, whatever another line says.
    Revoked(KeyData),
    /// The line cannot be read, but may have meant to revoke some key.
    UnreadableRevocation,
}

/// What a file says about a host, and where.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) statement: Statement,
}

/// A file of host keys that is there but cannot be read: it might revoke a key, so nothing may be trusted without it.
#[derive(Debug)]
pub(crate) struct KnownHostsError {
    file: PathBuf,
    error: io::Error,
}

impl fmt::Display for KnownHostsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cannot read the host keys in `{}`: {}",
            self.file.display(),
            self.error
        )
    }
}

impl std::error::Error for KnownHostsError {}

/// The host keys of all files.
#[derive(Default)]
pub(crate) struct KnownHosts {
    files: Vec<PathBuf>,
    entries: Vec<(HostPattern, Entry)>,
    /// Lines that name their hosts literally, by name; the others, hashed or with wildcards, are asked one by one.
    literal: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
    warnings: Vec<String>,
}

impl KnownHosts {
    /// Reads the files in this order. One that does not exist is empty.
    ///
    /// # Errors
    ///
    /// When a file exists and cannot be read.
    pub(crate) fn read(files: &[PathBuf]) -> Result<KnownHosts, KnownHostsError> {
        let mut known = KnownHosts {
            files: files.to_vec(),
            ..KnownHosts::default()
        };
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => known.add(file, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(KnownHostsError {
                        file: file.clone(),
                        error,
                    });
                }
            }
        }
        Ok(known)
    }

    /// Returns what one file says whose content this is.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(file: &Path, bytes: &[u8]) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(file, bytes);
        known
    }

    /// The files that were asked for, whether they exist or not.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The lines that were skipped, each with its place and why.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns what the files say about the name (`host`, or `[host]:port` for a port other than 22), in the order
    /// of the lines.
    pub(crate) fn about(&self, name: &str) -> Vec<&Entry> {
        let literal = self.literal.get(name).into_iter().flatten();
        let others = self
            .others
            .iter()
            .filter(|&&index| self.entries[index].0.matches(name));
        let mut found: Vec<usize> = literal.chain(others).copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.entries[index].1).collect()
    }

    fn add(&mut self, file: &Path, bytes: &[u8]) {
        let file: Arc<Path> = Arc::from(file);
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let place = Place {
                file: file.clone(),
                line: index + 1,
            };
            // Bytes that are no text can only make the line unreadable, never another line's meaning.
            match parse(&String::from_utf8_lossy(line)) {
                Line::Nothing => {}
                Line::Says(hosts, statement) => self.push(hosts, Entry { place, statement }),
                Line::Bad(why) => self.warnings.push(format!("{place}: skipped: {why}")),
                Line::BadRevocation(hosts, why) => {
                    self.warnings.push(format!(
                        "{place}: {why}; it may revoke a key, so no host it may mean is trusted"
                    ));
                    self.push(
                        hosts,
                        Entry {
                            place,
                            statement: Statement::UnreadableRevocation,
                        },
                    );
                }
            }
        }
    }

    fn push(&mut self, hosts: HostPattern, entry: Entry) {
        let index = self.entries.len();
        match hosts.literals() {
            Some(names) => {
                for name in names {
                    self.literal.entry(name.to_string()).or_default().push(index);
                }
            }
            None => self.others.push(index),
        }
        self.entries.push((hosts, entry));
    }
}

enum Line {
    Nothing,
    Says(HostPattern, Statement),
    Bad(&'static str),
    BadRevocation(HostPattern, &'static str),
}

/// Reads one line: `[@marker] hosts type key [comment]`, separated by blanks and tabs.
fn parse(line: &str) -> Line {
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    // Anything that looks as if it were to revoke is taken to be so: `@Revoked`, `@revoked` in the wrong place.
    let revokes = line.to_ascii_lowercase().contains("@revoked");
    let mut fields = line
        .split([' ', '\t'])
        .filter(|field| !field.is_empty())
        .peekable();
    let marker = fields.next_if(|field| field.starts_with('@'));
    let hosts = fields.next();
    let bad = |hosts: Option<HostPattern>, why| match revokes {
        true => Line::BadRevocation(hosts.unwrap_or_else(HostPattern::everybody), why),
        false => Line::Bad(why),
    };
    if !matches!(marker, None | Some("@revoked" | "@cert-authority")) {
        // A marker that is not known could mean anything: OpenSSH skips the line too.
        return bad(None, "the marker is neither `@revoked` nor `@cert-authority`");
    }
    let hosts = match hosts {
        Some(second) if second.starts_with('@') => return bad(None, "there are two markers"),
        Some(hosts) => HostPattern::parse(hosts),
        None => return bad(None, "there is no host name"),
    };
    let Some(hosts) = hosts else {
        return bad(None, "the hashed host name cannot be read");
    };
    let (Some(algorithm), Some(key)) = (fields.next(), fields.next()) else {
        return bad(Some(hosts), "there is no key");
    };
    let Ok(key) = PublicKey::from_openssh(&format!("{algorithm} {key}")) else {
        return bad(Some(hosts), "the key cannot be read");
    };
    match marker {
        Some("@revoked") => Line::Says(hosts, Statement::Revoked(key.key_data().clone())),
        // A certificate authority vouches for other keys; its own is no host's key. Certificates are not offered.
        Some(_) => Line::Nothing,
        None => Line::Says(hosts, Statement::Known(key.key_data().clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::sshd::{key_line, keygen};

    fn read(text: &str) -> KnownHosts {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, text).unwrap();
        KnownHosts::read(&[file]).unwrap()
    }

    fn key() -> String {
        let folder = tempfile::tempdir().unwrap();
        keygen("ed25519", "", &folder.path().join("key"));
        key_line(&folder.path().join("key.pub"))
    }

    fn lines(known: &KnownHosts, name: &str) -> Vec<usize> {
        known.about(name).iter().map(|entry| entry.place.line).collect()
    }

    #[test]
    fn entries_come_in_the_order_of_the_lines() {
        let key = key();
        let known = read(&format!(
            "*.net {key}\na.net,b.net,a.net {key}\nc.net {key}\n?.net {key}\n"
        ));
        assert_eq!(lines(&known, "a.net"), [1, 2, 4]);
        assert_eq!(lines(&known, "c.net"), [1, 3, 4]);
        assert_eq!(lines(&known, "c.org"), [] as [usize; 0]);
    }

    #[test]
    fn a_line_that_is_skipped_is_named() {
        let key = key();
        let known = read(&format!(
            "# comment\n\nh1\nh2 ssh-ed25519 AAAA\n@revoked h3\nh4 {key}\n"
        ));
        let warnings: Vec<&str> = known
            .warnings()
            .iter()
            .map(|warning| warning.rsplit_once("known_hosts:").unwrap().1)
            .collect();
        assert_eq!(
            warnings,
            [
                "3: skipped: there is no key",
                "4: skipped: the key cannot be read",
                "5: there is no key; it may revoke a key, so no host it may mean is trusted",
            ]
        );
        assert_eq!(lines(&known, "h4"), [6]);
        assert_eq!(lines(&known, "h3"), [5]);
    }

    #[test]
    fn a_file_that_is_not_there_is_empty() {
        let known = KnownHosts::read(&[PathBuf::from("/nowhere/known_hosts")]).unwrap();
        assert!(known.about("h1").is_empty() && known.warnings().is_empty());
    }

    /// Keys of a kind that no host can show us any more.
    #[test]
    fn old_kinds_of_keys_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        keygen("dsa", "", &folder.path().join("key"));
        let key = key_line(&folder.path().join("key.pub"));
        let known = read(&format!("@revoked * {key}\nh1 {key}\n"));
        assert!(
            known
                .about("h1")
                .iter()
                .all(|entry| entry.statement != Statement::UnreadableRevocation)
        );
    }
}
