//! Completeness of `pg_dump -Fc`: the walk through the header, the table of contents and every block of data, to the
//! last byte. `pg_restore --list` is no check: it reads only the table of contents, which stands in front.

mod layout;

use std::collections::{HashSet, VecDeque};

use super::walk::{Format, Walker, Want};
use super::{CheckFacts, StreamCheck};
use layout::{Field, Integer, Layout, Text};

const PRELUDE: usize = 11;
/// Entries with data are remembered, four bytes each, until their data have passed.
const ENTRY_LIMIT: usize = 4_000_000;
/// Names and versions that become facts; longer ones are passed over.
const FACT_LIMIT: u64 = 256;

/// Types of blocks. Type 2, one large object, is not written since PostgreSQL 7.1.
const BLOCK_DATA: u8 = 1;
const BLOCK_LARGE_OBJECTS: u8 = 3;

/// Returns the check of one dump.
pub(super) fn postgresql_check() -> Box<dyn StreamCheck> {
    Box::new(Walker::new(Dump::default(), Want::Take(PRELUDE)))
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Prelude,
    Field(Field),
    /// The characters of a text.
    Characters(Text),
    BlockType,
    Chunk,
}

/// In which part of the dump the walk is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Header,
    Contents,
    Data,
    LargeObjects,
}

/// The walk through one dump.
#[derive(Default)]
struct Dump {
    layout: Layout,
    reading: Reading,
    part: Part,
    /// What is left to read of the header or of the present entry.
    fields: VecDeque<Field>,
    entries: u64,
    entries_left: u64,
    /// The entry that is read.
    entry: i64,
    /// Entries whose data have not passed yet.
    owed: HashSet<u32>,
    blocks: u64,
    large_objects: u64,
    facts: CheckFacts,
}

impl Dump {
    fn prelude(&mut self, bytes: &[u8]) -> Result<Want, String> {
        self.layout = Layout::parse(bytes)?;
        self.facts
            .insert("archive-version", &format!("1.{}", self.layout.minor));
        self.fields = self.layout.header();
        self.next_field()
    }

    /// Goes on with the next field, entry or block.
    fn next_field(&mut self) -> Result<Want, String> {
        if let Some(field) = self.fields.pop_front() {
            return Ok(self.want(field));
        }
        if self.entries_left > 0 {
            self.entries_left -= 1;
            self.fields = self.layout.entry();
            return self.next_field();
        }
        self.part = Part::Data;
        self.reading = Reading::BlockType;
        // With data missing a dump may not end here, and the message tells so.
        Ok(if self.owed.is_empty() {
            Want::TakeOrEnd(1)
        } else {
            Want::Take(1)
        })
    }

    fn want(&mut self, field: Field) -> Want {
        self.reading = Reading::Field(field);
        Want::Take(self.layout.length(field))
    }

    fn field(&mut self, field: Field, bytes: &[u8]) -> Result<Want, String> {
        match field {
            Field::Byte => self.next_field(),
            Field::Offset => {
                layout::check_offset(bytes)?;
                self.next_field()
            }
            Field::Text(text) => match layout::integer(bytes)? {
                length @ 0.. => {
                    self.reading = Reading::Characters(text);
                    let length = length.cast_unsigned();
                    let wanted = text != Text::Any && length <= FACT_LIMIT;
                    Ok(if wanted {
                        Want::Take(length as usize)
                    } else {
                        Want::Skip(length)
                    })
                }
                // No text; in the list of dependencies: its end.
                -1 => self.next_field(),
                length => Err(format!("a text of {length} characters")),
            },
            Field::Integer(integer) => self.integer(integer, layout::integer(bytes)?),
        }
    }

    fn integer(&mut self, integer: Integer, value: i64) -> Result<Want, String> {
        match integer {
            Integer::Any => self.next_field(),
            Integer::EntryCount => {
                self.entries = u64::try_from(value).map_err(|_| format!("{value} entries"))?;
                self.entries_left = self.entries;
                self.part = Part::Contents;
                self.next_field()
            }
            Integer::EntryId => {
                self.entry = value;
                self.next_field()
            }
            Integer::HasData => {
                match value {
                    0 => {}
                    1 => self.owe()?,
                    other => return Err(format!("an entry with the mark {other} for its data")),
                }
                self.next_field()
            }
            Integer::BlockId => {
                let known = u32::try_from(value).is_ok_and(|entry| self.owed.remove(&entry));
                if !known {
                    return Err(format!(
                        "data of entry {value}, which has none, or had them before"
                    ));
                }
                self.blocks += 1;
                Ok(self.want(match self.part {
                    Part::LargeObjects => Field::Integer(Integer::LargeObject),
                    _ => Field::Integer(Integer::ChunkLength),
                }))
            }
            Integer::LargeObject if value == 0 => self.next_field(),
            Integer::LargeObject => {
                self.large_objects += 1;
                Ok(self.want(Field::Integer(Integer::ChunkLength)))
            }
            Integer::ChunkLength if value == 0 => match self.part {
                Part::LargeObjects => Ok(self.want(Field::Integer(Integer::LargeObject))),
                _ => self.next_field(),
            },
            Integer::ChunkLength => {
                let length = u64::try_from(value).map_err(|_| format!("a chunk of {value} bytes"))?;
                self.reading = Reading::Chunk;
                Ok(Want::Skip(length))
            }
        }
    }

