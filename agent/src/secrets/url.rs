//! Passwords in URLs: what stands between the first `:` and the last `@` of `scheme://user:password@host`.

use std::ops::Range;

/// A longer word is no URL that anybody connects with.
const LONGEST: usize = 8 << 10;

/// What stands behind a `://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserInfo {
    /// It may become a password: more of the text is needed.
    Open,
    /// No password.
    Without,
    /// The place of the password, from the `://` on.
    Password(Range<usize>),
}

/// Looks for a password in a text that begins with `://`. `whole`: nothing more of the text will come.
///
/// A password that is not encoded as RFC 3986 asks is found as well: it reaches to the last `@` of the word, unless a port
/// stands before that.
pub(crate) fn user_info(text: &[u8], whole: bool) -> UserInfo {
    const BEGIN: usize = "://".len();
    let rest = text.get(BEGIN..).unwrap_or_default();
    let end = rest.iter().take(LONGEST).position(|byte| is_end_of_word(*byte));
    let word = &rest[..end.unwrap_or(rest.len().min(LONGEST))];
    let find = |wanted: &[u8]| word.iter().position(|byte| wanted.contains(byte));
    let (colon, path) = match (find(b":"), find(b"/?#")) {
        (Some(colon), path) if path.is_none_or(|path| colon < path) => (colon, path),
        (None, None) if end.is_none() && !whole && rest.len() < LONGEST => return UserInfo::Open,
        _ => return UserInfo::Without,
    };
    if end.is_none() && !whole && rest.len() < LONGEST {
        return UserInfo::Open;
    }
    let authority = &word[..path.unwrap_or(word.len())];
    let last_at = |part: &[u8]| part.iter().rposition(|byte| *byte == b'@');
    let is_host = || {
        let port = &authority[colon + 1..];
        word.starts_with(b"[") || port.iter().all(u8::is_ascii_digit)
    };
    let at = match last_at(authority) {
        None if is_host() => None,
        None => last_at(word),
        found => found,
    };
    match at {
        Some(at) if at > colon + 1 => UserInfo::Password(BEGIN + colon + 1..BEGIN + at),
        _ => UserInfo::Without,
    }
}

fn is_end_of_word(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"\"'`<>".contains(&byte)
}

/// Returns the passwords of the URLs in a text, each as it stands there and decoded.
pub(super) fn passwords(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, _) in text.match_indices("://") {
        let rest = &text.as_bytes()[place..];
        if let UserInfo::Password(range) = user_info(rest, true) {
            let password = &rest[range];
            let decoded = decoded(password);
            found.push(String::from_utf8_lossy(password).into_owned());
            if decoded != password {
                found.extend(String::from_utf8(decoded));
            }
        }
    }
    found
}

/// Replaces each `%XX` by its byte.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let encoded = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match encoded {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Option<&str> {
        match user_info(text.as_bytes(), true) {
            UserInfo::Password(range) => text.get(range),
            _ => None,
        }
    }

    #[test]
    fn a_password_is_told_from_ports_and_paths() {
        assert_eq!(password("://app:hunter2@db1:5432/shop"), Some("hunter2"));
        assert_eq!(password("://:hunter2@cache:6379/0"), Some("hunter2"));
        assert_eq!(password("://u:p@ss@db1"), Some("p@ss"));
        assert_eq!(password("://u:pa/ss?@db1/x"), Some("pa/ss?"));
        assert_eq!(password("://u:pass@db1, and me@home"), Some("pass"));
        for text in [
            "://db1:8080/a@b",
            "://db1/a:b@c",
            "://me@db1:22",
            "://u:@db1",
            "://[::1]:80/a@b",
            "://a:b",
            "://",
        ] {
            assert_eq!(password(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_become_a_password_waits_and_nothing_else_does() {
        let look = |text: &str| user_info(text.as_bytes(), false);
        for text in ["://", "://app", "://app:hun", "://app:hunter2@db"] {
            assert_eq!(look(text), UserInfo::Open, "{text}");
        }
        assert_eq!(look("://db1/x"), UserInfo::Without);
        assert_eq!(look("://db1 "), UserInfo::Without);
        assert_eq!(look(&format!("://{}", "a:".repeat(LONGEST))), UserInfo::Without);
    }
}
