//! Hides secrets in a stream, wherever it is cut, and values of rows.

use super::values::{Values, without_values};
use crate::secrets::{UserInfo, forms, user_info};

const MASK: &[u8] = b"********";

/// A shorter secret is hidden only where it stands as a word by itself: within others it stands by chance.
const SHORTEST_WITHIN: usize = 4;

/// Replaces every secret in a stream of bytes, and every password of a URL.
#[derive(Debug)]
pub(crate) struct Mask {
    /// Longest first, so that a secret which begins another is not seen in its place.
    secrets: Vec<Vec<u8>>,
    /// Which bytes a secret begins with, so that all others pass without a look.
    begins: [bool; 256],
    /// The end of what came, as long as it may be the beginning of a secret.
    held: Vec<u8>,
    /// The byte before that.
    before: u8,
    values: Values,
}

/// What stands at a place of the stream.
enum Found {
    /// Nothing to hide.
    Plain,
    /// It may become a secret.
    Maybe,
    /// A secret of so many bytes.
    Secret(usize),
    /// A URL with a password: so many bytes before it, and its length.
    Password(usize, usize),
}

impl Mask {
    /// Returns a mask for these secrets, in every form that they may be printed in.
    pub(crate) fn new(secrets: Vec<String>) -> Self {
        let mut secrets: Vec<Vec<u8>> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| forms(secret))
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        let mut begins = [false; 256];
        for first in secrets.iter().filter_map(|secret| secret.first()) {
            begins[usize::from(*first)] = true;
        }
        Self {
            secrets,
            begins,
            held: Vec::new(),
            before: b' ',
            values: Values::default(),
        }
    }

    /// Tells whether something was hidden in a text.
    pub(crate) fn is_masked(text: &str) -> bool {
        text.as_bytes().windows(MASK.len()).any(|part| part == MASK)
    }

    /// Tells whether a text is this one before something was hidden in it.
    pub(crate) fn may_be(masked: &str, text: &str) -> bool {
        let mut parts = masked.split("********");
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(place) => rest = &rest[place + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Returns what can be shown now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let shown = self.take(false);
        self.values.feed(&shown)
    }

    /// Returns what was held, when nothing more will come.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let last = self.take(true);
        self.before = b' ';
        let mut shown = self.values.feed(&last);
        shown.extend(self.values.finish());
        shown
    }

    /// Returns a text as it can be shown.
    pub(crate) fn whole(&mut self, text: &str) -> String {
        without_values(self.without_secrets(text))
    }

    /// Returns a text with nothing but secrets hidden: what a restore compares is compared as it is.
    pub(crate) fn without_secrets(&mut self, text: &str) -> String {
        self.held.extend_from_slice(text.as_bytes());
        let shown = self.take(true);
        self.before = b' ';
        String::from_utf8_lossy(&shown).into_owned()
    }

    fn take(&mut self, last: bool) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let (shown, place) = self.hidden(&held, last);
        self.held.extend_from_slice(&held[place..]);
        shown
    }

    /// Returns what can be shown of `bytes`, and how much of them that is.
    fn hidden(&mut self, bytes: &[u8], last: bool) -> (Vec<u8>, usize) {
        let mut shown = Vec::with_capacity(bytes.len());
        let mut place = 0;
        while place < bytes.len() {
            let plain = self.plain(&bytes[place..]);
            if plain > 0 {
                shown.extend_from_slice(&bytes[place..place + plain]);
                place += plain;
                self.before = bytes[place - 1];
                continue;
            }
            let length = match self.look(&bytes[place..], last) {
                Found::Maybe => break,
                Found::Plain => {
                    shown.push(bytes[place]);
                    1
                }
                Found::Secret(length) => {
                    shown.extend_from_slice(MASK);
                    length
                }
                Found::Password(ahead, length) => {
                    let user = place + "://".len()..place + ahead;
                    shown.extend_from_slice(b"://");
                    self.before = b'/';
                    // A user may be named as another secret is.
                    shown.extend(self.hidden(&bytes[user], true).0);
                    shown.extend_from_slice(MASK);
                    ahead + length
                }
            };
            place += length;
            self.before = bytes[place - 1];
        }
        (shown, place)
    }

    /// Returns how many bytes pass without a look: nothing to hide begins with one of them.
    fn plain(&self, rest: &[u8]) -> usize {
        let next = if self.secrets.is_empty() {
            memchr::memchr(b':', rest)
        } else {
            rest.iter()
                .position(|byte| *byte == b':' || self.begins[usize::from(*byte)])
        };
        next.unwrap_or(rest.len())
    }

    fn look(&self, rest: &[u8], last: bool) -> Found {
        let Some(first) = rest.first() else {
            return Found::Plain;
        };
        if self.begins[usize::from(*first)] {
            let mut fitting = self.secrets.iter().filter(|secret| self.may_begin(secret));
            // Held while it may become a longer secret, also when it is a shorter one already.
            if !last && fitting.clone().any(|secret| may_become(secret, rest)) {
                return Found::Maybe;
            }
            if let Some(secret) = fitting.find(|secret| is_at(secret, rest)) {
                return Found::Secret(secret.len());
            }
        }
        if *first != b':' || !self.before.is_ascii_alphanumeric() {
            return Found::Plain;
        }
        if !last && b"://".starts_with(rest) {
            return Found::Maybe;
        }
        if !rest.starts_with(b"://") {
            return Found::Plain;
        }
        match user_info(rest, last) {
            UserInfo::Open => Found::Maybe,
            UserInfo::Without => Found::Plain,
            UserInfo::Password(place) => Found::Password(place.start, place.len()),
        }
    }

    /// Tells whether a secret may begin behind the byte that was last.
    fn may_begin(&self, secret: &[u8]) -> bool {
        secret.len() >= SHORTEST_WITHIN || !is_of_word(self.before)
    }
}

