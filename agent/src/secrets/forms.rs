//! The forms that a secret takes on its way through programs: encoded for a URL, quoted for a shell, for SQL and in JSON,
//! and within base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What of a shorter secret stands in base64 stands elsewhere by chance.
const SHORTEST_OF_BASE64: usize = 8;

/// Returns the secret as it is, and in every other form that it may be printed in.
pub(crate) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    // As RFC 3986, Python's `quote` and JavaScript's `encodeURIComponent` leave bytes as they are.
    for kept in ["", "/", "!'()*"] {
        forms.push(in_url(secret, kept).into_bytes());
    }
    forms.push(in_url(secret, "").replace("%20", "+").into_bytes());
    forms.push(secret.replace('\'', "'\\''").into_bytes());
    forms.push(secret.replace('\'', "''").into_bytes());
    forms.push(secret.replace('\\', "\\\\").replace('\'', "\\'").into_bytes());
    if let Ok(quoted) = serde_json::to_string(secret) {
        forms.extend(
            quoted
                .get(1..quoted.len() - 1)
                .map(|form| form.as_bytes().to_vec()),
        );
    }
    if secret.len() >= SHORTEST_OF_BASE64 {
        forms.extend((0..3).flat_map(|before| in_base64(secret, before)));
    }
    forms.sort();
    forms.dedup();
    forms
}

/// Encodes every byte but the unreserved ones (RFC 3986, section 2.3) and those of `kept`.
fn in_url(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Returns the digits of base64 that are of the secret alone when so many bytes stand before it, as those of a user in
/// `Authorization: Basic`.
fn in_base64(secret: &str, before: usize) -> [Vec<u8>; 2] {
    let text = [&vec![0; before], secret.as_bytes()].concat();
    let digits = (before * 8).div_ceil(6)..text.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)].map(|encoded| {
        encoded
            .as_bytes()
            .get(digits.clone())
            .unwrap_or_default()
            .to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(secret: &str, text: &str) -> bool {
        forms(secret)
            .iter()
            .any(|form| !form.is_empty() && text.as_bytes().windows(form.len()).any(|part| part == form))
    }

    #[test]
    fn a_secret_is_known_in_the_forms_that_programs_print() {
        let secret = "it's a/\"pass\" wörd";
        for text in [
            "it%27s%20a%2F%22pass%22%20w%C3%B6rd",
            "it%27s%20a/%22pass%22%20w%C3%B6rd",
            "it's%20a%2F%22pass%22%20w%C3%B6rd",
            "it%27s+a%2F%22pass%22+w%C3%B6rd",
            "'it'\\''s a/\"pass\" wörd'",
            "'it''s a/\"pass\" wörd'",
            "'it\\'s a/\"pass\" wörd'",
            "\"it's a/\\\"pass\\\" wörd\"",
        ] {
            assert!(holds(secret, text), "{text}");
        }
        assert_eq!(forms("hunter2"), [b"hunter2"]);
    }

    #[test]
    fn a_secret_is_known_within_base64_wherever_it_begins() {
        for user in ["", "a", "ab", "app"] {
            let text = STANDARD_NO_PAD.encode(format!("{user}:hunter2hunter2?>"));
            assert!(holds("hunter2hunter2?>", &text), "{text}");
        }
        let text = URL_SAFE_NO_PAD.encode("\u{3ff}hunter2?>\u{3ff}");
        assert!(holds("\u{3ff}hunter2?>\u{3ff}", &text), "{text}");
    }
}
