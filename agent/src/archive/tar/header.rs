//! One header block of a tar archive: its checksum, the type of the member and the length of what follows.

/// Everything in a tar archive comes in blocks of this length.
pub(super) const BLOCK: usize = 512;

const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
/// The mark of ustar and pax. That of GNU has blanks in it, and other fields where these have the beginning of a name.
const MAGIC: std::ops::Range<usize> = 257..263;
const PREFIX: std::ops::Range<usize> = 345..500;
/// In a header of GNU's old form of sparse files: the size with the holes.
const REAL_SIZE: std::ops::Range<usize> = 483..495;
/// In a header of GNU's old form of sparse files: whether the map goes on in a block of its own.
const MAP_GOES_ON: usize = 482;
/// The same in the blocks after it.
const MAP_GOES_ON_AGAIN: usize = 504;

/// What a walk needs to know of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type flag.
    pub(super) kind: u8,
    /// The length of the content in bytes, as the header gives it.
    pub(super) size: u64,
    /// The name of the member, as far as it fits into the header.
    pub(super) name: Vec<u8>,
    /// What a link leads to, likewise.
    pub(super) link: Vec<u8>,
    /// The length of a sparse file with its holes, in GNU's old form.
    pub(super) real_size: Option<u64>,
    /// Whether blocks with more of a sparse file's map follow.
    pub(super) sparse_map_goes_on: bool,
}

impl Header {
    /// Reads a block, or `None` from a block of zeros.
    pub(super) fn parse(block: &[u8]) -> Result<Option<Header>, String> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let stored = number(&block[CHECKSUM]).ok_or("a header without a checksum")?;
        // Some old programs added the bytes as signed numbers.
        let (mut unsigned, mut signed) = (0u64, 0i64);
        for (offset, byte) in block.iter().enumerate() {
            let byte = if CHECKSUM.contains(&offset) { b' ' } else { *byte };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if stored != unsigned && i64::try_from(stored) != Ok(signed) {
            return Err("a header whose checksum does not match it".to_owned());
        }
        let kind = block[KIND];
        let size = number(&block[SIZE]).ok_or("a header without a size")?;
        let sparse_map_goes_on = kind == b'S' && block[MAP_GOES_ON] != 0;
        let real_size = (kind == b'S').then(|| number(&block[REAL_SIZE])).flatten();
        let mut name = text(&block[NAME]).to_vec();
        if &block[MAGIC] == b"ustar\0" && block[PREFIX.start] != 0 {
            name = [text(&block[PREFIX]), &name].join(&b'/');
        }
        Ok(Some(Header {
            kind,
            size,
            name,
            link: text(&block[LINK]).to_vec(),
            real_size,
            sparse_map_goes_on,
        }))
    }

    /// Returns whether content follows. Links, devices, folders and FIFOs have none, whatever their size says.
    pub(super) fn has_content(&self) -> bool {
        !matches!(self.kind, b'1'..=b'6')
    }
}

/// Returns the text in a field: up to the first zero byte, or all of it.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// Returns whether one more block of a sparse file's map follows this one.
pub(super) fn map_goes_on(block: &[u8]) -> bool {
    block[MAP_GOES_ON_AGAIN] != 0
}

/// Returns a length rounded up to whole blocks.
pub(super) fn padded(size: u64) -> Result<u64, String> {
    size.checked_next_multiple_of(BLOCK as u64)
        .ok_or_else(|| format!("a size of {size} bytes"))
}

/// Reads a number: octal digits, or binary where the first bit is set (GNU, for 8 GiB and more). An empty field is 0.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // 0xff would be a negative number.
        let first = u64::from(field[0] & 0x7f);
        return field[1..].iter().try_fold(first, |number, byte| {
            number
                .checked_mul(256)
                .and_then(|number| number.checked_add(u64::from(*byte)))
        });
    }
    let text = str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8)
        .ok()
        .filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]), Some(8 << 30));
        assert_eq!(number(&[0xff; 12]), None);
        assert_eq!(number(b"9"), None);
        assert_eq!(number(b"+7"), None);
        assert_eq!(number(b"-7"), None);
    }

    #[test]
    fn lengths_are_whole_blocks() {
        assert_eq!(padded(0), Ok(0));
        assert_eq!(padded(1), Ok(512));
        assert_eq!(padded(512), Ok(512));
        assert!(padded(u64::MAX).is_err());
    }
}
