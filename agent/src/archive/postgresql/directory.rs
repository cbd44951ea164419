//! Completeness of `pg_dump -Fd`, stored as the tar of its folder: `toc.dat` is walked, every file that it names is there and whole
//! inside, and there is no other. `pg_restore --list` reads `toc.dat` alone, and a folder without a data file passes it.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::super::tar::{Files, walk_files};
use super::super::walk::{Format, Walker, Want};
use super::super::{CheckFacts, StreamCheck};
use super::contents::{self, Contents, Entry};
use super::layout::Form;
use super::rows::{Known, Rows, TABLES_LIMIT};

/// A file for each table and each large object; about a hundred bytes of memory each.
const FILES_LIMIT: usize = 2_000_000;
/// Enough to see what is wrong.
const DAMAGES_LIMIT: usize = 20;
const CONTENTS: &str = "toc.dat";
/// A line of the list of large objects: a number and the name of a file.
const LINE_LIMIT: usize = 256;

/// Returns the check of one folder.
pub(in super::super) fn directory_check() -> Box<dyn StreamCheck> {
    Box::new(walk_files(Directory::default()))
}

/// The walk through `toc.dat`.
#[derive(Default)]
struct ContentsFile {
    contents: Contents,
    is_whole: bool,
    /// The files of data, with the tables whose rows can be counted.
    named: Vec<(String, Option<Box<str>>)>,
    tables: usize,
    sequences: Known<String>,
}

impl Format for ContentsFile {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        if self.is_whole {
            return Err("something follows its end".to_owned());
        }
        let (named, tables, sequences) = (&mut self.named, &mut self.tables, &mut self.sequences);
        let mut found = |entry: Entry, is_utf8: bool| {
            if let Some((name, value)) = entry.sequence(is_utf8) {
                sequences.insert(name, value);
            }
            if entry.has_data {
                if named.len() == FILES_LIMIT {
                    return Err(format!("more than {FILES_LIMIT} entries with data"));
                }
                // One name beyond the bound, so that it is known to be passed.
                let table = entry.table(is_utf8).filter(|_| *tables <= TABLES_LIMIT);
                *tables += usize::from(table.is_some());
                named.push((String::from_utf8_lossy(&entry.file).into_owned(), table));
            }
            Ok(())
        };
        let next = self.contents.step(taken, &mut found)?;
        self.is_whole = next.is_none();
        Ok(next.unwrap_or(Want::TakeOrEnd(1)))
    }

    fn part(&self) -> &'static str {
        "its table of contents"
    }

    fn finish(self, _total: u64) -> Result<CheckFacts, String> {
        Ok(self.contents.into_facts(false))
    }
}

/// The file that passes.
enum Passing {
    Contents(Box<Walker<ContentsFile>>),
    /// The names of the files of large objects, a line each, and what is read of the next line.
    List(Vec<String>, Vec<u8>),
    Plain(Rows),
    Gzip(Box<MultiGzDecoder<Rows>>),
}

/// A file that has passed.
enum Passed {
    /// The names of files of large objects.
    List(Vec<String>),
    /// The rows in it, if it holds rows.
    Data(Option<u64>),
}

impl Passing {
    fn of_name(name: &str) -> Result<Self, String> {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        Ok(match extension {
            _ if name == CONTENTS => {
                let file = ContentsFile {
                    contents: Contents::new(Form::Directory),
                    ..ContentsFile::default()
                };
                Passing::Contents(Box::new(Walker::new(file, Want::Take(contents::PRELUDE))))
            }
            "toc" => Passing::List(Vec::new(), Vec::new()),
            "gz" => Passing::Gzip(Box::new(MultiGzDecoder::new(Rows::new()))),
            "lz4" | "zst" => {
                return Err(format!(
                    "`{}` is compressed in a way that cannot be looked into\nhint: pg_dump --compress=gzip",
                    name.escape_debug()
                ));
            }
            _ => Passing::Plain(Rows::new()),
        })
    }

    fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Passing::Contents(walker) => walker.feed(bytes),
            Passing::List(names, line) => {
                for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                    line.extend_from_slice(piece);
                    if line.len() > LINE_LIMIT || names.len() == FILES_LIMIT {
                        return Err(io::Error::other("it is no list of large objects"));
                    }
                    if piece.ends_with(b"\n") {
                        let text = String::from_utf8_lossy(line).into_owned();
                        let (_, name) = text
                            .trim_end()
                            .split_once(' ')
                            .ok_or_else(|| io::Error::other("a line without a file"))?;
                        names.push(name.to_owned());
                        line.clear();
                    }
                }
            }
            Passing::Plain(rows) => rows.feed(bytes),
            Passing::Gzip(decoder) => decoder.write_all(bytes)?,
        }
        Ok(())
    }
}

/// The check of one folder.
#[derive(Default)]
struct Directory {
    name: String,
    passing: Option<Passing>,
    /// Whether the present file is empty: so are large objects that nobody wrote into.
    is_empty: bool,
    contents: Option<ContentsFile>,
    files: HashMap<Box<str>, Passed>,
    damages: Vec<String>,
}

impl Directory {
    fn damage(&mut self, damage: String) {
        if self.damages.len() < DAMAGES_LIMIT {
            self.damages.push(damage);
        }
    }

    /// Takes out what has passed under a name that the table of contents gives, where it is compressed with more behind it.
    fn take(&mut self, name: &str) -> Option<Passed> {
        ["", ".gz"]
            .iter()
            .find_map(|extension| self.files.remove(format!("{name}{extension}").as_str()))
    }

    fn pass(&mut self, passing: Passing) -> Result<(), String> {
        let wrong = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is cut".to_owned(),
            _ => error.to_string(),
        };
        let passed = match passing {
            Passing::Contents(walker) => {
                self.contents = Some(walker.into_format()?);
                return Ok(());
            }
            Passing::List(names, line) if line.is_empty() => Passed::List(names),
            Passing::List(..) => return Err("it is cut".to_owned()),
            Passing::Plain(rows) => Passed::Data(rows.count()),
            Passing::Gzip(_) if self.is_empty => return Err("it is cut".to_owned()),
            Passing::Gzip(decoder) => Passed::Data(decoder.finish().map_err(wrong)?.count()),
        };
        if self.files.len() == FILES_LIMIT {
            return Err(format!("more than {FILES_LIMIT} files"));
        }
        self.files.insert(self.name.as_str().into(), passed);
        Ok(())
    }
}

impl Files for Directory {
    fn begin(&mut self, name: &str, size: u64) -> Result<(), String> {
        if self.files.contains_key(name) || (name == CONTENTS && self.contents.is_some()) {
            return Err(format!("`{}` is in it twice", name.escape_debug()));
        }
        self.passing = Some(Passing::of_name(name)?);
        self.is_empty = size == 0;
        name.clone_into(&mut self.name);
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) {
        let fed = self
            .passing
            .as_mut()
            .map_or(Ok(()), |passing| passing.feed(bytes));
        if let Err(error) = fed {
            self.passing = None;
            self.damage(format!("`{}`: {error}", self.name.escape_debug()));
        }
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(passing) = self.passing.take() else {
            return Ok(());
        };
        if let Err(reason) = self.pass(passing) {
            self.damage(format!("`{}`: {reason}", self.name.escape_debug()));
        }
        Ok(())
    }

