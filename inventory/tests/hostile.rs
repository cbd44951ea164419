//! Whatever stands in a file or a pattern: an answer or an error with its place, never a panic, and never a name
//! that could be a path, an option or a command.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::{Path, PathBuf};

use batt_inventory::{Format, Inventory, NoGroups, Selection, expand};

/// A generator of its own (xorshift), so that a failure is the same on every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

const PIECES: [&str; 44] = [
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    "&",
    "!",
    "^",
    "@",
    "=",
    "!=",
    "\"",
    "'",
    "\\",
    "#",
    ";",
    "\n",
    "\r\n",
    " ",
    "\t",
    "-",
    ".",
    "..",
    "/",
    "$(id)",
    "~",
    "*",
    "?",
    "{{",
    "[db]",
    "[db:vars]",
    "[a:children]",
    "db[01-12]",
    "::1",
    "\u{0}",
    "\u{1b}",
    "\u{202e}",
    "ä",
    "and",
    "not",
    "or",
    "0",
    "ansible_host=",
];

fn fixtures() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = ["valid", "invalid"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let mut paths: Vec<PathBuf> = files
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(&path).ok()?)))
        .collect()
}

fn mutate(chance: &mut Chance, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(4) {
        let at = chance.below(characters.len() + 1);
        match chance.below(3) {
            0 => drop(characters.drain(at..(at + chance.below(6)).min(characters.len()))),
            1 => drop(characters.splice(at..at, chance.pick(&PIECES).chars())),
            _ => characters.truncate(at.max(characters.len() / 2)),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn damaged_files_are_read_or_refused_with_a_place() {
    let fixtures = fixtures();
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let (path, text) = &fixtures[chance.below(fixtures.len())];
        let text = mutate(&mut chance, text);
        let format = *chance.pick(&[
            &Format::of(path, &text),
            &Format::Native,
            &Format::AnsibleIni,
            &Format::PlainList,
        ]);
        match Inventory::parse(Path::new("fixture"), &text, format) {
            Ok(inventory) => {
                read += 1;
                for host in inventory.hosts() {
                    let name = host.name.as_str();
                    assert!(
                        !name.starts_with('-') && !name.contains("..") && !name.is_empty(),
                        "{name:?}"
                    );
                    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
                    assert!(name.chars().all(safe), "{name:?}");
                    assert!(inventory.explain(name).is_some(), "{name:?}");
                }
            }
            Err(error) => {
                refused += 1;
                let line = error.line().unwrap();
                assert!(line >= 1 && line <= text.split('\n').count(), "{error}\n{text:?}");
                let report = error.to_string();
                assert!(report.lines().last().unwrap().starts_with("hint: "), "{report}");
                assert!(
                    !report.contains(['\u{1b}', '\u{0}', '\r', '\u{202e}']),
                    "{report:?}"
                );
            }
        }
    }
    assert!(
        read > 300 && refused > 300,
        "both ends are reached: {read} read, {refused} refused"
    );
}

#[test]
fn patterns_of_any_text_are_answered() {
    let text = "[groups.db]\nhosts = [\"db[01-12]\", \"::1\"]\nvars = { env = \"prod\" }\n[groups.and-more]\nchildren = [\"db\"]\n";
    let inventory = Inventory::parse(Path::new("x"), text, Format::Native).unwrap();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let words = [
        "db",
        "db01",
        "@db",
        "db[0]",
        "db[01-03]",
        "env=prod",
        "all",
        "and-more",
    ];
    let mut selected = 0;
    for _ in 0..50_000 {
        let mut pattern = String::new();
        for _ in 0..=chance.below(8) {
            let piece = if chance.below(2) == 0 {
                chance.pick(&words)
            } else {
                chance.pick(&PIECES)
            };
            pattern.push_str(piece);
        }
        let selection = Selection {
            limit: vec![pattern.clone()],
            ..Selection::default()
        };
        match inventory.select(&selection, &NoGroups) {
            Ok(hosts) => {
                assert!(!hosts.is_empty(), "{pattern}");
                selected += 1;
            }
            Err(error) => {
                let report = error.to_string();
                assert!(report.contains("\nhint: "), "{report}");
                assert!(
                    !report.contains(['\u{1b}', '\u{0}', '\u{202e}']),
                    "{pattern:?}: {report:?}"
                );
            }
        }
    }
    assert!(selected > 1000, "{selected}");
}

#[test]
fn ranges_of_any_text_are_answered() {
    let mut chance = Chance(7);
    for _ in 0..50_000 {
        let text: String = (0..=chance.below(9))
            .map(|_| chance.pick(&["[", "]", "-", ":", ",", "/", "0", "1", "9", "a", "n", "07"]))
            .collect();
        if let Ok(names) = expand(&text) {
            assert!(
                !names.is_empty() && names.iter().all(|name| !name.contains(['[', ']'])),
                "{text}"
            );
        }
    }
}
