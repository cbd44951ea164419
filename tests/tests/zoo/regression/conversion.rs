//! Files of MariaDB's regression suite, turned into what leaves as much behind as it can.
//!
//! They clean up after themselves, and what they drop nobody can restore. So a `DROP` of what is not made again is left out; before the
//! others what is there stays behind, in a database of its own or under another name. What would reach beyond the databases of the file
//! (the host, settings of the server, its own tables, the account of the tests) is left out and counted.

mod names;

use std::collections::BTreeMap;

use names::{beside, is_made, makes, names_of, own_names};

/// As many databases one file may have, and as many tables under another name.
const CHAPTERS: usize = 4;
const KEPT: usize = 12;

/// A file as it is run.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) text: Vec<u8>,
    /// The databases that its chapters are in, the first of which is there already.
    pub(super) databases: Vec<String>,
    /// What was left out, by kind.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

/// Converts a file whose database has this name; one that others include has none, and stays in theirs.
pub(super) fn convert(text: &[u8], name: Option<&str>) -> Converted {
    // A byte is a letter here: the files are in many encodings.
    let letters: String = text.iter().map(|byte| char::from(*byte)).collect();
    let mut conversion = Conversion {
        rest: &letters,
        delimiter: ";".to_owned(),
        depth: 0,
        // Objects that refer to each other can only stay together.
        has_chapters: name.is_some()
            && ["view", "procedure", "function", "trigger", "event"]
                .iter()
                .any(|word| makes(&letters, word)),
        has_made: false,
        kept: 0,
        name,
        own_names: own_names(&letters),
        converted: Converted {
            text: Vec::new(),
            databases: name.into_iter().map(str::to_owned).collect(),
            left_out: BTreeMap::new(),
        },
    };
    while conversion.step() {}
    conversion.converted
}

struct Conversion<'a> {
    rest: &'a str,
    delimiter: String,
    /// How many blocks of `if` and `while` are open.
    depth: usize,
    has_chapters: bool,
    /// Whether anything was made in this chapter.
    has_made: bool,
    kept: usize,
    name: Option<&'a str>,
    /// Databases that the file makes.
    own_names: Vec<String>,
    converted: Converted,
}

/// What becomes of a command.
enum Fate {
    Kept,
    Replaced(String),
    LeftOut(&'static str),
}

impl<'a> Conversion<'a> {
    /// Takes a command, with the blanks and comments before it.
    fn step(&mut self) -> bool {
        let trimmed = self.rest.trim_start();
        let (blank, trimmed) = self.rest.split_at(self.rest.len() - trimmed.len());
        self.put(blank);
        self.rest = trimmed;
        if trimmed.is_empty() {
            return false;
        }
        let line_end = trimmed.find('\n').unwrap_or(trimmed.len());
        if trimmed.starts_with('#') {
            self.take(line_end);
        } else if trimmed.starts_with('}') {
            self.depth = self.depth.saturating_sub(1);
            self.take(1);
        } else if let Some(line) = trimmed[..line_end].strip_prefix("--") {
            self.rest = &trimmed[line_end..];
            self.command(&trimmed[..line_end], line.trim(), "");
        } else {
            let (length, ends_in_block) = self.length(trimmed);
            let whole = &trimmed[..length];
            self.rest = &trimmed[length..];
            if ends_in_block {
                self.depth += 1;
                self.put(whole);
            } else {
                let delimiter = self.delimiter.clone();
                let body = whole.strip_suffix(delimiter.as_str()).unwrap_or(whole);
                self.command(whole, body.trim(), &delimiter);
            }
        }
        true
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.put(taken);
        self.rest = rest;
    }

    fn put(&mut self, text: &str) {
        let renamed = self.in_own_databases(text);
        self.converted.text.extend(
            renamed
                .chars()
                .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')),
        );
    }

