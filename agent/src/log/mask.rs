//! Hides secrets in a stream, wherever it is cut.

const MASK: &[u8] = b"********";

/// Replaces every secret in a stream of bytes.
#[derive(Debug)]
pub(crate) struct Mask {
    /// Longest first, so that a secret which begins another is not seen in its place.
    secrets: Vec<Vec<u8>>,
    /// The end of what came, as long as it may be the beginning of a secret.
    held: Vec<u8>,
}

impl Mask {
    /// Returns a mask for these secrets.
    pub(crate) fn new(secrets: Vec<String>) -> Self {
        let mut secrets: Vec<Vec<u8>> = secrets
            .into_iter()
            .map(String::into_bytes)
            .filter(|s| !s.is_empty())
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self {
            secrets,
            held: Vec::new(),
        }
    }

    /// Tells whether something was hidden in a text.
    pub(crate) fn is_masked(text: &str) -> bool {
        text.as_bytes().windows(MASK.len()).any(|part| part == MASK)
    }

    /// Returns what can be shown now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.secrets.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.take(false)
    }

    /// Returns what was held, when nothing more will come.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.take(true)
    }

    /// Returns a text as it can be shown.
    pub(crate) fn whole(&mut self, text: &str) -> String {
        let mut shown = self.feed(text.as_bytes());
        shown.extend(self.finish());
        String::from_utf8_lossy(&shown).into_owned()
    }

    fn take(&mut self, last: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.held.len());
        let mut place = 0;
        while place < self.held.len() {
            let rest = &self.held[place..];
            // Held while it may become a longer secret, also when it is a shorter one already.
            if !last
                && self
                    .secrets
                    .iter()
                    .any(|secret| secret.len() > rest.len() && secret.starts_with(rest))
            {
                break;
            } else if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                shown.extend_from_slice(MASK);
                place += secret.len();
            } else {
                shown.push(self.held[place]);
                place += 1;
            }
        }
        self.held.drain(..place);
        shown
    }
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
        let mut mask = Mask::new(vec!["abc".into()]);
        assert_eq!(mask.feed(b"xyz ab"), b"xyz ");
        assert_eq!(mask.feed(b"d"), b"abd");
        assert_eq!(Mask::new(Vec::new()).feed(b"\x00\xff"), b"\x00\xff");
    }
}
