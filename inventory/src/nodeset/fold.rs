//! Names to brackets, for people: what ClusterShell calls folding.

use std::collections::{BTreeMap, HashMap, HashSet};

/// A name taken apart at its numbers; each number has become the set of those seen there.
struct Folded {
    texts: Vec<String>,
    numbers: Vec<Vec<String>>,
}

/// Folds names to as few as brackets allow: `db01`, `db02`, `web7` become `db[01-02]`, `web7`.
///
/// Expanding the result gives exactly the given names, each once, with their zeros. The order is that of the first
/// name of each fold; within brackets it is by number.
pub fn fold<I, S>(names: I) -> Vec<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    let mut seen = HashSet::new();
    let mut all: Vec<Folded> = Vec::new();
    for name in names {
        let name = name.as_ref();
        if seen.insert(name.to_owned()) {
            all.push(take_apart(name));
        }
    }
    // One dimension after the other, the last first: what differs only there becomes one.
    let most = all.iter().map(|folded| folded.numbers.len()).max().unwrap_or(0);
    for dimension in (0..most).rev() {
        all = merge(all, dimension);
    }
    all.iter().map(Folded::written).collect()
}

fn take_apart(name: &str) -> Folded {
    let mut folded = Folded {
        texts: vec![String::new()],
        numbers: Vec::new(),
    };
    // The digits of an IPv6 address are hexadecimal, and brackets would be read as ranges again.
    if name.contains([':', '[', ']', ',']) {
        folded.texts[0].push_str(name);
        return folded;
    }
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (text, tail) = rest.split_at(start);
        let length = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, tail) = tail.split_at(length);
        push_text(&mut folded.texts, text);
        // Longer numbers than a range can hold stay text.
        if digits.len() > 18 {
            push_text(&mut folded.texts, digits);
        } else {
            folded.numbers.push(vec![digits.to_owned()]);
            folded.texts.push(String::new());
        }
        rest = tail;
    }
    push_text(&mut folded.texts, rest);
    folded
}

fn push_text(texts: &mut [String], text: &str) {
    if let Some(last) = texts.last_mut() {
        last.push_str(text);
    }
}

fn merge(all: Vec<Folded>, dimension: usize) -> Vec<Folded> {
    let mut merged: Vec<Folded> = Vec::new();
    let mut places: HashMap<(Vec<String>, Vec<Vec<String>>), usize> = HashMap::new();
    for folded in all {
        if dimension >= folded.numbers.len() {
            merged.push(folded);
            continue;
        }
        let mut others = folded.numbers.clone();
        let numbers = others.remove(dimension);
        match places.entry((folded.texts.clone(), others)) {
            std::collections::hash_map::Entry::Occupied(place) => {
                merged[*place.get()].numbers[dimension].extend(numbers);
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(folded);
            }
        }
    }
    // Equal sets must look equal when the next dimension compares them.
    for folded in &mut merged {
        if let Some(numbers) = folded.numbers.get_mut(dimension) {
            numbers.sort_by_key(|digits| (value(digits), digits.len()));
        }
    }
    merged
}

