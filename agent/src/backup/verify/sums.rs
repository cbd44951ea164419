//! `SHA256SUMS`, as `sha256sum` writes and reads it, and not one byte otherwise.

use std::collections::BTreeMap;

use batt_protocol::text::quoted;

use super::SUMS;

/// The sums that stand in `SHA256SUMS`, by file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, String>);

impl Sums {
    /// Parses the whole file: each line is 64 hexadecimal digits in lower case, two blanks and a name that has no other
    /// line. `sha256sum` passes over a line that it does not understand; here it is damage.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|cause| format!("`{SUMS}` is not UTF-8: {cause}"))?;
        let lines = text
            .strip_suffix('\n')
            .ok_or_else(|| format!("`{SUMS}` is cut: its last line has no end"))?;
        let mut sums = BTreeMap::new();
        for (index, line) in lines.split('\n').enumerate() {
            let (name, sum) = parse_line(line)
                .ok_or_else(|| format!("`{SUMS}` line {} is no sum and a name", index + 1))?;
            if sums.insert(name.clone(), sum).is_some() {
                return Err(format!("`{SUMS}` names {} twice", quoted(&name)));
            }
        }
        Ok(Self(sums))
    }

    pub(super) fn of(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, sum)| (name.as_str(), sum.as_str()))
    }
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |line| (true, line));
    let (sum, name) = line.split_once("  ")?;
    let digits = |sum: &str| sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let name = if escaped {
        unescaped(name)?
    } else if name.contains('\\') {
        // `sha256sum` would have escaped it.
        return None;
    } else {
        name.to_owned()
    };
    (digits(sum) && !name.is_empty()).then(|| (name, sum.to_owned()))
}

/// Undoes what [`sum_line`] does to a name.
fn unescaped(name: &str) -> Option<String> {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next()? {
                '\\' => plain.push('\\'),
                'n' => plain.push('\n'),
                'r' => plain.push('\r'),
                _ => return None,
            },
            c => plain.push(c),
        }
    }
    Some(plain)
}

/// Returns a line of `SHA256SUMS`. What would break the line in the name is escaped as `sha256sum` does.
pub(crate) fn sum_line(sha256: &str, file: &str) -> String {
    if file.contains(['\\', '\n', '\r']) {
        let name = file
            .replace('\\', "\\\\")
            .replace('\n', "\\n")
            .replace('\r', "\\r");
        return format!("\\{sha256}  {name}\n");
    }
    format!("{sha256}  {file}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn every_name_comes_back_as_it_was_written() {
        for name in [
            "a", "deep/a b", " a", "a\\n", "a\\", "a\nb", "a\r", "\\\\n\n", "größe", "*a",
        ] {
            let sums = Sums::parse(sum_line(SUM, name).as_bytes()).unwrap();
            assert_eq!(sums.of(name), Some(SUM), "{name:?}");
        }
    }

    #[test]
    fn sha256sum_reads_the_same_names() {
        use std::process::{Command, Stdio};
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "b c", "d\\n", "e\nf", "g\r", "-h"];
        let mut text = String::new();
        for name in names {
            std::fs::write(folder.path().join(name), "abc").unwrap();
            text.push_str(&sum_line(SUM, name));
        }
        std::fs::write(folder.path().join(SUMS), &text).unwrap();
        let checked = Command::new("sha256sum")
            .args(["-c", "--strict", SUMS])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
    }

    #[test]
    fn what_sha256sum_would_pass_over_is_damage() {
        let line = sum_line(SUM, "a");
        let wrong = [
            String::new(),
            "\n".to_owned(),
            line.trim_end().to_owned(),
            format!("{line}{line}"),
            format!("{line}\n"),
            format!("# note\n{line}"),
            line.to_uppercase(),
            line.replace("  ", " *"),
            line.replacen('b', "", 1),
            format!("\\{line}x\\q\n"),
            format!("{SUM}  a\\b\n"),
            format!("{SUM}  \n"),
        ];
        for text in wrong {
            assert!(Sums::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Sums::parse(b"\xff\n").is_err());
    }
}
