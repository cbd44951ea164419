//! Counting the rows of a table while its data pass. In the text of COPY each row is one line: a line feed inside a value is
//! written as `\n`, two characters.

use super::super::CheckFacts;

/// What `pg_dump` writes behind the rows: the end of COPY, and two empty lines.
const END: &[u8] = b"\n\\.\n\n\n";
/// Line feeds in [`END`] that end no row: all but the first.
const LINES_OF_END: u64 = 3;
/// With more tables than this none is counted: names of so many are too much for a manifest. The scripts that count rows
/// after a restore have the same bound.
pub(super) const TABLES_LIMIT: usize = 20_000;

/// The name of a table in facts: schema and table, in each of which a dot is `\.`, a backslash `\\`, a tab `\t` and a line feed
/// `\n`, so that two tables never have one name.
pub(super) fn table_name(schema: &[u8], table: &[u8], utf8: bool) -> String {
    format!("{}.{}", part(schema, utf8), part(table, utf8))
}

fn part(name: &[u8], utf8: bool) -> String {
    // In another encoding than UTF-8 a byte beyond ASCII is told by its number, as `encode(..., 'escape')` does.
    let text = if utf8 {
        String::from_utf8_lossy(name).into_owned()
    } else {
        name.iter()
            .map(|byte| match byte {
                0x80.. => format!("\\{byte:03o}"),
                b'\\' => "\\\\".to_owned(),
                byte => char::from(*byte).to_string(),
            })
            .collect()
    };
    let text = if utf8 { text.replace('\\', "\\\\") } else { text };
    text.replace('.', "\\.").replace('\t', "\\t").replace('\n', "\\n")
}

/// The rows of one table, while they pass.
#[derive(Debug, Default)]
pub(super) struct Rows {
    line_feeds: u64,
    /// The last bytes, as many as [`END`] has; at the beginning, a line feed before the first line.
    tail: Vec<u8>,
}

impl Rows {
    /// Begins with no row.
    pub(super) fn new() -> Self {
        Rows {
            line_feeds: 0,
            tail: vec![b'\n'],
        }
    }

    /// Takes the next bytes of the data.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.line_feeds += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if bytes.len() >= END.len() {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - END.len()..]);
        } else {
            self.tail.extend_from_slice(bytes);
            let surplus = self.tail.len().saturating_sub(END.len());
            self.tail.drain(..surplus);
        }
    }

    /// Returns the number of rows; none is known when the data do not end as those of COPY do.
    pub(super) fn count(&self) -> Option<u64> {
        (self.tail == END).then(|| self.line_feeds - LINES_OF_END)
    }
}

impl std::io::Write for Rows {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is known of each of many: the rows of tables, the values of sequences.
#[derive(Debug)]
pub(super) struct Known<T>(Vec<(Box<str>, T)>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known(Vec::new())
    }
}

impl<T: std::fmt::Display> Known<T> {
    /// Keeps what is known of one.
    pub(super) fn insert(&mut self, name: Box<str>, value: T) {
        // Of too many none is told; one beyond the bound is remembered to know that.
        if self.0.len() <= TABLES_LIMIT {
            self.0.push((name, value));
        }
    }

    /// Returns of how many something is known.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells what is known, under keys that begin with `what`.
    pub(super) fn tell(self, what: &str, facts: &mut CheckFacts) {
        if self.0.len() > TABLES_LIMIT {
            return;
        }
        for (name, value) in self.0 {
            facts.insert_content(what, &name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(data: &[u8], piece: usize) -> Option<u64> {
        let mut rows = Rows::new();
        data.chunks(piece).for_each(|piece| rows.feed(piece));
        rows.count()
    }

    #[test]
    fn a_row_is_a_line_before_the_end_of_copy() {
        for piece in [1, 2, 3, 5, 6, 7, 100] {
            assert_eq!(count(b"\\.\n\n\n", piece), Some(0));
            assert_eq!(count(b"\n\n\\.\n\n\n", piece), Some(2), "rows without a column");
            assert_eq!(count(b"1\ta\\nb\n\\\\.\n\\.\n\n\n", piece), Some(2));
        }
    }

    #[test]
    fn data_that_end_otherwise_are_not_counted() {
        for data in [&b""[..], b"1\n", b"1\n\\.\n\n", b"1\n\\\\.\n\n\n", b"1\\.\n\n\n"] {
            assert_eq!(count(data, 3), None, "{}", data.escape_ascii());
        }
    }

    #[test]
    fn two_tables_never_have_one_name() {
        assert_eq!(table_name(b"public", b"t", true), "public.t");
        assert_ne!(table_name(b"a.b", b"c", true), table_name(b"a", b"b.c", true));
        assert_eq!(table_name(b"a.b\\", b"c\n", true), "a\\.b\\\\.c\\n");
        assert_eq!(table_name("größe".as_bytes(), b"t", true), "größe.t");
        assert_eq!(table_name(b"gr\xf6\\", b"t", false), "gr\\366\\\\.t");
    }
}
