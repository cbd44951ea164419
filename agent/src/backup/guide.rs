//! `RESTORE.md`: how to restore a backup with nothing but its folder.

use std::fmt::Write as _;

use batt_protocol::text::escaped;
use batt_protocol::{BackupState, HumanBytes};

use super::{ArchiveRecord, Manifest, SUMS};
use crate::archive::{Kind, LARGEST_STATEMENT};

/// A statement that the smallest default of servers still takes needs no word.
const USUAL_STATEMENT: u64 = 4 << 20;
/// With what facts begin that name what a restore needs besides the archives.
const ALSO_NEEDED: &str = "also_needed.";

/// Returns the text of RESTORE.md: the facts of the backup, and the commands of the script's header.
///
/// A line of the header that has `NAME.x` in it is repeated for each archive; an archive whose file another line names
/// in full is left to that line. `NAME` in the name of a file stands for the file's stem, elsewhere for the name that
/// the archive was stored under.
pub(crate) fn restore_guide(manifest: &Manifest, commands: &[String]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "# Restore `{}` of `{}`\n\nMade by batt {} in the run `{}`, started {} (UTC).\n",
        manifest.service,
        plain(&manifest.host),
        plain(&manifest.batt),
        manifest.run,
        manifest.started.format("%Y-%m-%d %H:%M:%S")
    );
    let plainly = match manifest.state {
        BackupState::Good => "",
        BackupState::Partial => {
            "**This backup is partial.** Only what is listed below is in it, and proven; not all that was asked for:"
        }
        BackupState::Suspicious => {
            "**This backup is suspicious.** It is whole, and differs much from the last good one before it:"
        }
    };
    if !plainly.is_empty() {
        let _ = writeln!(text, "{plainly}\n");
        for line in &manifest.shortcomings {
            let _ = writeln!(text, "- {}", escaped(line));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "## What is here\n");
    for archive in &manifest.archives {
        let _ = writeln!(
            text,
            "- `{}`, {}{}",
            plain(&archive.file),
            HumanBytes(archive.bytes),
            called(archive)
        );
    }
    if !manifest.warnings.is_empty() {
        let _ = writeln!(text, "\nWarnings of this backup:\n");
        for warning in &manifest.warnings {
            let _ = writeln!(text, "- {}", escaped(warning));
        }
    }
    let also_needed = also_needed(manifest);
    if !also_needed.is_empty() {
        let _ = writeln!(text, "\nAlso needed, and not in this backup:\n");
    }
    for line in also_needed {
        let _ = writeln!(text, "- {line}");
    }
    let _ = writeln!(
        text,
        "\n## Check that it is whole\n\nIn this folder:\n\n```sh\nsha256sum -c {SUMS}\n```\n\n## Restore\n"
    );
    let lines = expand(manifest, commands);
    if lines.is_empty() {
        let _ = writeln!(
            text,
            "The script `{}` that made this says nothing of how to restore it. The archives are in their native formats.",
            plain(&manifest.script.path)
        );
    } else {
        let _ = writeln!(text, "In this folder:\n\n```sh\n{}\n```", lines.join("\n"));
    }
    text
}

/// Returns what a restore needs besides the archives, a line each.
fn also_needed(manifest: &Manifest) -> Vec<String> {
    let recorded = manifest.facts.iter().filter_map(|(key, value)| {
        let what = key.strip_prefix(ALSO_NEEDED)?;
        Some(format!("{}: {}", plain(what), escaped(value)))
    });
    let largest = manifest.archives.iter().filter_map(|archive| {
        let bytes: u64 = archive.facts.get(LARGEST_STATEMENT)?.parse().ok()?;
        Some((bytes, archive))
    });
    let largest = largest
        .max_by_key(|(bytes, _)| *bytes)
        .filter(|(bytes, _)| *bytes >= USUAL_STATEMENT);
    // The server has to have room for more than the statement, and counts in steps of 1024.
    let packet = largest.map(|(bytes, archive)| {
        format!(
            "max_allowed_packet of the server: at least {} (SET GLOBAL max_allowed_packet = ...), for the largest statement of `{}`",
            (bytes + 2).next_multiple_of(1024),
            plain(archive.called())
        )
    });
    recorded.chain(packet).collect()
}

/// Tells what the archive is called, where the name of its file has only the beginning of that.
fn called(archive: &ArchiveRecord) -> String {
    match &archive.name {
        Some(name) if archive.file.contains(crate::store::HASHED) => format!(", is `{}`", plain(name)),
        _ => String::new(),
    }
}

/// Returns a name as it can stand between backticks: on its line, and not ending them.
fn plain(name: &str) -> String {
    escaped(name).replace('`', "'")
}

