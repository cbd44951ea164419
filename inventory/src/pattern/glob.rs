//! Globs over names: `*` for any characters, `?` for one.

/// Tells whether a text is a glob.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Tells whether a glob matches a name as a whole. Takes at most the product of both lengths, whatever the glob.
pub(crate) fn matches(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut at, mut next) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while next < name.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, next));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == name[next] => {
                at += 1;
                next += 1;
            }
            // Let the last star take one more; earlier stars need never be tried again.
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    next = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_match() {
        for (glob, name) in [
            ("*", ""),
            ("web*", "web1"),
            ("w?b1", "web1"),
            ("*.net", "a.b.net"),
            ("a*b*c", "axxbyybc"),
            ("**", "x"),
        ] {
            assert!(matches(glob, name), "{glob} {name}");
        }
        for (glob, name) in [
            ("", "a"),
            ("?", ""),
            ("web?", "web"),
            ("web*1", "web2"),
            ("*a", "b"),
            ("web", "web1"),
        ] {
            assert!(!matches(glob, name), "{glob} {name}");
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        assert!(!matches(&format!("{}b", "a*".repeat(1000)), &"a".repeat(2000)));
    }
}
