//! The header of a script: comments that tell batt about it without running it.

/// As far into a script as its header is looked for.
pub(crate) const HEADER_LIMIT: usize = 16 << 10;

/// What a script says of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// What it backs up, in a few words.
    pub(crate) summary: Option<String>,
    /// The option that names its items, where it says so.
    pub(crate) option: Option<OptionEntry>,
    /// The programs that it needs.
    pub(crate) needs: Vec<String>,
    /// What it looks at when it is called with `BATT_CHECK=yes`; none when it does not know that.
    pub(crate) check: Option<String>,
    /// What it looks at when it is called to restore with `BATT_DRY_RUN=yes`; none when it does not know that.
    pub(crate) dry_run: Option<String>,
    /// The commands that restore what it made.
    pub(crate) restore: Vec<String>,
    /// What cannot be understood, with its line.
    pub(crate) complaints: Vec<(usize, String)>,
}

/// What a header says of the option for items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OptionEntry {
    /// What it backs up has no items: `none`.
    Nothing,
    Named(ItemOption),
}

/// The option that names the items of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemOption {
    /// Its name without the dashes.
    pub(crate) name: String,
    /// What stands for an item in the help.
    pub(crate) placeholder: String,
    /// What it does.
    pub(crate) help: String,
}

impl ItemOption {
    /// Returns the option of a service whose script names none.
    fn of_service(service: &str) -> Self {
        Self {
            name: format!("{service}-db"),
            placeholder: "NAME".to_owned(),
            help: format!("item of `{service}` to back up (all when none is named)"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let name = words.next()?.strip_prefix("--")?;
        let placeholder = words.next()?;
        let good_name = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let good_placeholder = placeholder
            .chars()
            .all(|c| c.is_ascii_uppercase() || c == '_' || c == '-');
        (good_name && good_placeholder).then(|| Self {
            name: name.to_owned(),
            placeholder: placeholder.to_owned(),
            help: words.collect::<Vec<_>>().join(" "),
        })
    }
}

impl Header {
    /// Reads the header from the beginning of a script. Any text has one; what cannot be understood is complained of.
    pub(crate) fn parse(beginning: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&beginning[..beginning.len().min(HEADER_LIMIT)]);
        let mut header = Self::default();
        for (index, line) in text.lines().enumerate() {
            if let Some(entry) = entry_of(line) {
                header.add(index + 1, entry);
            }
        }
        header
    }

    fn add(&mut self, line: usize, entry: &str) {
        let (key, value) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
        let value = value.trim();
        match key {
            "summary" => self.summary = Some(value.to_owned()),
            "option" if self.option.is_some() => self.complain(line, "a second `option`"),
            "option" if value == "none" => self.option = Some(OptionEntry::Nothing),
            "option" => match ItemOption::parse(value) {
                Some(option) => self.option = Some(OptionEntry::Named(option)),
                None => self.complain(
                    line,
                    "an `option` that is neither `--name PLACEHOLDER help` nor `none`",
                ),
            },
            "needs" => self.needs.extend(value.split_whitespace().map(str::to_owned)),
            "check" => self.check = Some(value.to_owned()),
            "dry-run" => self.dry_run = Some(value.to_owned()),
            "restore" => self.restore.push(value.to_owned()),
            _ => self.complain(
                line,
                &format!("an unknown entry {}", batt_protocol::text::quoted(key)),
            ),
        }
    }

    /// Returns the option that names the items of this service; none where there are none.
    pub(crate) fn item_option(&self, service: &str) -> Option<ItemOption> {
        match &self.option {
            Some(OptionEntry::Named(option)) => Some(option.clone()),
            Some(OptionEntry::Nothing) => None,
            None => Some(ItemOption::of_service(service)),
        }
    }

    fn complain(&mut self, line: usize, what: &str) {
        self.complaints.push((line, format!("{what} in the header")));
    }
}

/// Returns what follows `batt:` in a comment line of any of the languages that scripts are written in.
fn entry_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let comment = ["#", "//", "--", ";", "%"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))?;
    Some(
        comment
            .trim_start_matches(['#', '/', '-', ';', '%'])
            .trim_start()
            .strip_prefix("batt:")?
            .trim(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_without_running_the_script() {
        let header = Header::parse(
            b"#!/bin/sh\n# batt: summary  PostgreSQL databases and roles\n\
              # batt: option   --postgresql-db NAME      database to back up\n# batt: needs pg_dump psql\n\
              # batt: check  connects\n# batt: dry-run  room\n# batt: restore  pg_restore --dbname NAME NAME.dump\nexec id\n",
        );
        assert_eq!(header.summary.as_deref(), Some("PostgreSQL databases and roles"));
        let option = header.item_option("postgresql").unwrap();
        assert_eq!(
            (
                option.name.as_str(),
                option.placeholder.as_str(),
                option.help.as_str()
            ),
            ("postgresql-db", "NAME", "database to back up")
        );
        assert_eq!(header.needs, ["pg_dump", "psql"]);
        assert_eq!(header.check.as_deref(), Some("connects"));
        assert_eq!(header.dry_run.as_deref(), Some("room"));
        assert_eq!(header.restore, ["pg_restore --dbname NAME NAME.dump"]);
        assert_eq!(header.complaints, []);
    }

    #[test]
    fn what_cannot_be_understood_is_told_by_its_line() {
        let header = Header::parse(b"#!/bin/sh\n# batt: option foo\n// batt: colour red\n\xff\xfe\n");
        let lines: Vec<usize> = header.complaints.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3]);
    }

    #[test]
    fn no_bytes_break_it() {
        for byte in 0..=255u8 {
            Header::parse(&[b'#', b' ', byte, b'b', b'a', b't', b't', b':', byte, byte]);
        }
        assert_eq!(Header::parse(b""), Header::default());
    }
}
