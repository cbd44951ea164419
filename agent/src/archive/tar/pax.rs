//! The records of a pax extended header that matter to a walk: what overrides the header block. A record is
//! `LENGTH KEY=VALUE\n`, its length counts the whole of it.

/// What the records say of the next member.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Records {
    /// The length of the content in the archive.
    pub(super) size: Option<u64>,
    /// The length of a sparse file with its holes (`GNU.sparse.realsize`; `GNU.sparse.size` before version 1.0).
    pub(super) real_size: Option<u64>,
    /// The name of the member.
    pub(super) path: Option<Vec<u8>>,
    /// The name of a sparse file, which goes before `path`.
    pub(super) sparse_name: Option<Vec<u8>>,
    /// What a link leads to.
    pub(super) link: Option<Vec<u8>>,
    /// One of these was there twice: readers differ in which of them counts.
    pub(super) is_ambiguous: bool,
}

impl Records {
    /// Reads the records, or tells what is wrong with them.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Records, String> {
        let mut records = Records::default();
        while !bytes.is_empty() {
            let (record, rest) = split(bytes).ok_or("an extended header whose records do not fit it")?;
            records.add(record)?;
            bytes = rest;
        }
        Ok(records)
    }

    fn add(&mut self, record: &[u8]) -> Result<(), String> {
        let equals = record.iter().position(|byte| *byte == b'=');
        let (key, value) = record.split_at(equals.unwrap_or(record.len()));
        let value = value.get(1..).unwrap_or_default();
        let twice = match key {
            b"size" => self.size.replace(number(value)?).is_some(),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.real_size.replace(number(value)?).is_some(),
            b"path" => self.path.replace(value.to_vec()).is_some(),
            b"GNU.sparse.name" => self.sparse_name.replace(value.to_vec()).is_some(),
            b"linkpath" => self.link.replace(value.to_vec()).is_some(),
            _ => false,
        };
        self.is_ambiguous |= twice;
        Ok(())
    }

    /// Returns whether they say something that is meant for one member.
    pub(super) fn is_about_a_member(&self) -> bool {
        *self != Records::default()
    }
}

/// Reads a number of digits alone.
fn number(value: &[u8]) -> Result<u64, String> {
    let digits = str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| "an extended header with a size that is no number".to_owned())
}

/// Splits the first record off: its key and value, and what follows it.
fn split(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&records[..space]).ok()?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    record.contains(&b'=').then_some((record, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(records: &[u8]) -> Result<Option<u64>, String> {
        Records::parse(records).map(|records| records.size)
    }

    #[test]
    fn the_last_size_counts() {
        assert_eq!(size(b""), Ok(None));
        assert_eq!(size(b"9 path=a\n"), Ok(None));
        assert_eq!(size(b"9 path=a\n11 size=77\n11 size=78\n"), Ok(Some(78)));
        assert!(Records::parse(b"11 size=77\n11 size=78\n").unwrap().is_ambiguous);
    }

    #[test]
    fn values_may_hold_line_feeds() {
        let records = Records::parse(b"11 path=\n\n\n11 size=77\n").unwrap();
        assert_eq!((records.path, records.size), (Some(b"\n\n".to_vec()), Some(77)));
        assert!(!records.is_ambiguous);
    }

    #[test]
    fn names_links_and_the_sizes_of_sparse_files_are_found() {
        let records = Records::parse(
            b"24 GNU.sparse.name=a=/b\n25 GNU.sparse.realsize=9\n14 linkpath=x\n20 SCHILY.xattr.a=b\n",
        );
        let records = records.unwrap();
        assert_eq!(records.sparse_name.as_deref(), Some(b"a=/b".as_slice()));
        assert_eq!(records.real_size, Some(9));
        assert_eq!(records.link.as_deref(), Some(b"x".as_slice()));
        assert!(records.is_about_a_member());
        assert!(!Records::parse(b"12 comment=\n").unwrap().is_about_a_member());
    }

    #[test]
    fn records_that_do_not_fit_are_refused() {
        for records in [
            b"9 path=a".as_slice(),
            b"8 path=a\n",
            b"99 path=a\n",
            b"0 path=a\n",
            b"1 path=a\n",
            b"x path=a\n",
            b"+9 path=a\n",
            b" 9 path=a\n",
            b"9 path a\n",
            b"11 size=-7\n",
            b"11 size=+7\n",
            b"18446744073709551616 a=b\n",
        ] {
            assert!(Records::parse(records).is_err(), "{}", records.escape_ascii());
        }
    }
}
