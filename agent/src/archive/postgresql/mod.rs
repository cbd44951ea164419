//! Completeness of `pg_dump -Fc`: the walk through the header, the table of contents and every block of data, to the
//! last byte. `pg_restore --list` is no check: it reads only the table of contents, which stands in front.

mod contents;
mod directory;
mod layout;
mod places;
mod rows;

use std::collections::HashMap;

use super::walk::{Format, Walker, Want};
use super::{CheckFacts, StreamCheck};
use contents::{Contents, Entry};
pub(super) use directory::directory_check;
pub(crate) use places::{Places, check_places};
use rows::{Known, Rows, TABLES_LIMIT};

/// Entries with data are remembered, a few bytes each, until their data have passed.
const ENTRY_LIMIT: usize = 4_000_000;

/// Types of blocks. Type 2, one large object, is not written since PostgreSQL 7.1.
const BLOCK_DATA: u8 = 1;
const BLOCK_LARGE_OBJECTS: u8 = 3;

/// Returns the check of one dump.
pub(super) fn postgresql_check() -> Box<dyn StreamCheck> {
    Box::new(Walker::new(Dump::default(), Want::Take(contents::PRELUDE)))
}

/// Returns the check of one dump that also tells where the data of each entry lie.
pub(super) fn postgresql_placing_check() -> Box<dyn StreamCheck> {
    let dump = Dump {
        places: Some(Places::default()),
        ..Dump::default()
    };
    Box::new(Walker::new(dump, Want::Take(contents::PRELUDE)))
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Contents,
    BlockType,
    BlockNumber,
    LargeObject,
    ChunkLength,
    Chunk,
}

/// The type of the present block.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    #[default]
    Data,
    LargeObjects,
}

/// The walk through one dump.
#[derive(Default)]
struct Dump {
    contents: Contents,
    reading: Reading,
    /// How many bytes lie in front of what is wanted next.
    position: u64,
    block: Block,
    owed: Owed,
    blocks: u64,
    large_objects: u64,
    /// The table whose data pass, and its rows so far.
    counted: Option<(Box<str>, Rows)>,
    tables: Known<u64>,
    sequences: Known<String>,
    /// Where data lie, when that is asked for.
    places: Option<Places>,
}

/// An entry whose data have not passed yet.
struct Owing {
    /// The table, when its rows can be counted.
    table: Option<Box<str>>,
    /// Where its offset begins in the table of contents.
    offset_at: u64,
}

/// Entries whose data have not passed yet.
#[derive(Default)]
struct Owed {
    entries: HashMap<u32, Owing>,
    names: usize,
}

impl Owed {
    fn insert(&mut self, entry: &Entry, is_utf8: bool, offset_at: u64) -> Result<(), String> {
        let number =
            u32::try_from(entry.number).map_err(|_| format!("an entry with the number {}", entry.number))?;
        if self.entries.len() == ENTRY_LIMIT {
            return Err(format!("more than {ENTRY_LIMIT} entries with data"));
        }
        // One name beyond the bound, so that it is known to be passed.
        let table = if self.names <= TABLES_LIMIT {
            entry.table(is_utf8)
        } else {
            None
        };
        self.names += usize::from(table.is_some());
        if self.entries.insert(number, Owing { table, offset_at }).is_some() {
            return Err(format!("two entries with the number {number}"));
        }
        Ok(())
    }
}

impl Dump {
    fn contents(&mut self, taken: &[u8]) -> Result<Want, String> {
        let (owed, sequences) = (&mut self.owed, &mut self.sequences);
        // The last field of an entry is its offset: that was taken when an entry is found.
        let offset_at = self.position - taken.len() as u64;
        let next = self.contents.step(taken, &mut |entry, is_utf8| {
            if entry.has_data {
                owed.insert(&entry, is_utf8, offset_at)?;
            }
            if let Some((name, value)) = entry.sequence(is_utf8) {
                sequences.insert(name, value);
            }
            Ok(())
        })?;
        Ok(next.unwrap_or_else(|| self.next_block()))
    }

    fn next_block(&mut self) -> Want {
        self.reading = Reading::BlockType;
        // With data missing a dump may not end here, and the message tells so.
        if self.owed.entries.is_empty() {
            Want::TakeOrEnd(1)
        } else {
            Want::Take(1)
        }
    }

    /// Wants a number.
    fn number(&mut self, reading: Reading) -> Want {
        self.reading = reading;
        Want::Take(self.contents.integer_length())
    }

