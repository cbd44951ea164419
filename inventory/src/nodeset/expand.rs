//! Brackets to names. Ranges are ClusterShell's (`[1-9/2]`, `[1-3,7]`) and Ansible's (`[01:12]`, `[1:9:2]`, `[a:f]`).

use std::fmt;

use crate::text::quoted;

/// How many names one range may make.
const MOST_NAMES: usize = 100_000;
/// How long each of them may be, in bytes; a host's name has at most 253. It is checked before any is made.
const LONGEST_NAME: usize = 1_000;

/// A range that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeError {
    /// What is wrong, as a fragment in lower case that quotes the range.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for RangeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\nhint: {}", self.message, self.hint)
    }
}

impl std::error::Error for RangeError {}

enum Part<'a> {
    Text(&'a str),
    Ranges(Vec<Range>),
}

impl Part<'_> {
    /// Returns how much of a name it makes, at most.
    fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Ranges(ranges) => ranges.iter().map(Range::longest).max().unwrap_or(0),
        }
    }
}

struct Range {
    first: u64,
    last: u64,
    step: u64,
    digits: Digits,
}

/// How a member of a range is written.
#[derive(Clone, Copy)]
enum Digits {
    /// Decimal, filled with zeros to this width; 1 means not filled.
    Decimal(usize),
    /// One letter, by its code.
    Letter,
}

/// Expands the brackets of a name; a name without brackets is itself.
///
/// The first number gives the width: `[01-12]` makes `01` to `12`, `[1-12]` makes `1` to `12`, `[01-100]` makes
/// `01` to `100`. Several brackets multiply, the last one turning fastest. A comma in brackets lists ranges.
///
/// # Errors
/// Brackets that are empty, open or nested; a range that is no range, runs backwards, has a step of 0 or ends of
/// different width; more than 100,000 names, or names of more than 1,000 bytes.
pub fn expand(text: &str) -> Result<Vec<String>, RangeError> {
    if !text.contains(['[', ']']) {
        return Ok(vec![text.to_owned()]);
    }
    let parts = split(text)?;
    let length = parts
        .iter()
        .fold(0usize, |sum, part| sum.saturating_add(part.longest()));
    if length > LONGEST_NAME {
        return bad(text, "makes longer names than a host can have");
    }
    let mut count = 1usize;
    for part in &parts {
        if let Part::Ranges(ranges) = part {
            let choices = ranges
                .iter()
                .fold(0u64, |sum, range| sum.saturating_add(range.count()));
            count = count.saturating_mul(usize::try_from(choices).unwrap_or(usize::MAX));
        }
    }
    if count > MOST_NAMES {
        return Err(RangeError {
            message: format!("{} makes more than 100,000 names", quoted(text)),
            hint: "write a smaller range, or several".to_owned(),
        });
    }
    let mut names = vec![String::new()];
    for part in &parts {
        names = match part {
            Part::Text(text) => names.into_iter().map(|name| name + text).collect(),
            Part::Ranges(ranges) => names
                .iter()
                .flat_map(|name| ranges.iter().flat_map(move |range| range.names(name)))
                .collect(),
        };
    }
    Ok(names)
}

fn bad<T>(text: &str, what: &str) -> Result<T, RangeError> {
    Err(RangeError {
        message: format!("{}: {what}", quoted(text)),
        hint: "write ranges like `db[01-12]`, `web[1-3,7]` or `node[1-9/2]`".to_owned(),
    })
}

fn split(text: &str) -> Result<Vec<Part<'_>>, RangeError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let Some(open) = rest.find('[') else {
            if rest.contains(']') {
                return bad(text, "a `]` without its `[`");
            }
            parts.push(Part::Text(rest));
            return Ok(parts);
        };
        if rest[..open].contains(']') {
            return bad(text, "a `]` without its `[`");
        }
        parts.push(Part::Text(&rest[..open]));
        let Some(length) = rest[open + 1..].find(']') else {
            return bad(text, "a `[` without its `]`");
        };
        let inner = &rest[open + 1..open + 1 + length];
        if inner.contains('[') {
            return bad(text, "brackets within brackets");
        }
        let ranges = inner
            .split(',')
            .map(|item| Range::parse(item.trim(), text))
            .collect::<Result<_, _>>()?;
        parts.push(Part::Ranges(ranges));
        rest = &rest[open + length + 2..];
    }
}

impl Range {
    /// Returns the length of its longest member: at least the width, at most that of the largest number.
    fn longest(&self) -> usize {
        match self.digits {
            Digits::Decimal(width) => width.max(20),
            Digits::Letter => 1,
        }
    }

    fn parse(item: &str, text: &str) -> Result<Self, RangeError> {
        if item.is_empty() {
            return bad(text, "an empty range");
        }
        let (first, last, step) = if item.contains(':') {
            let mut pieces = item.splitn(3, ':');
            (pieces.next().unwrap_or_default(), pieces.next(), pieces.next())
        } else {
            let (ends, step) = item
                .split_once('/')
                .map_or((item, None), |(ends, step)| (ends, Some(step)));
            let (first, last) = ends
                .split_once('-')
                .map_or((ends, None), |(first, last)| (first, Some(last)));
            (first, last, step)
        };
        let last = last.unwrap_or(first);
        let step = match step.map(|step| (step, number(step))) {
            None => 1,
            Some((_, Some(step @ 1..))) => step,
            Some((written, _)) => return bad(text, &format!("{} is no step", quoted(written))),
        };
        if let ([from], [to]) = (first.as_bytes(), last.as_bytes())
            && ((from.is_ascii_lowercase() && to.is_ascii_lowercase())
                || (from.is_ascii_uppercase() && to.is_ascii_uppercase()))
        {
            let range = Self {
                first: u64::from(*from),
                last: u64::from(*to),
                step,
                digits: Digits::Letter,
            };
            return range.forwards(item, text);
        }
        let (Some(from), Some(to)) = (number(first), number(last)) else {
            return bad(text, &format!("{} is no range", quoted(item)));
        };
        let filled = |digits: &str| digits.len() > 1 && digits.starts_with('0');
        if filled(last) && last.len() != first.len() {
            return bad(text, &format!("the ends of {} differ in width", quoted(item)));
        }
        let width = if filled(first) { first.len() } else { 1 };
        Self {
            first: from,
            last: to,
            step,
            digits: Digits::Decimal(width),
        }
        .forwards(item, text)
    }

