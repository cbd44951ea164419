//! The head of a statement with a body: what kind of thing it makes, and of which name. Dump programs write triggers as people have typed
//! them, in the SQL mode that they had, so a name may stand between backticks, double quotes, or neither.

/// A token of a head.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Name(String),
    Mark(u8),
}

/// Kinds of things with a body, by their word.
const KINDS: [(&str, &str); 5] = [
    ("PROCEDURE", "procedure"),
    ("FUNCTION", "function"),
    ("TRIGGER", "trigger"),
    ("EVENT", "event"),
    ("PACKAGE", "package"),
];

/// How many tokens may stand before the word that tells the kind: `CREATE OR REPLACE DEFINER = a @ b AGGREGATE FUNCTION`.
const BEFORE: usize = 16;

/// Reads what a statement makes from its first bytes.
pub(super) fn made_by(head: &[u8]) -> Option<(&'static str, String)> {
    let tokens = tokens(head);
    let is_word = |at: usize, word: &str| matches!(tokens.get(at), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
    if !is_word(0, "CREATE") {
        return None;
    }
    let (mut at, mut kind) = (1..BEFORE).find_map(|at| {
        let (_, kind) = KINDS.iter().find(|(word, _)| is_word(at, word))?;
        Some((at + 1, *kind))
    })?;
    if kind == "package" && is_word(at, "BODY") {
        kind = "package-body";
        at += 1;
    }
    if is_word(at, "IF") && is_word(at + 1, "NOT") && is_word(at + 2, "EXISTS") {
        at += 3;
    }
    if tokens.get(at + 1) == Some(&Token::Mark(b'.')) {
        at += 2;
    }
    match tokens.get(at)? {
        Token::Word(name) | Token::Name(name) => Some((kind, name.clone())),
        Token::Mark(_) => None,
    }
}

fn tokens(head: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < head.len() && tokens.len() < BEFORE + 8 {
        let rest = &head[at..];
        let until =
            |mark: &[u8]| memchr::memmem::find(rest, mark).map_or(rest.len(), |found| found + mark.len());
        at += if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") {
            let mark = if rest[2] == b'!' { 3 } else { 4 };
            mark + rest[mark..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        } else if rest.starts_with(b"*/") {
            2
        } else if rest.starts_with(b"/*") {
            until(b"*/")
        } else if rest[0] == b'#' || rest.starts_with(b"-- ") {
            until(b"\n")
        } else if matches!(rest[0], b'`' | b'"' | b'\'') {
            let (name, length) = quoted(rest);
            tokens.push(Token::Name(name));
            length
        } else if is_part_of_word(rest[0]) {
            let length = rest.iter().take_while(|byte| is_part_of_word(**byte)).count();
            tokens.push(Token::Word(text(&rest[..length])));
            length
        } else {
            if !rest[0].is_ascii_whitespace() {
                tokens.push(Token::Mark(rest[0]));
            }
            1
        };
    }
    tokens
}

/// Reads a name between quotes, and how long it is with them.
fn quoted(rest: &[u8]) -> (String, usize) {
    let quote = rest[0];
    let mut name = Vec::new();
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        if *byte == quote {
            if rest.get(at + 1) != Some(&quote) {
                break;
            }
            at += 1;
        }
        name.push(*byte);
        at += 1;
    }
    (text(&name), (at + 1).min(rest.len()))
}

fn is_part_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::made_by;

    #[test]
    fn what_a_statement_makes_is_found() {
        let cases = [
            (
                "CREATE DEFINER=`root`@`localhost` PROCEDURE `tidy`()\nBEGIN",
                "procedure",
                "tidy",
            ),
            (
                "CREATE DEFINER=`event`@`%` AGGREGATE FUNCTION `a``b`(x INT)",
                "function",
                "a`b",
            ),
            (
                "/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `nightly` ON",
                "event",
                "nightly",
            ),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER shop . Shout before",
                "trigger",
                "Shout",
            ),
            (
                "/*!50003 CREATE*/ /*!50003 trigger /* of ours */ \"g \"\"1\" after",
                "trigger",
                "g \"1",
            ),
            (
                "CREATE DEFINER=\"root\"@\"localhost\" PACKAGE BODY \"bag\" AS",
                "package-body",
                "bag",
            ),
            (
                "CREATE DEFINER=`r`@`l` PACKAGE IF NOT EXISTS bag AS",
                "package",
                "bag",
            ),
        ];
        for (head, kind, name) in cases {
            assert_eq!(made_by(head.as_bytes()), Some((kind, name.to_owned())), "{head}");
        }
        for head in [
            "/*!50003 SET sql_mode = '' */",
            "DROP PROCEDURE `p`",
            "CREATE",
            "CREATE PROCEDURE",
            "",
        ] {
            assert_eq!(made_by(head.as_bytes()), None, "{head}");
        }
    }
}
