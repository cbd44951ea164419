//! What a push changes, for people. A host tells which files differ, never what is in them: of a file that is replaced
//! what it will be is shown, and that is said.

use std::fmt::Write as _;
use std::sync::Arc;

use batt_protocol::{BundleFolder, Change, FileChange, text};

use crate::bundle::{Bundle, Content};
use crate::state::FleetState;

/// The most lines of one file that are shown.
const MOST_LINES: usize = 200;

/// Returns what differs on each host; with `diff` also what the files will hold. Hosts with the same changes and the
/// same files stand together.
pub(super) fn told(state: &FleetState, bundles: &[Option<Arc<Bundle>>], diff: bool) -> String {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for (record, bundle) in state.hosts().iter().zip(bundles) {
        let Some(changes) = record
            .facts
            .changes
            .as_ref()
            .filter(|changes| !changes.is_empty())
        else {
            continue;
        };
        let body = changes.iter().fold(String::new(), |mut body, change| {
            one(change, bundle.as_deref().filter(|_| diff), &mut body);
            body
        });
        let host = record.host.to_string();
        match groups.iter_mut().find(|(_, known)| *known == body) {
            Some((hosts, _)) => hosts.push(host),
            None => groups.push((vec![host], body)),
        }
    }
    let mut out = String::new();
    for (hosts, body) in groups {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}:", batt_inventory::fold(&hosts).join(","));
        out.push_str(&body);
    }
    if diff && !out.is_empty() {
        out.push_str(
            "hosts tell which files differ, not what they hold; values of settings are never shown\n",
        );
    }
    out
}

fn one(change: &FileChange, bundle: Option<&Bundle>, out: &mut String) {
    let content = bundle.and_then(|bundle| bundle.content(change.folder, &change.name));
    let (mark, word) = match change.change {
        Change::Add => ('+', "added"),
        Change::Replace => ('~', "replaced"),
        Change::Remove => ('-', "removed"),
        Change::Conflict => ('!', "changed on the host; only `--force` replaces it"),
    };
    let _ = writeln!(out, "  {mark} {}/{}  {word}", change.folder.name(), change.name);
    let Some(content) = content else { return };
    let lines = match change.folder {
        BundleFolder::ScriptsAvailable => lines(content),
        BundleFolder::Conf => keys(content),
    };
    for line in lines.iter().take(MOST_LINES) {
        let _ = writeln!(out, "      + {}", text::escaped(line));
    }
    if lines.len() > MOST_LINES {
        let _ = writeln!(
            out,
            "      ... {} more",
            text::count(lines.len() - MOST_LINES, "line")
        );
    }
}

fn lines(content: &Content) -> Vec<String> {
    match std::str::from_utf8(&content.bytes) {
        Ok(words) => words.lines().map(str::to_owned).collect(),
        Err(_) => vec![format!(
            "{} that are no text",
            text::count(content.bytes.len(), "byte")
        )],
    }
}

/// Returns the keys of a settings file, whatever its form: what stands before the first `=`, and sections of TOML.
fn keys(content: &Content) -> Vec<String> {
    String::from_utf8_lossy(&content.bytes)
        .lines()
        .map(str::trim)
        .filter_map(|line| {
            let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"');
            if line.starts_with('[') && line.ends_with(']') && line[1..line.len() - 1].chars().all(is_key) {
                return Some(line.to_owned());
            }
            let key = line.split_once('=')?.0.trim();
            let key = key.strip_prefix("export ").unwrap_or(key).trim();
            (!key.is_empty() && key.chars().all(is_key)).then(|| format!("{key}=..."))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content {
        Content::of(bytes)
    }

    #[test]
    fn of_settings_only_keys_are_shown() {
        let words = keys(&content(
            b"# MYSQL_PASSWORD=old\nMYSQL_PASSWORD=hunter2\nexport PGPORT = 5432\n[service.mysql]\npath = \"/b\"\n\
              hunter3\nx $(y)=hunter4\n",
        ));
        assert_eq!(
            words,
            ["MYSQL_PASSWORD=...", "PGPORT=...", "[service.mysql]", "path=..."]
        );
        assert!(!words.concat().contains("hunter"));
    }

    #[test]
    fn scripts_are_shown_as_text_only() {
        assert_eq!(lines(&content(b"one\ntwo\n")), ["one", "two"]);
        assert_eq!(lines(&content(b"\xff\xfe")), ["2 bytes that are no text"]);
    }
}
