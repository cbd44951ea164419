//! The order of fields in the custom format of `pg_dump`, by its version (PostgreSQL, `src/bin/pg_dump/pg_backup_archiver.c`:
//! `ReadHead`, `ReadToc`; `pg_backup_custom.c`: `_ReadExtraToc`). Version 1.10 came with PostgreSQL 8.0, 1.16 with 17.

use std::collections::VecDeque;

/// The versions whose order of fields is known.
const MINORS: std::ops::RangeInclusive<u8> = 10..=16;

/// What a dump is, by the byte that says so. That of a folder says tar, so that a tar of it can be read too.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One file: after the table of contents come the data.
    #[default]
    Custom = 1,
    /// A folder: this file is the table of contents, and names the files of data beside it.
    Directory = 3,
}

/// One thing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// How data are compressed, since version 1.15: the number of a method.
    Method,
    Integer(Integer),
    /// A length, then the characters.
    Text(Text),
    /// Where the data of an entry lie in a custom dump: a mark and a position.
    Offset,
}

/// What an integer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Any,
    /// How data are compressed, before version 1.15: the level.
    Level,
    EntryCount,
    EntryNumber,
    HasData,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Any,
    Database,
    ServerVersion,
    DumpVersion,
    Name,
    Description,
    Definition,
    CopyStatement,
    Schema,
    /// Where the data of an entry lie in a folder: the name of a file, or nothing.
    File,
    /// One of a list that ends with a text that is none.
    Dependency,
}

/// The version and the sizes that the first bytes of a dump give.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Layout {
    pub(super) minor: u8,
    pub(super) form: Form,
    integer: usize,
    offset: usize,
}

impl Layout {
    /// Reads the first eleven bytes: magic, version, sizes, format.
    pub(super) fn parse(bytes: &[u8], form: Form) -> Result<Layout, String> {
        let &[
            b'P',
            b'G',
            b'D',
            b'M',
            b'P',
            major,
            minor,
            _,
            integer,
            offset,
            format,
        ] = bytes
        else {
            return Err("it does not begin with `PGDMP`".to_owned());
        };
        if major != 1 || !MINORS.contains(&minor) {
            return Err(format!(
                "it has version {major}.{minor} of the format, known are 1.10 to 1.16"
            ));
        }
        if format != form as u8 {
            return Err(match form {
                Form::Custom => "it is not in the custom format\nhint: dump with -Fc".to_owned(),
                Form::Directory => "it is not of the directory format\nhint: dump with -Fd".to_owned(),
            });
        }
        if !(1..=8).contains(&integer) || !(1..=8).contains(&offset) {
            return Err(format!("its numbers have {integer} and {offset} bytes"));
        }
        Ok(Layout {
            minor,
            form,
            integer: usize::from(integer),
            offset: usize::from(offset),
        })
    }

    /// Returns how many bytes a field has; of a text, its length only.
    pub(super) fn length(self, field: Field) -> usize {
        match field {
            Field::Method => 1,
            Field::Integer(_) | Field::Text(_) => 1 + self.integer,
            Field::Offset => 1 + self.offset,
        }
    }

    /// Returns the fields from the first eleven bytes to the entries.
    pub(super) fn header(self) -> VecDeque<Field> {
        let compression = if self.minor >= 15 {
            Field::Method
        } else {
            Field::Integer(Integer::Level)
        };
        let mut fields = VecDeque::from([compression]);
        // Second, minute, hour, day, month, year, daylight saving time.
        fields.extend([Field::Integer(Integer::Any); 7]);
        fields.extend([Text::Database, Text::ServerVersion, Text::DumpVersion].map(Field::Text));
        fields.push_back(Field::Integer(Integer::EntryCount));
        fields
    }

    /// Returns the fields of one entry of the table of contents.
    pub(super) fn entry(self) -> VecDeque<Field> {
        let text = Field::Text(Text::Any);
        let mut fields = VecDeque::from([
            Field::Integer(Integer::EntryNumber),
            Field::Integer(Integer::HasData),
        ]);
        // Catalogue, object, tag, description.
        fields.extend([Text::Any, Text::Any, Text::Name, Text::Description].map(Field::Text));
        if self.minor >= 11 {
            fields.push_back(Field::Integer(Integer::Any)); // section
        }
        // The second is the drop statement, the last one the tablespace.
        let middle = [
            Text::Definition,
            Text::Any,
            Text::CopyStatement,
            Text::Schema,
            Text::Any,
        ];
        fields.extend(middle.map(Field::Text));
        if self.minor >= 14 {
            fields.push_back(text); // access method
        }
        if self.minor >= 16 {
            fields.push_back(Field::Integer(Integer::Any)); // kind of relation
        }
        // Owner, and whether there are OIDs.
        fields.extend([text; 2]);
        fields.push_back(Field::Text(Text::Dependency));
        fields.push_back(match self.form {
            Form::Custom => Field::Offset,
            Form::Directory => Field::Text(Text::File),
        });
        fields
    }
}