    fn part(&self) -> &'static str {
        "a file"
    }

    fn finish(mut self) -> Result<CheckFacts, String> {
        let Some(contents) = self.contents.take() else {
            self.damage(format!("`{CONTENTS}` is missing"));
            return Err(self.damages.join("; "));
        };
        let mut tables = Known::default();
        let (mut data_files, mut large_objects) = (0, 0);
        let tables_with_data = contents.tables;
        for (file, table) in contents.named {
            data_files += 1;
            match (self.take(&file), table) {
                (None, _) => self.damage(format!("`{}` is missing", file.escape_debug())),
                (Some(Passed::List(names)), _) => {
                    for name in names {
                        large_objects += 1;
                        if self.take(&name).is_none() {
                            self.damage(format!("`{}` is missing", name.escape_debug()));
                        }
                    }
                }
                (Some(Passed::Data(Some(rows))), Some(table)) => tables.insert(table, rows),
                (Some(Passed::Data(_)), _) => {}
            }
        }
        if self.damages.is_empty() {
            let mut others: Vec<&str> = self.files.keys().map(|name| &**name).collect();
            others.sort_unstable();
            let others: Vec<String> = others
                .into_iter()
                .map(|name| format!("`{}` is not in its table of contents", name.escape_debug()))
                .collect();
            others.into_iter().for_each(|damage| self.damage(damage));
        }
        if !self.damages.is_empty() {
            return Err(self.damages.join("; "));
        }
        let counts_all_rows = tables.len() == tables_with_data && tables.len() <= TABLES_LIMIT;
        let mut facts = contents.contents.into_facts(counts_all_rows);
        facts.insert_count("data-files", data_files);
        facts.insert_count("large-objects", large_objects);
        facts.insert_content_total("large-objects", large_objects);
        tables.tell("rows", &mut facts);
        contents.sequences.tell("sequence-value", &mut facts);
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Kind;
    use super::super::super::fixtures::{check, fixture};

    const FOLDER: &str = "postgresql-directory.tar";
    const BLOCK: usize = 512;

    /// Returns where the header of a file is in the archive, and the length of its content.
    fn file(tar: &[u8], name: &str) -> (usize, usize) {
        let name = format!("./{name}\0");
        let header = (0..tar.len())
            .step_by(BLOCK)
            .find(|offset| tar[*offset..].starts_with(name.as_bytes()))
            .unwrap();
        let size = str::from_utf8(&tar[header + 124..header + 135]).unwrap();
        (header, usize::from_str_radix(size, 8).unwrap())
    }

    /// Returns the archive without one file.
    fn without(name: &str) -> Vec<u8> {
        let tar = fixture(FOLDER);
        let (header, size) = file(&tar, name);
        let next = header + BLOCK + size.next_multiple_of(BLOCK);
        [&tar[..header], &tar[next..]].concat()
    }

    #[test]
    fn a_folder_is_whole_with_every_file_that_it_names() {
        let facts = check(Kind::PostgresqlDirectory, &fixture(FOLDER)).unwrap();
        assert_eq!(facts.get("database"), Some("app"));
        assert_eq!(facts.get("data-files"), Some("4"));
        let content: Vec<String> = facts
            .content()
            .iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        assert_eq!(
            content,
            [
                "large-objects 2",
                "rows.public.empty 0",
                "rows.public.t 300",
                "rows.s.u 1",
                "sequence-value.public.q 1"
            ]
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        for name in ["3348.dat.gz", "blob_4711.dat.gz"] {
            let error = check(Kind::PostgresqlDirectory, &without(name)).unwrap_err();
            let shown = name.trim_end_matches(".gz");
            assert_eq!(error, format!("`{shown}` is missing"));
        }
        let error = check(Kind::PostgresqlDirectory, &without("toc.dat")).unwrap_err();
        assert_eq!(error, "`toc.dat` is missing");
    }

    #[test]
    fn a_flipped_byte_in_a_data_file_names_it() {
        let tar = fixture(FOLDER);
        let (header, size) = file(&tar, "3348.dat.gz");
        for offset in [size / 2, size - 6] {
            let mut flipped = tar.clone();
            flipped[header + BLOCK + offset] ^= 4;
            let error = check(Kind::PostgresqlDirectory, &flipped).unwrap_err();
            assert!(error.starts_with("`3348.dat.gz`: "), "{error}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let tar = fixture(FOLDER);
        // Behind the two blocks of zeros that end it come more of them.
        let end = tar
            .iter()
            .rposition(|byte| *byte != 0)
            .unwrap()
            .next_multiple_of(BLOCK)
            + 2 * BLOCK;
        for cut in 0..end {
            let mut check = Kind::PostgresqlDirectory.stream_check();
            check.feed(&tar[..cut]);
            assert!(check.finish().is_err(), "cut at {cut} of {end}");
        }
    }
}