    fn forwards(self, item: &str, text: &str) -> Result<Self, RangeError> {
        if self.first > self.last {
            return bad(text, &format!("{} runs backwards", quoted(item)));
        }
        Ok(self)
    }

    fn count(&self) -> u64 {
        ((self.last - self.first) / self.step).saturating_add(1)
    }

    fn names(&self, before: &str) -> impl Iterator<Item = String> + use<'_> {
        let before = before.to_owned();
        (0..self.count()).map(move |turn| {
            let number = self.first + turn * self.step;
            match self.digits {
                Digits::Decimal(width) => format!("{before}{number:0width$}"),
                Digits::Letter => format!("{before}{}", char::from(u8::try_from(number).unwrap_or(b'?'))),
            }
        })
    }
}

/// Reads digits only: no sign, no blanks, at most 18, so that sums stay within 64 bits.
fn number(text: &str) -> Option<u64> {
    let good = matches!(text.len(), 1..=18) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::expand;

    fn joined(text: &str) -> String {
        expand(text).unwrap().join(" ")
    }

    #[test]
    fn ranges_make_names() {
        assert_eq!(joined("db1"), "db1");
        assert_eq!(
            joined("db[08-11].example.net"),
            "db08.example.net db09.example.net db10.example.net db11.example.net"
        );
        assert_eq!(joined("n[1-9/2]"), "n1 n3 n5 n7 n9");
        assert_eq!(joined("n[1-10/4]"), "n1 n5 n9");
        assert_eq!(joined("web[1-3,7]"), "web1 web2 web3 web7");
        assert_eq!(joined("web[1-2, 7]x"), "web1x web2x web7x");
        assert_eq!(joined("r[1-2]n[1-2]"), "r1n1 r1n2 r2n1 r2n2");
        assert_eq!(joined("db[01:03]"), "db01 db02 db03");
        assert_eq!(joined("db[1:5:2]"), "db1 db3 db5");
        assert_eq!(joined("db-[a:c]"), "db-a db-b db-c");
        assert_eq!(joined("db[99-101]"), "db99 db100 db101");
        assert_eq!(joined("db[0-1]"), "db0 db1");
        assert_eq!(joined("db[5]"), "db5");
        let names = expand("n[001-100]").unwrap();
        assert_eq!(
            (names.len(), names[0].as_str(), names[99].as_str()),
            (100, "n001", "n100")
        );
        assert_eq!(expand("n[01-100]").unwrap()[98..], ["n99", "n100"]);
        assert_eq!(expand("n[1-100000]").unwrap().len(), 100_000);
    }

    #[test]
    fn bad_ranges_say_what_is_wrong() {
        let cases = [
            ("db[", "`db[`: a `[` without its `]`"),
            ("db]", "`db]`: a `]` without its `[`"),
            ("d]b[1]", "`d]b[1]`: a `]` without its `[`"),
            ("db[1[2]]", "`db[1[2]]`: brackets within brackets"),
            ("db[]", "`db[]`: an empty range"),
            ("db[1,]", "`db[1,]`: an empty range"),
            ("db[9-1]", "`db[9-1]`: `9-1` runs backwards"),
            ("db[c:a]", "`db[c:a]`: `c:a` runs backwards"),
            ("db[1-9/0]", "`db[1-9/0]`: `0` is no step"),
            ("db[1-9/x]", "`db[1-9/x]`: `x` is no step"),
            ("db[1-010]", "`db[1-010]`: the ends of `1-010` differ in width"),
            ("db[a-3]", "`db[a-3]`: `a-3` is no range"),
            ("db[-1]", "`db[-1]`: `-1` is no range"),
            ("db[1-2-3]", "`db[1-2-3]`: `1-2-3` is no range"),
            ("db[1:2:3:4]", "`db[1:2:3:4]`: `3:4` is no step"),
            (
                "db[1-9999999999999999999]",
                "`db[1-9999999999999999999]`: `1-9999999999999999999` is no range",
            ),
            ("db[1-100001]", "`db[1-100001]` makes more than 100,000 names"),
            (
                "a[1-1000]b[1-1000]",
                "`a[1-1000]b[1-1000]` makes more than 100,000 names",
            ),
            (
                "a[0-999999999999999999]b[0-999999999999999999]",
                "`a[0-999999999999999999]b[0-999999999999999999]` makes more than 100,000 names",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(expand(text).unwrap_err().message, message);
        }
    }

    /// One line of many brackets, or of one wide number, would take memory without end.
    #[test]
    fn names_that_no_host_can_have_are_refused_before_they_are_made() {
        let wide = format!("web[{}1-99999]", "0".repeat(2_000));
        for text in [
            "a[1]".repeat(100_000),
            format!("{}[1-99999]", "a".repeat(2_000)),
            wide,
        ] {
            let error = super::expand(&text).unwrap_err();
            assert!(error.message.len() < 1_000, "{error}");
        }
        assert_eq!(
            super::expand(&format!("{}[1-3]", "a".repeat(250))).unwrap().len(),
            3
        );
    }
}
