//! The walk through the header and the table of contents of a dump. Both the custom format and the folder begin with them.

use std::collections::VecDeque;

use super::super::CheckFacts;
use super::super::definitions::Definitions;
use super::super::walk::Want;
use super::layout::{self, Field, Form, Integer, Layout, Text};
use crate::fact::FactKey;

/// The bytes before the first field.
pub(super) const PRELUDE: usize = 11;
/// Names and versions that are read; longer ones are passed over.
const TEXT_LIMIT: u64 = 512;
/// The name of a function has the types of its arguments behind it, a hundred at most.
const NAME_LIMIT: u64 = 16 << 10;
/// An entry that sets a sequence to its value.
const SEQUENCE: &[u8] = b"SEQUENCE SET";

/// One entry of the table of contents.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: i64,
    pub(super) has_data: bool,
    /// What sort of thing it is.
    pub(super) description: Vec<u8>,
    /// The name of the thing.
    name: Vec<u8>,
    schema: Vec<u8>,
    /// Its data are the text of COPY.
    is_copied: bool,
    /// The statement that sets a sequence to its value.
    definition: Vec<u8>,
    /// The file with its data, in a folder.
    pub(super) file: Vec<u8>,
    /// Where its data lie in a dump of one file, when that is known.
    pub(super) data_at: Option<u64>,
}

impl Entry {
    /// Returns the name of the table whose rows the data of this entry are.
    pub(super) fn table(&self, utf8: bool) -> Option<Box<str>> {
        let is_table = self.has_data && self.is_copied && self.description == b"TABLE DATA";
        is_table.then(|| super::rows::table_name(&self.schema, &self.name, utf8).into())
    }

    /// Returns what this entry defines: its sort, and its name, as in the key under which a script records it; of what is called with the
    /// types of its arguments.
    pub(super) fn defines(&self, utf8: bool) -> Option<(&'static str, String)> {
        let sort = match self.description.as_slice() {
            b"TABLE" | b"FOREIGN TABLE" => "table",
            b"VIEW" => "view",
            b"MATERIALIZED VIEW" => "materialized-view",
            b"SEQUENCE" => "sequence",
            b"FUNCTION" => "function",
            b"PROCEDURE" => "procedure",
            b"AGGREGATE" => "aggregate",
            _ => return None,
        };
        // A key begins with a letter: the sort is that of any.
        let key = FactKey::encoded(&format!(
            "x.{}",
            super::rows::table_name(&self.schema, &self.name, utf8)
        ))
        .ok()?;
        String::from(key)
            .strip_prefix("x.")
            .map(|name| (sort, name.to_owned()))
    }

    /// Returns the name of the sequence that this entry sets, and its value.
    pub(super) fn sequence(&self, utf8: bool) -> Option<(Box<str>, String)> {
        // SELECT pg_catalog.setval('public.t_id_seq', 42, true);
        let definition = String::from_utf8_lossy(&self.definition);
        let mut words = definition.trim_end().rsplitn(3, ", ");
        let is_called = match words.next()? {
            "true);" => "",
            "false);" => " not called",
            _ => return None,
        };
        let value: i64 = words.next()?.parse().ok()?;
        let name = super::rows::table_name(&self.schema, &self.name, utf8);
        Some((name.into(), format!("{value}{is_called}")))
    }
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Prelude,
    Field(Field),
    /// The characters of a text.
    Characters(Text),
}

/// The walk.
#[derive(Debug, Default)]
pub(super) struct Contents {
    form: Form,
    layout: Layout,
    reading: Reading,
    /// What is left to read of the header or of the present entry.
    fields: VecDeque<Field>,
    entries: u64,
    entries_left: u64,
    entry: Option<Entry>,
    /// Data are compressed by `pg_dump` itself.
    pub(super) is_compressed: bool,
    /// Names are in UTF-8.
    is_utf8: bool,
    facts: CheckFacts,
    definitions: Definitions,
}

impl Contents {
    /// Begins a walk that wants [`PRELUDE`] bytes.
    pub(super) fn new(form: Form) -> Self {
        Contents {
            form,
            ..Contents::default()
        }
    }

    /// Returns what is wanted after `taken`; nothing when the table of contents is at its end. What was found in it is given
    /// to `found`.
    pub(super) fn step(
        &mut self,
        taken: &[u8],
        found: &mut dyn FnMut(Entry, bool) -> Result<(), String>,
    ) -> Result<Option<Want>, String> {
        match self.reading {
            Reading::Prelude => {
                self.layout = Layout::parse(taken, self.form)?;
                self.facts
                    .insert("archive-version", &format!("1.{}", self.layout.minor));
                self.fields = self.layout.header();
            }
            Reading::Field(field) => {
                if let Some(want) = self.field(field, taken)? {
                    return Ok(Some(want));
                }
            }
            Reading::Characters(text) => {
                if let Some(want) = self.characters(text, taken) {
                    return Ok(Some(want));
                }
            }
        }
        self.next_field(found)
    }

