//! The host names of a line in known_hosts: hashed, or a list of patterns with `*`, `?` and `!` (sshd(8),
//! "SSH_KNOWN_HOSTS FILE FORMAT"; ssh_config(5), "PATTERNS").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Which hosts a line speaks of.
pub(crate) enum HostPattern {
    /// `|1|salt|hash`. The keyed state is made once, as each line is asked about each host.
    Hashed {
        keyed: Hmac<Sha1>,
        hash: Vec<u8>,
    },
    List(Vec<Element>),
}

/// One pattern of a list, in lower case.
pub(crate) struct Element {
    negated: bool,
    pattern: String,
}

impl HostPattern {
    /// Reads the first field of a line. Nothing when it is a hash that cannot be read.
    pub(crate) fn parse(field: &str) -> Option<HostPattern> {
        if let Some(hashed) = field.strip_prefix('|') {
            let mut parts = hashed.split('|');
            let (version, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
            if version != "1" || parts.next().is_some() {
                return None;
            }
            let keyed = Hmac::<Sha1>::new_from_slice(&STANDARD.decode(salt).ok()?).ok()?;
            return Some(HostPattern::Hashed {
                keyed,
                hash: STANDARD.decode(hash).ok()?,
            });
        }
        let element = |text: &str| {
            let (negated, pattern) = match text.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            Element {
                negated,
                pattern: pattern.to_lowercase(),
            }
        };
        Some(HostPattern::List(field.split(',').map(element).collect()))
    }

    /// Every host.
    pub(crate) fn everybody() -> HostPattern {
        HostPattern::List(vec![Element {
            negated: false,
            pattern: "*".to_string(),
        }])
    }

    /// Whether the name, in lower case, is meant. One `!pattern` that matches outweighs all others.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            HostPattern::Hashed { keyed, hash } => {
                keyed
                    .clone()
                    .chain_update(name.as_bytes())
                    .finalize()
                    .into_bytes()
                    .as_slice()
                    == hash
            }
            HostPattern::List(elements) => {
                let hit = |element: &&Element| matches_glob(element.pattern.as_bytes(), name.as_bytes());
                let mut hits = elements.iter().filter(hit).peekable();
                hits.peek().is_some() && hits.all(|element| !element.negated)
            }
        }
    }

    /// The names, when the line gives them literally: such lines are found by an index.
    pub(crate) fn literals(&self) -> Option<Vec<&str>> {
        let HostPattern::List(elements) = self else {
            return None;
        };
        let literal = |element: &Element| !element.negated && !element.pattern.contains(['*', '?']);
        elements
            .iter()
            .all(literal)
            .then(|| elements.iter().map(|element| element.pattern.as_str()).collect())
    }
}

/// Matches with one step of backtracking per `*`: at worst the product of the lengths, never exponential.
fn matches_glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((star_p, star_n)) => {
                    star = Some((star_p, star_n + 1));
                    p = star_p + 1;
                    n = star_n + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(field: &str, name: &str) -> bool {
        HostPattern::parse(field).unwrap().matches(name)
    }

    #[test]
    fn wildcards_and_negation() {
        for (field, name, expected) in [
            ("db1", "db1", true),
            ("db1", "db10", false),
            ("DB1,web", "db1", true),
            ("*", "anything", true),
            ("*.example.net", "db1.example.net", true),
            ("*.example.net", "example.net", false),
            ("db?.example.net", "db1.example.net", true),
            ("db?.example.net", "db12.example.net", false),
            ("*a*b*c", "xaxbxc", true),
            ("*a*b*c", "xaxcxb", false),
            ("!db1,*", "db1", false),
            ("*,!db1", "db1", false),
            ("*,!db1", "db2", true),
            ("!db1", "db2", false),
            ("[db1]:2222", "[db1]:2222", true),
            ("[db*]:2222", "[db1]:2222", true),
            ("", "db1", false),
        ] {
            assert_eq!(matches(field, name), expected, "{field} on {name}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        assert!(!matches(&format!("{}b", "*a".repeat(60)), &"a".repeat(250)));
    }

    #[test]
    fn a_broken_hash_is_no_pattern() {
        for field in [
            "|1|",
            "|1|AAAA",
            "|2|AAAA|AAAA",
            "|1|%%%%|AAAA",
            "|1|AAAA|AAAA|AAAA",
        ] {
            assert!(HostPattern::parse(field).is_none(), "{field}");
        }
    }
}
