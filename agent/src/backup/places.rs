//! Where backups may lie: each pattern that a run has put them by.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use batt_protocol::Error;

use crate::files;
use crate::home::Home;
use crate::pattern::Pattern;

/// The longest file that is read.
const LIMIT: u64 = 1 << 20;
/// So many patterns are remembered; of more, the newest.
const MOST: usize = 1_000;

/// Remembers the pattern of a run, unless it is known.
///
/// # Errors
/// A disk that does not take it.
pub(crate) fn remember_place(home: &Home, pattern: &Pattern) -> Result<(), Error> {
    let mut known = remembered(home);
    if known.contains(pattern) {
        return Ok(());
    }
    let path = home.places();
    let fail = |cause: std::io::Error| Error::system(format!("cannot write `{}`", path.display()), cause);
    files::make_private_folder(&home.var())?;
    if known.len() >= MOST {
        known.push(pattern.clone());
        let newest = &known[known.len() - MOST / 2..];
        let text: String = newest.iter().map(|pattern| format!("{pattern}\n")).collect();
        return files::replace(&path, text.as_bytes(), 0o600);
    }
    // A newline before it too: a line that a crash cut off ends there.
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    files::open_own(&path, &mut options)
        .and_then(|mut file| {
            file.write_all(format!("\n{pattern}\n").as_bytes())
                .and_then(|()| file.sync_data())
        })
        .map_err(fail)
}

/// Returns every pattern that backups may have been put by: those of runs, that of batt.toml, and the default.
pub(crate) fn places(home: &Home, set: Option<&Pattern>) -> Vec<Pattern> {
    let mut places = remembered(home);
    let default = Pattern::DEFAULT.parse().ok();
    for pattern in set.cloned().into_iter().chain(default) {
        if !places.contains(&pattern) {
            places.push(pattern);
        }
    }
    places
}

/// Returns the patterns of the file, the oldest first. What is no pattern in it is passed over.
fn remembered(home: &Home) -> Vec<Pattern> {
    let text = files::read_bytes(&home.places(), LIMIT).ok().flatten();
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.filter_map(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_is_remembered_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let (first, second): (Pattern, Pattern) = ("/a/%Y".parse().unwrap(), "/b/{host}".parse().unwrap());
        for pattern in [&first, &second, &first] {
            remember_place(&home, pattern).unwrap();
        }
        assert_eq!(remembered(&home), [first.clone(), second]);
        let set: Pattern = "/c".parse().unwrap();
        let all: Vec<String> = places(&home, Some(&set))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["/a/%Y", "/b/{host}", "/c", Pattern::DEFAULT]);
        for number in 0..MOST {
            remember_place(&home, &format!("/n/{number}").parse().unwrap()).unwrap();
        }
        assert!(remembered(&home).len() <= MOST);
    }
}