    /// Tells whether the table of contents has begun.
    pub(super) fn is_past_header(&self) -> bool {
        self.entry.is_some()
    }

    /// Returns the length of a number in this dump.
    pub(super) fn integer_length(&self) -> usize {
        self.layout.length(Field::Integer(Integer::Any))
    }

    /// Returns the length of an offset in this dump.
    pub(super) fn offset_length(&self) -> usize {
        self.layout.length(Field::Offset)
    }

    /// Returns what the header and the entries told. `counts_all_rows`: whether the rows of each table with data are known.
    pub(super) fn into_facts(mut self, counts_all_rows: bool) -> CheckFacts {
        self.facts.insert_count("entries", self.entries);
        if counts_all_rows {
            self.definitions.count_all_rows();
        }
        self.facts.define(self.definitions);
        self.facts
    }

    /// Goes on with the next field or entry.
    fn next_field(
        &mut self,
        found: &mut dyn FnMut(Entry, bool) -> Result<(), String>,
    ) -> Result<Option<Want>, String> {
        loop {
            if let Some(field) = self.fields.pop_front() {
                return Ok(Some(self.want(field)));
            }
            if let Some(entry) = self.entry.take() {
                if let Some((sort, name)) = entry.defines(self.is_utf8) {
                    self.definitions.define(sort, &name);
                }
                found(entry, self.is_utf8)?;
            }
            if self.entries_left == 0 {
                return Ok(None);
            }
            self.entries_left -= 1;
            self.fields = self.layout.entry();
            self.entry = Some(Entry::default());
        }
    }

    fn want(&mut self, field: Field) -> Want {
        self.reading = Reading::Field(field);
        Want::Take(self.layout.length(field))
    }

    /// Takes a field. Returns what is wanted next, unless it is the next field.
    fn field(&mut self, field: Field, bytes: &[u8]) -> Result<Option<Want>, String> {
        match field {
            Field::Method => self.is_compressed = bytes != [0],
            Field::Offset => self.entry.get_or_insert_default().data_at = layout::offset(bytes)?,
            Field::Integer(integer) => self.integer(integer, layout::integer(bytes)?)?,
            Field::Text(text) => match layout::integer(bytes)? {
                length @ 0.. => return Ok(Some(self.text(text, length.cast_unsigned()))),
                // No text; in the list of dependencies: its end.
                -1 => {}
                length => return Err(format!("a text of {length} characters")),
            },
        }
        Ok(None)
    }

    fn text(&mut self, text: Text, length: u64) -> Want {
        self.reading = Reading::Characters(text);
        let limit = if text == Text::Name {
            NAME_LIMIT
        } else {
            TEXT_LIMIT
        };
        let wanted = match (text, &mut self.entry) {
            (Text::Any | Text::Dependency, _) => false,
            (Text::CopyStatement, Some(entry)) => {
                entry.is_copied = length > 0;
                false
            }
            (Text::Definition, Some(entry)) => {
                entry.description == b"ENCODING" || entry.description == SEQUENCE
            }
            _ => true,
        };
        if wanted && length <= limit {
            Want::Take(length as usize)
        } else {
            Want::Skip(length)
        }
    }

    fn integer(&mut self, integer: Integer, value: i64) -> Result<(), String> {
        match integer {
            Integer::Any => {}
            Integer::Level => self.is_compressed = value != 0,
            Integer::EntryCount => {
                self.entries = u64::try_from(value).map_err(|_| format!("{value} entries"))?;
                self.entries_left = self.entries;
            }
            Integer::EntryNumber => self.entry.get_or_insert_default().number = value,
            Integer::HasData => match value {
                0 | 1 => self.entry.get_or_insert_default().has_data = value == 1,
                other => return Err(format!("an entry with the mark {other} for its data")),
            },
        }
        Ok(())
    }

    /// Takes the characters of a text. Returns what is wanted next, unless it is the next field.
    fn characters(&mut self, text: Text, characters: &[u8]) -> Option<Want> {
        let mut tell = |key| {
            self.facts.insert(key, &String::from_utf8_lossy(characters));
        };
        match (text, &mut self.entry) {
            // The list goes on until a text that is none.
            (Text::Dependency, _) => return Some(self.want(Field::Text(Text::Dependency))),
            (Text::Database, _) => tell("database"),
            (Text::ServerVersion, _) => tell("server-version"),
            (Text::DumpVersion, _) => tell("dump-version"),
            (Text::Name, Some(entry)) => entry.name = characters.to_vec(),
            (Text::Description, Some(entry)) => entry.description = characters.to_vec(),
            (Text::Schema, Some(entry)) => entry.schema = characters.to_vec(),
            (Text::File, Some(entry)) => entry.file = characters.to_vec(),
            (Text::Definition, Some(entry)) if entry.description == SEQUENCE => {
                entry.definition = characters.to_vec();
            }
            (Text::Definition, Some(_)) => {
                self.is_utf8 |= characters == b"SET client_encoding = 'UTF8';\n";
            }
            _ => {}
        }
        None
    }
}