fn expand(manifest: &Manifest, commands: &[String]) -> Vec<String> {
    let commands: Vec<Command<'_>> = commands.iter().map(|line| Command::parse(line)).collect();
    let concerned = |command: &Command<'_>, archive: &ArchiveRecord| match command.kind {
        Some(kind) => archive.check == Some(kind),
        // An archive of a kind that has commands of its own is left to these.
        None => !commands
            .iter()
            .any(|other| other.kind.is_some() && other.kind == archive.check),
    };
    let is_named = |archive: &ArchiveRecord| {
        commands.iter().any(|command| {
            let line = command.line;
            !line.contains("NAME") && has_word(line, &archive.file) && concerned(command, archive)
        })
    };
    let mut lines = Vec::new();
    for command in &commands {
        let mut archives = manifest
            .archives
            .iter()
            .filter(|archive| concerned(command, archive));
        if !command.line.contains("NAME") {
            // A line about one archive is of use only where that is; a line about none is for all.
            let about = command
                .line
                .split_whitespace()
                .find(|word| word.ends_with(".zst"));
            let of_use = match about {
                Some(file) => archives.any(|archive| archive.file == file),
                None => command.kind.is_none() || archives.next().is_some(),
            };
            if of_use {
                lines.push(command.line.to_owned());
            }
            continue;
        }
        for archive in archives.filter(|archive| !is_named(archive)) {
            lines.extend(fill(command.line, &archive.file, archive.name.as_deref()));
        }
    }
    lines
}

/// A line of the header, and of what kind the archives are that it is about: `[KIND] COMMAND`.
struct Command<'a> {
    kind: Option<Kind>,
    line: &'a str,
}

impl<'a> Command<'a> {
    fn parse(line: &'a str) -> Self {
        line.strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
            .and_then(|(kind, rest)| Some((kind.parse().ok()?, rest)))
            .map_or(Command { kind: None, line }, |(kind, line)| Command {
                kind: Some(kind),
                line: line.trim_start(),
            })
    }
}

/// Puts one archive into a line; none when the line is for files that end otherwise.
fn fill(command: &str, file: &str, name: Option<&str>) -> Option<String> {
    let ends = |c: char| c.is_whitespace() || "\"';)".contains(c);
    let suffix = command
        .split("NAME")
        .skip(1)
        .map(|rest| rest.split(ends).next().unwrap_or_default())
        .find(|suffix| suffix.starts_with('.') && file.ends_with(*suffix))?;
    let stem = file.strip_suffix(suffix)?;
    // In one pass: what is put in may itself hold the word.
    let mut parts = command.split("NAME");
    let mut filled = parts.next()?.to_owned();
    for part in parts {
        match part.strip_prefix(suffix) {
            Some(rest) => filled.extend([quoted(file).as_str(), rest]),
            // The value of a variable is no option, whatever it begins with.
            None if filled.ends_with('=') => filled.extend([as_word(name.unwrap_or(stem)).as_str(), part]),
            None => filled.extend([quoted(name.unwrap_or(stem)).as_str(), part]),
        }
    }
    Some(filled)
}

fn has_word(command: &str, word: &str) -> bool {
    command.split_whitespace().any(|part| part == word)
}

/// Returns a word as a POSIX shell reads it back, and no command takes for an option.
fn quoted(word: &str) -> String {
    if word.starts_with('-') {
        return as_word(&format!("./{word}"));
    }
    as_word(word)
}