    /// Returns how long the command is with its delimiter, or up to the `{` of a block, and which of both.
    fn length(&self, text: &str) -> (usize, bool) {
        let opens_block = ["if", "while"].iter().any(|word| {
            text.get(..word.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
                && text[word.len()..].trim_start().starts_with(['(', '{'])
        });
        let mut quote = None;
        let mut is_escaped = false;
        for (at, letter) in text.char_indices() {
            if let Some(open) = quote {
                if is_escaped {
                    is_escaped = false;
                } else if letter == '\\' && open != '`' {
                    is_escaped = true;
                } else if letter == open {
                    quote = None;
                }
            } else if opens_block && letter == '{' {
                return (at + 1, true);
            } else if !opens_block && text[at..].starts_with(&self.delimiter) {
                return (at + self.delimiter.len(), false);
            } else if matches!(letter, '\'' | '"' | '`') {
                quote = Some(letter);
            }
        }
        (text.len(), false)
    }

    fn command(&mut self, whole: &str, body: &str, delimiter: &str) {
        let words = plain(body);
        let first = words.split([' ', '(']).next().unwrap_or_default();
        if first == "delimiter" {
            body.split_whitespace()
                .nth(1)
                .unwrap_or(";")
                .clone_into(&mut self.delimiter);
            self.put(whole);
            return;
        }
        // What follows up to a line of its own belongs to these.
        if ["perl", "write_file", "append_file"].contains(&first) {
            let last = body.split_whitespace().last().filter(|last| {
                last.chars()
                    .all(|letter| letter.is_ascii_uppercase() || letter == '_')
            });
            let end = format!("\n{}\n", last.unwrap_or("EOF"));
            let length = self.rest.find(&end).map_or(self.rest.len(), |at| at + end.len());
            self.rest = &self.rest[length..];
        }
        match self.fate(&words, body) {
            Fate::Kept => {
                self.has_made |= words.starts_with("create ");
                self.put(whole);
            }
            Fate::Replaced(statement) => self.put(&(statement + delimiter)),
            Fate::LeftOut(kind) => *self.converted.left_out.entry(kind).or_default() += 1,
        }
    }

    fn fate(&mut self, words: &str, body: &str) -> Fate {
        if let Some(kind) = out_of_bounds(words) {
            return Fate::LeftOut(kind);
        }
        let Some(dropped) = words.strip_prefix("drop ") else {
            return Fate::Kept;
        };
        let kind = dropped.split(' ').next().unwrap_or_default();
        let is_object = [
            "table",
            "tables",
            "view",
            "sequence",
            "procedure",
            "function",
            "package",
            "trigger",
            "event",
            "user",
            "role",
        ]
        .contains(&kind);
        if ["database", "schema", "server"].contains(&kind) {
            return Fate::LeftOut("DROP");
        } else if !is_object {
            return Fate::Kept;
        }
        let names = names_of(body, kind);
        let again: Vec<&String> = names.iter().filter(|name| is_made(self.rest, name)).collect();
        if again.is_empty() || !self.has_made {
            return Fate::LeftOut("DROP");
        }
        if ["user", "role"].contains(&kind) {
            return Fate::Kept;
        }
        if self.has_chapters && self.depth == 0 && self.converted.databases.len() < CHAPTERS {
            let database = format!(
                "{}_{}",
                self.name.unwrap_or_default(),
                self.converted.databases.len() + 1
            );
            self.converted.databases.push(database.clone());
            self.has_made = false;
            return Fate::Replaced(format!(
                "CREATE DATABASE {database}{0}\nUSE {database}",
                self.delimiter
            ));
        }
        if !self.has_chapters && ["table", "tables", "sequence"].contains(&kind) && self.kept < KEPT {
            self.kept += 1;
            let renamed = again
                .iter()
                .map(|name| format!("{name} TO {}", beside(name, self.kept)));
            let renamed: Vec<String> = renamed.collect();
            let eval = if body.trim_start().to_ascii_lowercase().starts_with("eval") {
                "eval "
            } else {
                ""
            };
            return Fate::Replaced(format!("{eval}RENAME TABLE IF EXISTS {}", renamed.join(", ")));
        }
        Fate::Kept
    }

    /// Returns a text with the database `test`, and those that the file makes, under the names of this file.
    fn in_own_databases(&self, text: &str) -> String {
        let (Some(name), Some(current)) = (self.name, self.converted.databases.last()) else {
            return text.to_owned();
        };
        let mut renamed = String::new();
        let mut at = 0;
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_$".contains(letter);
        while at < text.len() {
            let rest = &text[at..];
            let length = rest.find(|letter| !is_letter(letter)).unwrap_or(rest.len());
            if length == 0 {
                let letter = rest.chars().next().unwrap_or_default();
                renamed.push(letter);
                at += letter.len_utf8();
                continue;
            }
            let (word, after) = rest.split_at(length);
            if word.eq_ignore_ascii_case("test") && is_database(&text[..at], after) {
                renamed += current;
            } else if self.own_names.iter().any(|own| own == word) {
                renamed += &format!("{name}_{word}");
            } else {
                renamed += word;
            }
            at += length;
        }
        renamed
    }
}

/// Whether `test` between these is the name of a database.
fn is_database(before: &str, after: &str) -> bool {
    let last = before.chars().next_back().unwrap_or(' ');
    if "/.-@".contains(last) {
        return false;
    }
    if "'\"`".contains(last) {
        return after.starts_with(last);
    }
    let before = before.trim_end().to_ascii_lowercase();
    let follows = |word: &str| before.ends_with(word);
    after.starts_with('.') && !after.starts_with(".test") && !after.starts_with(".inc")
        || follows("use")
        || follows("database")
        || follows("schema")
        || follows(",")
            && before
                .rsplit('\n')
                .next()
                .is_some_and(|line| line.trim_start_matches('-').trim_start().starts_with("connect"))
}

/// What reaches beyond the databases of the file.
fn out_of_bounds(words: &str) -> Option<&'static str> {
    let first = words.split([' ', '(', ';']).next().unwrap_or_default();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|begin| words.starts_with(begin));
    const HOST: [&str; 24] = [
        "perl",
        "write_file",
        "append_file",
        "exec",
        "exec_in_background",
        "system",
        "remove_file",
        "remove_files_wildcard",
        "copy_file",
        "copy_files_wildcard",
        "move_file",
        "mkdir",
        "rmdir",
        "chmod",
        "cat_file",
        "diff_files",
        "list_files",
        "list_files_write_file",
        "list_files_append_file",
        "shutdown_server",
        "send_quit",
        "send_shutdown",
        "sleep",
        "real_sleep",
    ];
    if HOST.contains(&first) {
        return Some("commands to the host");
    }
    const SERVER: [&str; 15] = [
        "install",
        "uninstall",
        "shutdown",
        "flush",
        "kill",
        "reset",
        "purge",
        "change",
        "start slave",
        "stop slave",
        "start replica",
        "stop replica",
        "start all",
        "backup",
        "xa",
    ];
    let sets_global = begins(&["set "])
        && (words.contains("global ") || words.contains("@@global.") || words.contains("persist"));
    if begins(&SERVER) || sets_global {
        return Some("what changes the server");
    }
    if words.contains("into outfile")
        || words.contains("into dumpfile")
        || words.contains("load data")
        || words.contains("load xml")
    {
        return Some("files");
    }
    if words.contains("data directory") || words.contains("index directory") {
        return Some("folders elsewhere");
    }
    const WRITES: [&str; 9] = [
        "insert", "update", "delete", "replace", "alter", "drop", "truncate", "rename", "create",
    ];
    if words == "use mysql"
        || WRITES.contains(&first) && (words.contains("mysql.") || words.contains("performance_schema."))
    {
        return Some("tables of the server");
    }
    const OF_ACCOUNTS: [&str; 10] = [
        "grant",
        "revoke",
        "drop user",
        "rename user",
        "alter user",
        "create user",
        "create or replace user",
        "set password",
        "set default role",
        "drop role",
    ];
    let is_of_tests = words.contains("root") || words.contains("current_user");
    let sets_own_password = words.contains("set password") && !words.contains(" for ");
    if begins(&OF_ACCOUNTS) && is_of_tests || sets_own_password {
        return Some("the account of the tests");
    }
    if begins(&["truncate"]) || begins(&["delete from "]) && !words.contains(" where ") {
        return Some("what empties a table");
    }
    begins(&["create or replace database", "create or replace schema"]).then_some("DROP")
}

/// Returns a command in small letters, with one blank between words, without what only says how it is sent.
fn plain(body: &str) -> String {
    let mut words = body
        .to_ascii_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    loop {
        let before = words.len();
        for way in [
            "eval ",
            "evalp ",
            "send ",
            "send_eval ",
            "query ",
            "query_vertical ",
            "query_horizontal ",
        ] {
            if let Some(rest) = words.strip_prefix(way) {
                words = rest.to_owned();
            }
        }
        if words.starts_with("/*")
            && !words.starts_with("/*!")
            && let Some(end) = words.find("*/")
        {
            words = words[end + 2..].trim_start().to_owned();
        }
        if words.len() == before {
            return words;
        }
    }
}

#[cfg(test)]
mod tests;
