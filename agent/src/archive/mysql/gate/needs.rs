//! What a dump needs besides rights on its one database. An account that has no others can make everything else of it.

use std::collections::BTreeSet;

use super::super::tables::ELSEWHERE;
use super::is_word;
use super::lexer::{Kind, Token, unquoted};

/// More other databases than are told of.
const DATABASES: usize = 100;
/// Engines whose tables are made of tables that the account has to be allowed to read and write, and of nothing else.
const OF_TABLES: [&str; 3] = ["MRG_MyISAM", "MRG_ISAM", "MERGE"];

/// What a dump needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// It makes views, routines, triggers or events, which name accounts.
    pub(super) programs: bool,
    /// A folder of the server.
    directory: bool,
    /// A table that is stored encrypted, or is not.
    encryption: bool,
    /// Engines that reach out of the server.
    engines: BTreeSet<&'static str>,
    /// Databases that tables name: by a foreign key, a sequence, or tables that they are made of.
    databases: BTreeSet<Vec<u8>>,
}

impl Needs {
    /// Looks at what stands behind the name in a `CREATE TABLE`.
    pub(super) fn look_at_table(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1);
            if (token.is("DATA") || token.is("INDEX")) && is_word(next, "DIRECTORY") {
                self.directory = true;
            } else if token.is("ENCRYPTION") && next.is_some_and(|next| next.is_mark(b'=')) {
                self.encryption = true;
            } else if token.is("ENGINE") {
                let is_equals = next.is_some_and(|next| next.is_mark(b'='));
                let engine = tokens.get(at + 1 + usize::from(is_equals));
                let known = ELSEWHERE.iter().find(|known| {
                    engine.is_some_and(|engine| engine.text.eq_ignore_ascii_case(known.as_bytes()))
                });
                self.engines
                    .extend(known.filter(|known| !OF_TABLES.contains(known)).copied());
            } else if token.kind == Kind::Name
                && next.is_some_and(|next| next.is_mark(b'.'))
                && self.databases.len() < DATABASES
            {
                self.databases.insert(unquoted(token.text));
            }
        }
    }

    /// Returns it as words of ours with commas between, or `none`; nothing where it names databases, whose names may hold anything.
    pub(crate) fn words(&self) -> Option<String> {
        let lines = self.lines();
        match self.databases.is_empty() {
            true if lines.is_empty() => Some("none".to_owned()),
            true => Some(lines.join(",")),
            false => None,
        }
    }

    /// Returns it as lines: `programs`, `directory`, `encryption`, `engine NAME`, `database NAME`. In a name a backslash, a tab and a line feed are
    /// `\\`, `\t` and `\n`, as the clients print them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let words = [
            (self.programs, "programs"),
            (self.directory, "directory"),
            (self.encryption, "encryption"),
        ];
        let words = words
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| (*word).to_owned());
        let engines = self.engines.iter().map(|engine| format!("engine {engine}"));
        let databases = self.databases.iter().map(|name| {
            let name = String::from_utf8_lossy(name);
            let name = name
                .replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n");
            format!("database {name}")
        });
        words.chain(engines).chain(databases).collect()
    }
}
