//! Small pieces of which messages are made: quoted names, lists, clipped and escaped text.
//! Whatever stands in an inventory is data; nothing of it reaches a terminal unescaped.

use std::fmt::Write;

/// How much of a foreign text a message shows.
const SHOWN: usize = 80;

/// Returns the text in backticks, control characters escaped, clipped to a length that fits a line.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push_str("...");
            break;
        }
        push_visible(&mut shown, character);
    }
    shown.push('`');
    shown
}

/// Returns the text with control and direction-changing characters escaped.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut shown, character);
    }
    shown
}

fn push_visible(shown: &mut String, character: char) {
    if is_hidden(character) {
        let _ = write!(shown, "{}", character.escape_default());
    } else {
        shown.push(character);
    }
}

/// Tells whether a terminal would act on the character instead of showing it.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns "`a`", "`a` and `b`", "`a`, `b` and `c`".
pub(crate) fn listed<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Tells whether a variable of this name holds something that must not be shown: a password, a secret, a token.
///
/// [`Value::masked`](crate::Value::masked) asks this for whoever prints or serialises `vars`.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token"].iter().any(|word| name.contains(word))
}

/// Tells whether a line of an inventory may hold a secret: one of its words names one, whatever follows it.
///
/// Stricter about words than [`is_secret_name`], as hosts may well be called `compass1`.
pub(crate) fn may_hold_secret(line: &str) -> bool {
    line.to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| {
            ["password", "passwd", "passphrase", "secret", "token"]
                .iter()
                .any(|part| word.contains(part))
                || word.split('_').any(|part| matches!(part, "pass" | "pw"))
        })
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, listed, may_hold_secret, quoted};

    #[test]
    fn foreign_text_is_escaped_and_clipped() {
        assert_eq!(quoted("a\x1b[2Jb\n"), "`a\\u{1b}[2Jb\\n`");
        assert_eq!(quoted("ab\u{202e}c"), "`ab\\u{202e}c`");
        assert_eq!(quoted(&"x".repeat(90)), format!("`{}...`", "x".repeat(80)));
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b"]), "`a` and `b`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn lines_with_secrets_are_known_by_their_words() {
        for line in [
            "db1 ansible_password hunter2",
            "MYSQL_PASS=x",
            "pass: x",
            "vars = { \"api-token\" = 1 }",
            "db_pw=x",
        ] {
            assert!(may_hold_secret(line), "{line}");
        }
        for line in ["hosts = [\"compass1\"]", "passenger-db", "bypass=1"] {
            assert!(!may_hold_secret(line), "{line}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(is_secret_name("ansible_become_PASSWORD"));
        assert!(is_secret_name("api_token"));
        assert!(!is_secret_name("rack"));
    }
}