/// Returns a word as a POSIX shell reads it back.
fn as_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/%@+:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if escaped(word) == word {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    // What has control characters, or characters that turn a line around, is written as POSIX.1-2024 and bash do.
    let mut written = "$'".to_owned();
    for byte in word.bytes() {
        match byte {
            b'\'' | b'\\' => written.extend(['\\', char::from(byte)]),
            b' '..=b'~' => written.push(char::from(byte)),
            // Always three digits, so that one that follows is not a part of it.
            byte => written.push_str(&format!("\\{byte:03o}")),
        }
    }
    written.push('\'');
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::manifest::tests::manifest;

    fn lines(archives: &[&str], commands: &[&str]) -> Vec<String> {
        let commands: Vec<String> = commands.iter().map(ToString::to_string).collect();
        expand(&manifest("20260131T023000Z-00000a", &[], archives), &commands)
    }

    #[test]
    fn a_line_is_repeated_for_each_archive_that_no_other_line_names() {
        assert_eq!(
            lines(
                &["globals.zst", "a.zst", "b%3Bc.zst"],
                &[
                    "zstd -dc globals.zst | psql",
                    "zstd -dc NAME.zst | pg_restore --create --dbname=postgres"
                ]
            ),
            [
                "zstd -dc globals.zst | psql",
                "zstd -dc a.zst | pg_restore --create --dbname=postgres",
                "zstd -dc b%3Bc.zst | pg_restore --create --dbname=postgres"
            ]
        );
    }

    #[test]
    fn a_line_for_a_kind_is_for_the_archives_of_that_kind_alone() {
        let mut manifest = manifest(
            "20260131T023000Z-00000a",
            &[],
            &["a.zst", "b.zst", "postgres.zst"],
        );
        manifest.archives[1].check = Some(Kind::PostgresqlDirectory);
        let commands = [
            "[postgresql-directory] tar -x NAME.zst",
            "[postgresql-directory] tar -x postgres.zst",
            "[no-kind] NAME.zst",
            "load postgres.zst",
            "load NAME.zst",
        ]
        .map(ToOwned::to_owned);
        assert_eq!(
            expand(&manifest, &commands),
            [
                "tar -x b.zst",
                "[no-kind] a.zst",
                "load postgres.zst",
                "load a.zst"
            ]
        );
        manifest.archives[2].check = Some(Kind::PostgresqlDirectory);
        assert_eq!(
            expand(&manifest, &commands),
            [
                "tar -x b.zst",
                "tar -x postgres.zst",
                "[no-kind] a.zst",
                "load a.zst"
            ]
        );
    }

    #[test]
    fn a_line_about_an_archive_that_is_not_here_is_left_out() {
        assert_eq!(
            lines(&["a.zst"], &["zstd -dc globals.zst | psql", "# stop the server"]),
            ["# stop the server"]
        );
    }

    #[test]
    fn the_name_of_an_item_is_one_word_for_the_shell() {
        let mut manifest = manifest("20260131T023000Z-00000a", &[], &["%2Fsrv%2Fa%20b.db.zst"]);
        manifest.archives[0].name = Some("/srv/a b.db".to_owned());
        let filled = expand(&manifest, &["zstd -d NAME.zst -o NAME".to_owned()]);
        assert_eq!(filled, ["zstd -d %2Fsrv%2Fa%20b.db.zst -o '/srv/a b.db'"]);
        manifest.archives[0] = ArchiveRecord {
            file: "NAME.zst".to_owned(),
            name: Some("/NAME".to_owned()),
            ..manifest.archives[0].clone()
        };
        assert_eq!(
            expand(&manifest, &["zstd -d NAME.zst -o NAME".to_owned()]),
            ["zstd -d NAME.zst -o /NAME"]
        );
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("-rf"), "./-rf");
        assert_eq!(quoted("a\n'1\\\u{202e}"), "$'a\\012\\'1\\\\\\342\\200\\256'");
        assert_eq!(plain("a`\n# b"), "a'\\n# b");
    }

    #[test]
    fn what_is_needed_besides_is_told() {
        let mut manifest = manifest("20260131T023000Z-00000a", &[], &["x.zst"]);
        assert!(!restore_guide(&manifest, &[]).contains("Also needed"));
        let facts = [("also_needed.plugins", "ha_archive.so"), ("server.version", "1")];
        manifest
            .facts
            .extend(facts.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let text = restore_guide(&manifest, &[]);
        assert!(
            text.contains("\nAlso needed, and not in this backup:\n\n- plugins: ha_archive.so\n\n## Check"),
            "{text}"
        );
    }

    #[test]
    fn the_packets_that_a_large_statement_needs_are_told() {
        let mut manifest = manifest("20260131T023000Z-00000a", &[], &["x.zst", "y.zst"]);
        for (archive, bytes) in manifest.archives.iter_mut().zip(["4000000", "18874367"]) {
            archive
                .facts
                .insert(LARGEST_STATEMENT.to_owned(), bytes.to_owned());
        }
        let text = restore_guide(&manifest, &[]);
        assert!(
            text.contains("\n- max_allowed_packet of the server: at least 18875392 (SET GLOBAL max_allowed_packet = ...), for the largest statement of `y.zst`\n"),
            "{text}"
        );
        manifest.archives.truncate(1);
        assert!(!restore_guide(&manifest, &[]).contains("max_allowed_packet"));
    }

    #[test]
    fn a_legacy_script_is_told_to_say_nothing() {
        let text = restore_guide(&manifest("20260131T023000Z-00000a", &[], &["x.sql.gz"]), &[]);
        assert!(
            text.contains("sha256sum -c SHA256SUMS") && text.contains("says nothing of how to restore"),
            "{text}"
        );
    }
}