    fn block(&mut self, number: i64) -> Result<Want, String> {
        let owed = u32::try_from(number)
            .ok()
            .and_then(|number| self.owed.entries.remove(&number));
        let Some(Owing { table, offset_at }) = owed else {
            return Err(format!(
                "data of entry {number}, which has none, or had them before"
            ));
        };
        self.blocks += 1;
        if let Some(places) = &mut self.places {
            // Its number was taken, and its type in front of that.
            let data_at = self.position - self.contents.integer_length() as u64 - 1;
            places.add(offset_at, data_at);
        }
        self.counted = table
            .filter(|_| !self.contents.is_compressed)
            .map(|table| (table, Rows::new()));
        Ok(self.number(match self.block {
            Block::LargeObjects => Reading::LargeObject,
            Block::Data => Reading::ChunkLength,
        }))
    }

    fn chunk(&mut self, length: i64) -> Result<Want, String> {
        if length != 0 {
            let length = u64::try_from(length).map_err(|_| format!("a chunk of {length} bytes"))?;
            self.reading = Reading::Chunk;
            return Ok(Want::Skip(length));
        }
        if self.block == Block::LargeObjects {
            return Ok(self.number(Reading::LargeObject));
        }
        if let Some((table, rows)) = self.counted.take()
            && let Some(count) = rows.count()
        {
            self.tables.insert(table, count);
        }
        Ok(self.next_block())
    }
}

impl Dump {
    fn next(&mut self, taken: &[u8]) -> Result<Want, String> {
        match self.reading {
            Reading::Contents => self.contents(taken),
            Reading::BlockType => {
                self.block = match taken {
                    [BLOCK_DATA] => Block::Data,
                    [BLOCK_LARGE_OBJECTS] => Block::LargeObjects,
                    other => return Err(format!("a block of an unknown type ({})", other.escape_ascii())),
                };
                Ok(self.number(Reading::BlockNumber))
            }
            Reading::BlockNumber => self.block(layout::integer(taken)?),
            Reading::LargeObject if layout::integer(taken)? == 0 => Ok(self.next_block()),
            Reading::LargeObject => {
                self.large_objects += 1;
                Ok(self.number(Reading::ChunkLength))
            }
            Reading::ChunkLength => self.chunk(layout::integer(taken)?),
            Reading::Chunk => Ok(self.number(Reading::ChunkLength)),
        }
    }
}

impl Format for Dump {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        self.position += taken.len() as u64;
        let want = self.next(taken)?;
        if let Want::Skip(length) = want {
            // It has passed when the next step is made.
            self.position = self.position.saturating_add(length);
        }
        Ok(want)
    }

    fn passing(&mut self, content: &[u8]) {
        if let (Reading::Chunk, Some((_, rows))) = (self.reading, &mut self.counted) {
            rows.feed(content);
        }
    }

    fn part(&self) -> &'static str {
        match (self.reading, self.block) {
            (Reading::Contents, _) if self.contents.is_past_header() => "its table of contents",
            (Reading::Contents, _) => "its header",
            (Reading::BlockType, _) => {
                "front of the data of an entry that is listed in its table of contents"
            }
            (_, Block::Data) => "the data of a table",
            (_, Block::LargeObjects) => "the large objects",
        }
    }

    fn finish(self, _total: u64) -> Result<CheckFacts, String> {
        let offset_width = self.contents.offset_length();
        let counts_all_rows = self.tables.len() == self.owed.names && self.tables.len() <= TABLES_LIMIT;
        let mut facts = self.contents.into_facts(counts_all_rows);
        facts.insert_count("data-blocks", self.blocks);
        facts.insert_count("large-objects", self.large_objects);
        facts.insert_content_total("large-objects", self.large_objects);
        self.tables.tell("rows", &mut facts);
        self.sequences.tell("sequence-value", &mut facts);
        if let Some(places) = self.places {
            facts.place(places.with_width(offset_width));
        }
        Ok(facts)
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
    fn the_rows_of_each_table_are_counted_where_they_are_not_compressed() {
        let content = |name: &str| {
            let facts = check(Kind::Postgresql, &fixture(name)).unwrap();
            let content = facts.content().clone();
            content
                .into_iter()
                .map(|(key, value)| format!("{key} {value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            content("postgresql-uncompressed.dump"),
            [
                "large-objects 2",
                "rows.public.empty 0",
                "rows.public.t 300",
                "rows.s.u 1",
                "sequence-value.public.q 1"
            ]
        );
        assert_eq!(
            content("postgresql-piped.dump"),
            ["large-objects 2", "sequence-value.public.q 1"]
        );
        assert_eq!(content("postgresql-schema.dump"), ["large-objects 0"]);
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
