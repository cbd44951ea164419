//! The records of a pax extended header, of which a walk needs one: the size that overrides the one in the header
//! block. A record is `LENGTH KEY=VALUE\n`, its length counts the whole of it.

/// Returns the size in the records, and what is wrong with them.
pub(super) fn size(mut records: &[u8]) -> Result<Option<u64>, String> {
    let mut size = None;
    while !records.is_empty() {
        let (record, rest) = split(records).ok_or("an extended header whose records do not fit it")?;
        if let Some(value) = record.strip_prefix(b"size=") {
            let value = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            size = Some(value.ok_or("an extended header with a size that is no number")?);
        }
        records = rest;
    }
    Ok(size)
}

/// Splits the first record off: its key and value, and what follows it.
fn split(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    record.contains(&b'=').then_some((record, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_size_counts() {
        assert_eq!(size(b""), Ok(None));
        assert_eq!(size(b"9 path=a\n"), Ok(None));
        assert_eq!(size(b"9 path=a\n11 size=77\n11 size=78\n"), Ok(Some(78)));
    }

    #[test]
    fn values_may_hold_line_feeds() {
        assert_eq!(size(b"11 path=\n\n\n11 size=77\n"), Ok(Some(77)));
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
            b"9 path a\n",
            b"11 size=-7\n",
            b"18446744073709551616 a=b\n",
        ] {
            assert!(size(records).is_err(), "{}", records.escape_ascii());
        }
    }
}