fn value(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

impl Folded {
    fn written(&self) -> String {
        let mut written = String::new();
        for (index, text) in self.texts.iter().enumerate() {
            written.push_str(text);
            match self.numbers.get(index).map(Vec::as_slice) {
                None => {}
                Some([only]) => written.push_str(only),
                Some(several) => {
                    written.push('[');
                    written.push_str(&ranges(several));
                    written.push(']');
                }
            }
        }
        written
    }
}

/// Writes numbers as ranges. A range begun with zeros goes on with zeros: `08`, `09`, `10` but `8`, `9`, `10`.
fn ranges(numbers: &[String]) -> String {
    let filled = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    let mut left: HashSet<&str> = numbers.iter().map(String::as_str).collect();
    let mut written: BTreeMap<(u64, usize), String> = BTreeMap::new();
    // Those with zeros first: only they can claim `10` for `[08-10]`; what they leave is plain.
    let (with_zeros, plain): (Vec<&String>, Vec<&String>) = numbers.iter().partition(|digits| filled(digits));
    for first in with_zeros.into_iter().chain(plain) {
        if !left.remove(first.as_str()) {
            continue;
        }
        let width = if filled(first) { first.len() } else { 1 };
        let mut last = first.clone();
        loop {
            let next = format!("{:0width$}", value(&last).saturating_add(1));
            if next.len() > 18 || !left.remove(next.as_str()) {
                break;
            }
            last = next;
        }
        let range = if last == *first {
            last
        } else {
            format!("{first}-{last}")
        };
        written.insert((value(first), first.len()), range);
    }
    written.into_values().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::fold;
    use crate::nodeset::expand;

    fn folded(names: &[&str]) -> String {
        fold(names).join(" ")
    }

    #[test]
    fn names_fold_to_ranges() {
        assert_eq!(folded(&["web1", "web2", "web3", "web7"]), "web[1-3,7]");
        assert_eq!(folded(&["db01", "db02", "db03"]), "db[01-03]");
        assert_eq!(folded(&["db08", "db09", "db10", "db11"]), "db[08-11]");
        assert_eq!(folded(&["db8", "db9", "db10"]), "db[8-10]");
        assert_eq!(folded(&["db1", "db01", "db001"]), "db[1,01,001]");
        assert_eq!(folded(&["db099", "db100"]), "db[099-100]");
        assert_eq!(folded(&["pg1"]), "pg1");
        assert_eq!(folded(&["alpha", "beta"]), "alpha beta");
        assert_eq!(folded(&["web2", "db1", "web1", "web2"]), "web[1-2] db1");
        assert_eq!(folded(&["r1n1", "r1n2", "r2n1", "r2n2"]), "r[1-2]n[1-2]");
        assert_eq!(folded(&["r1n1", "r1n2", "r2n1"]), "r1n[1-2] r2n1");
        assert_eq!(folded(&["db1.s3.net", "db2.s3.net"]), "db[1-2].s3.net");
        assert_eq!(folded(&["10.0.0.1", "10.0.0.2"]), "10.0.0.[1-2]");
        assert_eq!(folded(&["fe80::1", "fe80::2"]), "fe80::1 fe80::2");
        assert_eq!(folded(&[]), "");
    }

    /// A small generator of its own (xorshift), so that a failure is the same on every run.
    fn next(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn what_is_folded_expands_to_the_same_names() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for round in 0..3000 {
            let count = next(&mut state) % 40;
            let mut names: Vec<String> = (0..count)
                .map(|_| {
                    let base = ["db", "web", "r", ""][usize::try_from(next(&mut state) % 4).unwrap()];
                    let width = usize::try_from(next(&mut state) % 4).unwrap();
                    let number = next(&mut state) % 130;
                    match next(&mut state) % 3 {
                        0 => format!("{base}{number:0width$}"),
                        1 => format!("{base}{number:0width$}.net"),
                        _ => format!("{base}{}n{number:0width$}-x", next(&mut state) % 5),
                    }
                })
                .collect();
            let short = fold(&names);
            let mut back: Vec<String> = short.iter().flat_map(|name| expand(name).unwrap()).collect();
            back.sort();
            names.sort();
            names.dedup();
            assert_eq!(back, names, "round {round}: {short:?}");
            assert_eq!(fold(&back).len(), short.len(), "folding again is no worse");
        }
    }

    #[test]
    fn what_is_expanded_folds_to_the_same_text() {
        for text in [
            "db[01-12].example.net",
            "web[1-3,7]",
            "r[1-2]n[01-10]",
            "n[001-100]",
            "a[09-11,20]",
            "x[0-5]",
        ] {
            assert_eq!(fold(expand(text).unwrap()), [text]);
        }
    }

    #[test]
    fn numbers_beyond_every_range_stay_text() {
        let long = "n12345678901234567890";
        assert_eq!(fold([long]), [long]);
        let edge = ["n999999999999999999", "n1000000000000000000"];
        assert_eq!(fold(edge), edge);
    }
}
