//! What was refused by wire, and to whom: `BATT_HOME/var/refused.log`, a line each, and never more than so much of them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use batt_protocol::text::escaped;
use batt_protocol::wire::Refusal;
use chrono::{SecondsFormat, Utc};

use crate::files;
use crate::home::Home;
use crate::host;

/// Then the file becomes `refused.log.1`, and the one before goes.
const LIMIT: u64 = 256 << 10;
/// The most characters of one line.
const LONGEST: usize = 500;

/// The log, as one session writes it.
#[derive(Debug)]
pub(super) struct Refusals<'a> {
    home: &'a Home,
    who: String,
}

impl<'a> Refusals<'a> {
    pub(super) fn new(home: &'a Home) -> Self {
        let asked_by = host::asked_by(None);
        let mut who = asked_by.sudo_user.unwrap_or(asked_by.user);
        if let Some(client) = asked_by.ssh_client {
            who.push_str(" from ");
            who.push_str(&client);
        }
        Self { home, who }
    }

    /// Writes a refusal down. A disk that does not take it changes nothing: it was refused.
    pub(super) fn note(&self, refusal: &Refusal) {
        // A home that is not there is not made by what is refused.
        if self.home.var().is_dir() {
            let _ = self.append(refusal);
        }
    }

    fn append(&self, refusal: &Refusal) -> std::io::Result<()> {
        let path = self.home.refusals();
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let text: String = format!(
            "{time} {}: refused ({}): {}",
            self.who, refusal.exit, refusal.message
        )
        .chars()
        .take(LONGEST)
        .collect();
        let line = format!("{}\n", escaped(&text));
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut file = files::open_own(&path, &mut options)?;
        if file.metadata()?.len() + line.len() as u64 > LIMIT {
            fs::rename(&path, self.home.earlier_refusals())?;
            file = files::open_own(&path, &mut options)?;
        }
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use batt_protocol::ExitCode;

    use super::*;

    #[test]
    fn refusals_are_written_down_within_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let refusals = Refusals::new(&home);
        let refusal = |message: &str| Refusal {
            exit: ExitCode::REFUSED,
            message: message.to_owned(),
            hints: Vec::new(),
        };
        refusals.note(&refusal("a home that is not there"));
        assert!(!home.var().exists());
        fs::create_dir(home.var()).unwrap();
        refusals.note(&refusal("a\u{1b}[2J\nb"));
        let text = fs::read_to_string(home.refusals()).unwrap();
        assert!(text.ends_with(": refused (77): a\\x1b[2J\\nb\n"), "{text}");
        for _ in 0..2_000 {
            refusals.note(&refusal(&"x".repeat(4_000)));
        }
        let kept: u64 = fs::read_dir(home.var())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!((LIMIT..=2 * LIMIT).contains(&kept), "{kept}");
        assert_eq!(fs::read_dir(home.var()).unwrap().count(), 2);
    }
}