/// Reads an integer: a byte for the sign, then the amount, lowest byte first.
pub(super) fn integer(bytes: &[u8]) -> Result<i64, String> {
    let (sign, amount) = bytes.split_first().ok_or("a number without bytes")?;
    let amount = amount
        .iter()
        .rev()
        .fold(0u64, |amount, byte| (amount << 8) | u64::from(*byte));
    let amount = i64::try_from(amount).map_err(|_| "a number that is too large")?;
    match sign {
        0 => Ok(amount),
        1 => Ok(-amount),
        other => Err(format!("a number with the sign {other}")),
    }
}

/// The marks of an offset: through a pipe it is not known; an entry without data has none.
const OFFSET_UNKNOWN: u8 = 1;
const OFFSET_KNOWN: u8 = 2;
const OFFSET_OF_NOTHING: u8 = 3;

/// Reads an offset: its mark, then the position, lowest byte first. None where no position is known.
pub(super) fn offset(bytes: &[u8]) -> Result<Option<u64>, String> {
    let (mark, position) = bytes.split_first().ok_or("a position without bytes")?;
    match *mark {
        OFFSET_KNOWN => Ok(Some(
            position
                .iter()
                .rev()
                .fold(0, |position, byte| (position << 8) | u64::from(*byte)),
        )),
        OFFSET_UNKNOWN | OFFSET_OF_NOTHING => Ok(None),
        mark => Err(format!("a position with the mark {mark}")),
    }
}

/// Returns an offset of so many bytes, with its mark, that tells a position; none where the position has more bytes.
pub(super) fn known_offset(length: usize, position: u64) -> Option<Vec<u8>> {
    let bytes = position.to_le_bytes();
    let (low, high) = bytes.split_at_checked(length.checked_sub(1)?)?;
    let fits = high.iter().all(|byte| *byte == 0);
    fits.then(|| [&[OFFSET_KNOWN], low].concat())
}

/// Returns a dump of version 1.14 as a later version would have written it.
#[cfg(test)]
pub(super) fn rewritten(dump: &[u8], minor: u8) -> Vec<u8> {
    fn copy<'a>(layout: Layout, field: Field, dump: &'a [u8], out: &mut Vec<u8>) -> (i64, &'a [u8]) {
        let (bytes, mut rest) = dump.split_at(layout.length(field));
        out.extend_from_slice(bytes);
        let value = if field == Field::Offset {
            0
        } else {
            integer(bytes).unwrap()
        };
        if let (Field::Text(_), Ok(length)) = (field, usize::try_from(value)) {
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
        }
        (value, rest)
    }

    let old = Layout::parse(&dump[..11], Form::Custom).unwrap();
    let mut out = dump[..11].to_vec();
    out[6] = minor;
    let mut rest = &dump[11..];
    let mut entries = 0;
    for field in old.header().into_iter() {
        if out.len() == 11 {
            out.push(1);
            rest = &rest[old.length(field)..];
            continue;
        }
        (entries, rest) = copy(old, field, rest, &mut out);
    }
    for _ in 0..entries {
        for (position, field) in old.entry().into_iter().enumerate() {
            // After section, five texts and the access method.
            if minor >= 16 && position == 13 {
                out.extend_from_slice(&[0, b'r', 0, 0, 0]);
            }
            let mut value;
            (value, rest) = copy(old, field, rest, &mut out);
            while field == Field::Text(Text::Dependency) && value != -1 {
                (value, rest) = copy(old, field, rest, &mut out);
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_a_sign_and_an_amount() {
        assert_eq!(integer(&[0, 1, 2, 0, 0]), Ok(513));
        assert_eq!(integer(&[1, 1, 0, 0, 0]), Ok(-1));
        assert!(integer(&[2, 0, 0, 0, 0]).is_err());
        assert!(integer(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(integer(&[]).is_err());
    }

    #[test]
    fn offsets_are_read_as_they_are_written() {
        for (length, position) in [(9, 0x0102_0304_0506_0708), (9, 0), (5, 0xffff_ffff), (2, 255)] {
            let written = known_offset(length, position).unwrap();
            assert_eq!((written.len(), offset(&written)), (length, Ok(Some(position))));
        }
        assert_eq!(known_offset(9, 513).unwrap(), [2, 1, 2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(known_offset(5, 1 << 32), None, "it has more bytes");
        assert_eq!(known_offset(2, 256), None);
        assert_eq!(offset(&[1, 0, 0]), Ok(None));
        assert_eq!(offset(&[3, 0, 0]), Ok(None));
        assert!(offset(&[4, 0, 0]).is_err());
        assert!(offset(&[]).is_err());
    }
}
