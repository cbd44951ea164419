//! Where the data of each entry lie in a dump of one file. `pg_dump` writes that into its table of contents when it writes into a file, and
//! cannot through a pipe. Several processes that restore find their tables by it; without it each reads the file from the front.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::super::walk::Want;
use super::contents::{self, Contents, Entry};
use super::layout::{self, Form};
use super::{BLOCK_DATA, BLOCK_LARGE_OBJECTS};

/// Where data lie, and where the table of contents tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// The length of an offset in the table of contents.
    width: usize,
    /// Where an offset begins, and where the data lie that it tells of.
    places: Vec<(u64, u64)>,
}

impl Places {
    pub(super) fn add(&mut self, offset_at: u64, data_at: u64) {
        self.places.push((offset_at, data_at));
    }

    pub(super) fn with_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// Returns what has to be written over the dump, and where, so that its table of contents tells where the data lie. Only offsets are
    /// written over. One that is too short for its position stays as it is: who reads the dump looks for the data then.
    pub(crate) fn patches(&self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let patch = |(offset_at, data_at)| Some((offset_at, layout::known_offset(self.width, data_at)?));
        self.places.iter().copied().filter_map(patch)
    }
}

/// Reads the table of contents of a dump, and looks whether data of the entry lie at each place that it tells.
///
/// # Errors
/// A dump that cannot be read; what does not lie where it is told.
pub(crate) fn check_places<D: Read + Seek>(dump: D) -> io::Result<()> {
    let mut dump = BufReader::new(dump);
    let mut contents = Contents::new(Form::Custom);
    let mut told: Vec<(i64, u64)> = Vec::new();
    let mut found = |entry: Entry, _is_utf8: bool| {
        if let Some(data_at) = entry.data_at.filter(|_| entry.has_data) {
            told.push((entry.number, data_at));
        }
        Ok(())
    };
    let mut taken = vec![0; contents::PRELUDE];
    dump.read_exact(&mut taken)?;
    while let Some(want) = contents.step(&taken, &mut found).map_err(io::Error::other)? {
        taken.clear();
        match want {
            Want::Take(length) | Want::TakeOrEnd(length) => {
                taken.resize(length, 0);
                dump.read_exact(&mut taken)?;
            }
            Want::Skip(length) => dump.seek_relative(i64::try_from(length).map_err(io::Error::other)?)?,
            Want::Zeros | Want::Rest => return Err(io::Error::other("a table of contents without an end")),
        }
    }
    let mut head = vec![0; 1 + contents.integer_length()];
    let mut dump = dump.into_inner();
    for (number, data_at) in told {
        dump.seek(SeekFrom::Start(data_at))?;
        dump.read_exact(&mut head)?;
        let is_block = matches!(head[0], BLOCK_DATA | BLOCK_LARGE_OBJECTS);
        if !is_block || layout::integer(&head[1..]) != Ok(number) {
            return Err(io::Error::other(format!(
                "at byte {data_at} there are no data of entry {number}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::super::fixtures::fixture;
    use super::super::layout::rewritten;
    use super::super::{Dump, postgresql_placing_check};
    use super::*;

    fn places(dump: &[u8], piece: usize) -> Places {
        let mut check = postgresql_placing_check();
        dump.chunks(piece).for_each(|piece| check.feed(piece));
        check.finish().unwrap().places().unwrap().clone()
    }

    fn patched(dump: &[u8], places: &Places) -> Vec<u8> {
        let mut patched = dump.to_vec();
        for (at, bytes) in places.patches() {
            let at = usize::try_from(at).unwrap();
            patched[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        patched
    }

    const SEEKABLE: &str = "postgresql-seekable.dump";

    #[test]
    fn a_dump_through_a_pipe_becomes_the_one_that_pg_dump_writes_into_a_file() {
        let (piped, seekable) = (fixture("postgresql-piped.dump"), fixture(SEEKABLE));
        assert_ne!(piped, seekable);
        for piece in [1, 13, 512, piped.len()] {
            assert_eq!(
                patched(&piped, &places(&piped, piece)),
                seekable,
                "pieces of {piece}"
            );
        }
        check_places(Cursor::new(&seekable)).unwrap();
        assert_eq!(patched(&seekable, &places(&seekable, 512)), seekable);
    }

    #[test]
    fn the_layouts_of_later_versions_get_their_places() {
        for minor in [15, 16] {
            let dump = rewritten(&fixture("postgresql-piped.dump"), minor);
            let patched = patched(&dump, &places(&dump, 512));
            check_places(Cursor::new(&patched)).unwrap();
            let changed = dump
                .iter()
                .zip(&patched)
                .filter(|(before, after)| before != after);
            // The mark, and the bytes of a position below 64 KiB.
            assert!((8..=12).contains(&changed.count()), "1.{minor}");
            assert_eq!(places(&patched, 512), places(&dump, 512));
        }
    }

    /// Returns the blocks of a dump, each to its end, and where the first begins.
    fn blocks(dump: &[u8]) -> (usize, Vec<Vec<u8>>) {
        let mut begins: Vec<usize> = places(dump, 512)
            .places
            .iter()
            .map(|(_, data_at)| usize::try_from(*data_at).unwrap())
            .collect();
        let first = begins[0];
        begins.push(dump.len());
        let blocks = begins.windows(2).map(|pair| dump[pair[0]..pair[1]].to_vec());
        (first, blocks.collect())
    }

    #[test]
    fn data_in_another_order_than_the_contents_are_found() {
        let dump = fixture("postgresql-uncompressed.dump");
        let (first, mut parts) = blocks(&dump);
        assert_eq!(parts.len(), 4);
        parts.reverse();
        let reversed = [&dump[..first], &parts.concat()].concat();
        let told = patched(&reversed, &places(&reversed, 13));
        check_places(Cursor::new(&told)).unwrap();
        assert_ne!(told[..first], patched(&dump, &places(&dump, 13))[..first]);
        assert_eq!(told[first..], reversed[first..]);
    }

    #[test]
    fn a_place_without_the_data_is_noticed() {
        let dump = fixture(SEEKABLE);
        for (position, (offset_at, data_at)) in places(&dump, 512).places.into_iter().enumerate() {
            let at = usize::try_from(offset_at).unwrap();
            let next = places(&dump, 512).places[(position + 1) % 4].1;
            for wrong in [data_at + 1, data_at - 1, next, 0, dump.len() as u64] {
                let mut dump = dump.clone();
                dump[at..at + 9].copy_from_slice(&layout::known_offset(9, wrong).unwrap());
                check_places(Cursor::new(&dump)).unwrap_err();
            }
        }
    }

    #[test]
    fn a_dump_without_data_has_no_places_and_none_are_kept_unasked() {
        let dump = fixture("postgresql-schema.dump");
        assert_eq!(patched(&dump, &places(&dump, 512)), dump);
        check_places(Cursor::new(&dump)).unwrap();
        assert!(Dump::default().places.is_none());
    }
}