/// Tells whether more bytes are needed to know whether a secret is here.
fn may_become(secret: &[u8], rest: &[u8]) -> bool {
    if secret.len() < SHORTEST_WITHIN && secret.len() == rest.len() {
        return secret == rest;
    }
    secret.len() > rest.len() && secret.starts_with(rest)
}

fn is_at(secret: &[u8], rest: &[u8]) -> bool {
    let ends = || rest.get(secret.len()).is_none_or(|next| !is_of_word(*next));
    rest.starts_with(secret) && (secret.len() >= SHORTEST_WITHIN || ends())
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_wherever_the_stream_is_cut() {
        let text = b"password is hunter2hunter, not hunter; hunter2";
        for size in 1..text.len() {
            let mut mask = Mask::new(vec!["hunter2".into(), "hunter2hunter".into()]);
            let mut shown = Vec::new();
            text.chunks(size).for_each(|chunk| shown.extend(mask.feed(chunk)));
            shown.extend(mask.finish());
            assert_eq!(
                String::from_utf8(shown).unwrap(),
                "password is ********, not hunter; ********",
                "{size}"
            );
        }
    }

    #[test]
    fn a_text_is_shown_whole_and_the_next_one_is_another() {
        let mut mask = Mask::new(vec!["hunter2".into()]);
        assert_eq!(mask.whole("it is hunter2, hunt"), "it is ********, hunt");
        assert_eq!(mask.whole("er2"), "er2");
        assert_eq!(Mask::new(Vec::new()).whole("grün"), "grün");
    }

    #[test]
    fn bytes_that_are_no_secret_pass_at_once() {
        let mut mask = Mask::new(vec!["abcd".into()]);
        assert_eq!(mask.feed(b"xyz ab"), b"xyz ");
        assert_eq!(mask.feed(b"d"), b"abd");
        assert_eq!(Mask::new(Vec::new()).feed(b"\x00\xff"), b"\x00\xff");
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_is_a_word() {
        let text = b"abc is (abc), not abcd or zabc, but abc";
        for size in 1..text.len() {
            let mut mask = Mask::new(vec!["abc".into()]);
            let mut shown = Vec::new();
            text.chunks(size).for_each(|chunk| shown.extend(mask.feed(chunk)));
            shown.extend(mask.finish());
            let shown = String::from_utf8(shown).unwrap();
            assert_eq!(
                shown, "******** is (********), not abcd or zabc, but ********",
                "{size}"
            );
        }
    }

    #[test]
    fn the_password_of_a_url_is_hidden_wherever_the_stream_is_cut() {
        let text = b"from postgres://app:hunter2@db1/x to http://h:80/a@b, redis://:p@ss@c and a://b:c";
        for size in 1..text.len() {
            let mut mask = Mask::new(vec!["db".into()]);
            let mut shown = Vec::new();
            text.chunks(size).for_each(|chunk| shown.extend(mask.feed(chunk)));
            shown.extend(mask.finish());
            let shown = String::from_utf8(shown).unwrap();
            assert_eq!(
                shown,
                "from postgres://app:********@db1/x to http://h:80/a@b, redis://:********@c and a://b:c",
                "{size}"
            );
        }
    }

    #[test]
    fn what_was_hidden_may_be_anything() {
        for text in ["rows.hunter2.a", "rows..a", "rows.x.y.a"] {
            assert!(Mask::may_be("rows.********.a", text), "{text}");
        }
        for text in ["rows.a", "row.x.a", "rows.x.b"] {
            assert!(!Mask::may_be("rows.********.a", text), "{text}");
        }
        assert!(Mask::may_be("a", "a") && !Mask::may_be("a", "ab"));
        assert!(Mask::may_be("********b********", "xby") && !Mask::may_be("********b********", "xy"));
    }
}