    /// Remembers that the present entry has data.
    fn owe(&mut self) -> Result<(), String> {
        let entry =
            u32::try_from(self.entry).map_err(|_| format!("an entry with the number {}", self.entry))?;
        if self.owed.len() == ENTRY_LIMIT {
            return Err(format!("more than {ENTRY_LIMIT} entries with data"));
        }
        if !self.owed.insert(entry) {
            return Err(format!("two entries with the number {entry}"));
        }
        Ok(())
    }

    fn characters(&mut self, text: Text, characters: &[u8]) -> Result<Want, String> {
        let key = match text {
            Text::Any => None,
            Text::Dependency => {
                // The list goes on until a text that is none.
                return Ok(self.want(Field::Text(Text::Dependency)));
            }
            Text::Database => Some("database"),
            Text::ServerVersion => Some("server-version"),
            Text::DumpVersion => Some("dump-version"),
        };
        if let Some(key) = key {
            self.facts.insert(key, &String::from_utf8_lossy(characters));
        }
        self.next_field()
    }
}

impl Format for Dump {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        match self.reading {
            Reading::Prelude => self.prelude(taken),
            Reading::Field(field) => self.field(field, taken),
            Reading::Characters(text) => self.characters(text, taken),
            Reading::Chunk => Ok(self.want(Field::Integer(Integer::ChunkLength))),
            Reading::BlockType => {
                self.part = match taken {
                    [BLOCK_DATA] => Part::Data,
                    [BLOCK_LARGE_OBJECTS] => Part::LargeObjects,
                    other => return Err(format!("a block of an unknown type ({})", other.escape_ascii())),
                };
                Ok(self.want(Field::Integer(Integer::BlockId)))
            }
        }
    }

    fn part(&self) -> &'static str {
        match (self.part, self.reading) {
            (Part::Header, _) => "its header",
            (Part::Contents, _) => "its table of contents",
            (_, Reading::BlockType) => {
                "front of the data of an entry that is listed in its table of contents"
            }
            (Part::Data, _) => "the data of a table",
            (Part::LargeObjects, _) => "the large objects",
        }
    }

    fn finish(mut self, _total: u64) -> Result<CheckFacts, String> {
        self.facts.insert_count("entries", self.entries);
        self.facts.insert_count("data-blocks", self.blocks);
        self.facts.insert_count("large-objects", self.large_objects);
        Ok(self.facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fixtures::{check, every_cut_is_incomplete, fixture};

    const DUMPS: [&str; 4] = [
        "postgresql-piped.dump",
        "postgresql-seekable.dump",
        "postgresql-uncompressed.dump",
        "postgresql-schema.dump",
    ];

    #[test]
    fn dumps_through_a_pipe_and_into_a_file_are_complete() {
        for name in DUMPS {
            let facts =
                check(Kind::Postgresql, &fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(facts.get("database"), Some("app"), "{name}");
            assert_eq!(
                facts.get("server-version"),
                Some("15.18 (Debian 15.18-0+deb12u1)")
            );
            assert_eq!(facts.get("archive-version"), Some("1.14"));
            let (blocks, objects) = if name.contains("schema") {
                ("0", "0")
            } else {
                ("4", "2")
            };
            assert_eq!(facts.get("data-blocks"), Some(blocks), "{name}");
            assert_eq!(facts.get("large-objects"), Some(objects), "{name}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        for name in DUMPS {
            every_cut_is_incomplete(Kind::Postgresql, &fixture(name));
        }
    }

    #[test]
    fn what_follows_the_end_is_noticed() {
        for (tail, name) in [b"\n".as_slice(), b"\0", b"\x01", b"garbage"]
            .into_iter()
            .zip(DUMPS)
        {
            let mut dump = fixture(name);
            dump.extend_from_slice(tail);
            check(Kind::Postgresql, &dump).unwrap_err();
        }
    }

    #[test]
    fn other_formats_are_refused_with_their_reason() {
        let refusal = |offset: usize, byte: u8| {
            let mut dump = fixture("postgresql-piped.dump");
            dump[offset] = byte;
            check(Kind::Postgresql, &dump).unwrap_err()
        };
        assert!(refusal(0, b'p').contains("does not begin with `PGDMP`"));
        assert!(refusal(5, 2).contains("version 2.14"));
        assert!(refusal(6, 99).contains("version 1.99"));
        assert!(refusal(10, 3).contains("custom format"));
    }

    /// The two layouts that newer programs write: the dump of PostgreSQL 15 rewritten field by field.
    #[test]
    fn the_layouts_of_postgresql_16_to_18_are_walked() {
        for minor in [15, 16] {
            let dump = super::layout::rewritten(&fixture("postgresql-uncompressed.dump"), minor);
            let facts = check(Kind::Postgresql, &dump).unwrap();
            assert_eq!(facts.get("archive-version"), Some(format!("1.{minor}").as_str()));
            assert_eq!(facts.get("data-blocks"), Some("4"));
            check(Kind::Postgresql, &dump[..dump.len() - 1]).unwrap_err();
        }
    }
}
