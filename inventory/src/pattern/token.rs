//! Patterns to tokens. The same characters are operators in every form; which form it is shows later.

use std::ops::Range;

use crate::selection_error::SelectionError;

use super::unreadable;

/// A piece of a pattern and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Term(String),
    Compare { key: String, value: String, equal: bool },
    Comma,
    Colon,
    Ampersand,
    Exclamation,
    Caret,
    Open,
    Close,
    And,
    Or,
    Not,
}

/// Splits a pattern. An IPv6 address, with all its colons, is one term where blanks or the ends of the pattern bound it.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, SelectionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let start = at;
        at += character.len_utf8();
        let kind = match character {
            blank if blank.is_whitespace() => continue,
            ',' => Kind::Comma,
            ':' if !starts_address(&text[start..]) => Kind::Colon,
            '&' => Kind::Ampersand,
            '!' => Kind::Exclamation,
            '^' => Kind::Caret,
            '(' => Kind::Open,
            ')' => Kind::Close,
            _ => {
                let (kind, end) = word(text, start)?;
                at = end;
                kind
            }
        };
        tokens.push(Token {
            kind,
            span: start..at,
        });
    }
    Ok(tokens)
}

fn until_blank(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || c == ')')
        .next()
        .unwrap_or_default()
}

fn starts_address(text: &str) -> bool {
    until_blank(text).parse::<std::net::Ipv6Addr>().is_ok()
}

/// Reads a term, a word or a comparison that begins at `start`; returns it and where it ends.
fn word(text: &str, start: usize) -> Result<(Kind, usize), SelectionError> {
    if starts_address(&text[start..]) {
        let address = until_blank(&text[start..]);
        return Ok((Kind::Term(address.to_owned()), start + address.len()));
    }
    let is_group = text[start..].starts_with('@');
    let (mut inside, mut sourced) = (false, false);
    let mut end = text.len();
    for (offset, character) in text[start..].char_indices() {
        let at = start + offset;
        let after = text[at + character.len_utf8()..].chars().next();
        match character {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            '=' => return compare(text, start..at, at + 1, true),
            '!' if after == Some('=') && at > start => return compare(text, start..at, at + 2, false),
            // The colon of `@last:failed`; a second one, or one before an operator, is Ansible's.
            ':' if is_group
                && !sourced
                && after.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '*')) =>
            {
                sourced = true;
            }
            ',' | ':' | '&' | '!' | '^' | '(' | ')' => {
                end = at;
                break;
            }
            blank if blank.is_whitespace() => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    if inside {
        return Err(unreadable(
            text,
            start..end,
            "a `[` without its `]`",
            "write ranges like `db[01-12]`",
        ));
    }
    let kind = match &text[start..end] {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        term => Kind::Term(term.to_owned()),
    };
    Ok((kind, end))
}

fn compare(text: &str, key: Range<usize>, from: usize, equal: bool) -> Result<(Kind, usize), SelectionError> {
    const HINT: &str =
        "write it like `env=prod` or `rack!=r3`, in quotes when the value holds blanks or commas";
    if key.is_empty() {
        return Err(unreadable(
            text,
            key.start..from,
            "a comparison without a variable",
            HINT,
        ));
    }
    let rest = &text[from..];
    let (value, end) = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => match rest[1..].find(quote) {
            Some(length) => (&rest[1..=length], from + length + 2),
            None => return Err(unreadable(text, from..text.len(), "a quote is not closed", HINT)),
        },
        _ => {
            let value = until_blank(rest);
            // `env=prod,rack=r3` has no reading that everybody would share.
            if value.is_empty() || value.contains([',', '=', '&', '!', '^', '(']) {
                let end = from + value.len();
                return Err(unreadable(
                    text,
                    key.start..end,
                    "a comparison without a clear value",
                    HINT,
                ));
            }
            (value, from + value.len())
        }
    };
    Ok((
        Kind::Compare {
            key: text[key].to_owned(),
            value: value.to_owned(),
            equal,
        },
        end,
    ))
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    fn shown(text: &str) -> String {
        let tokens = tokens(text).unwrap();
        let words: Vec<String> = tokens
            .iter()
            .map(|token| match &token.kind {
                Kind::Term(term) => term.clone(),
                other => format!("{other:?}"),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn patterns_fall_into_tokens() {
        assert_eq!(
            shown("db:&prod:!db03"),
            "db Colon Ampersand prod Colon Exclamation db03"
        );
        assert_eq!(shown("@last:failed!rack3-*"), "@last:failed Exclamation rack3-*");
        assert_eq!(shown("@a!b:&c"), "@a Exclamation b Colon Ampersand c");
        assert_eq!(shown("@a:&c"), "@a Colon Ampersand c");
        assert_eq!(shown("web[01:12,20]^@old"), "web[01:12,20] Caret @old");
        assert_eq!(shown("not (db or web)"), "Not Open db Or web Close");
        assert_eq!(shown("::1"), "::1");
        assert_eq!(shown("fe80::1 and android"), "fe80::1 And android");
    }

    #[test]
    fn comparisons_have_a_key_and_a_value() {
        let compare = |text: &str| tokens(text).unwrap().remove(0).kind;
        let expected = |value: &str, equal| Kind::Compare {
            key: "env".into(),
            value: value.into(),
            equal,
        };
        assert_eq!(compare("env=prod"), expected("prod", true));
        assert_eq!(compare("env!=prod"), expected("prod", false));
        assert_eq!(compare("env='a b' and x"), expected("a b", true));
        for bad in ["=x", "env=", "env='x", "env=a,b", "db[1"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }
}
