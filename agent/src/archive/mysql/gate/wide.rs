//! Character sets in which a byte of one character can be a quote or a backslash. A statement passes in them where none of its
//! characters is such: then a text is read in one way, by whomever. In `swe7` the bytes of quotes and of the backslash are letters as well, and
//! servers take them for signs of the language all the same, so it is none of these; other signs are letters to them, and are refused outside of quotes.

/// A character set with such characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wide {
    Big5,
    Gb18030,
    Gbk,
    /// That of `cp932`, too.
    Sjis,
}

impl Wide {
    /// Returns the set of this name.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let sets = [
            ("big5", Self::Big5),
            ("cp932", Self::Sjis),
            ("gb18030", Self::Gb18030),
            ("gbk", Self::Gbk),
            ("sjis", Self::Sjis),
        ];
        let (_, set) = sets
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some(*set)
    }

    /// Returns whether no character in this text has a sign of the language for its second byte.
    pub(super) fn is_plain(self, text: &[u8]) -> bool {
        let mut at = 0;
        while at < text.len() {
            if !self.begins_character(text[at]) {
                at += 1;
                continue;
            }
            match text.get(at + 1) {
                Some(second) if !second.is_ascii() || second.is_ascii_alphabetic() => at += 2,
                // Characters of four bytes: the third and the fourth are of the same kinds as the first two.
                Some(second) if second.is_ascii_digit() && self == Self::Gb18030 => at += 2,
                // No character: a server takes the first byte for a sign of its own.
                Some(second) if *second < 0x40 => at += 1,
                None => return true,
                Some(_) => return false,
            }
        }
        true
    }

    fn begins_character(self, byte: u8) -> bool {
        match self {
            Self::Big5 => matches!(byte, 0xa1..=0xf9),
            Self::Gbk | Self::Gb18030 => matches!(byte, 0x81..=0xfe),
            Self::Sjis => matches!(byte, 0x81..=0x9f | 0xe0..=0xfc),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Wide;

    #[test]
    fn characters_with_a_sign_in_them_are_found() {
        // As iconv writes them: `あ`, `表`, `能` behind `技`, a half-width letter before a backslash.
        assert!(Wide::Sjis.is_plain(b"SELECT '\x82\xa0', '\\'"));
        assert!(!Wide::Sjis.is_plain(b"SELECT '\x95\x5c'"));
        assert!(!Wide::Sjis.is_plain(b"SELECT '\x8b\x5a\x94\x5c'"));
        assert!(Wide::Sjis.is_plain(b"SELECT '\xb1\\''"));
        assert!(!Wide::Big5.is_plain(b"SELECT '\xa5\x5c'"));
        assert!(!Wide::Gbk.is_plain(b"SELECT '\x81\x60'"));
        assert!(Wide::Gb18030.is_plain(b"SELECT '\x81\x30\x81\x30'"));
        assert!(!Wide::Gb18030.is_plain(b"SELECT '\x81\x30\x81\x5c'"));
        assert!(Wide::of(b"CP932") == Some(Wide::Sjis) && Wide::of(b"swe7").is_none());
    }
}
