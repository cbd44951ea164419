//! Where root acts by path: it may where nobody else can write, in the folders that batt makes for a script.

use super::evaluation::{commands, first_word};
use super::source::Source;

/// What makes, moves, removes or gives away by path.
const ACTS: &[&str] = &[
    "chown", "chmod", "mv", "rm", "rmdir", "mkdir", "ln", "cp", "touch", "mktemp", "cd", "install", "mkfifo",
    "truncate", "tee", "chgrp", "unlink", "pushd",
];
/// What is private, or nothing.
const PRIVATE: &[&str] = &["$TMPDIR", "$BATT_SCRATCH", "$BATT_DEST"];

pub(crate) fn findings(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        for command in commands(line) {
            let word = first_word(command.trim());
            // Its paths come first; what it looks for follows.
            let is_find = word == "find"
                && [" -exec ", " -execdir ", " -delete"]
                    .iter()
                    .any(|act| command.contains(act));
            let is_act = ACTS.contains(&word) || is_find;
            if is_act && !arguments(command, word).all(|path| is_private(source, index, path)) {
                found.push((
                    index + 1,
                    format!("`{word}` by path, outside of the private folders"),
                ));
            }
        }
        let copies = line
            .match_indices("dd of=")
            .filter_map(|(at, begin)| line[at + begin.len()..].split(' ').next());
        for target in redirections(line).into_iter().chain(copies) {
            if !is_private(source, index, target) {
                found.push((
                    index + 1,
                    format!("writes to `{target}`, outside of the private folders"),
                ));
            }
        }
    }
    found
}

/// The paths that a command gets: what is no option, and no owner or mode.
fn arguments<'a>(command: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    let mut words: Vec<&str> = command
        .trim()
        .split(' ')
        .skip(1)
        .filter(|word| !word.is_empty())
        .collect();
    if let Some(end) = words
        .iter()
        .position(|word| word.starts_with(['>', '<']) || word.starts_with("2>") || *word == "&")
    {
        words.truncate(end);
    }
    let mut paths = Vec::new();
    let mut takes_value = false;
    for argument in words {
        if std::mem::take(&mut takes_value) || argument == "--" {
            continue;
        }
        if word == "find" && (argument.starts_with('-') && paths.is_empty() && argument.len() == 2) {
            continue;
        }
        if word == "find" && argument.starts_with(['-', '!', '\\']) {
            break;
        }
        if argument.starts_with('-') {
            takes_value = argument == "-m" && word == "mkdir";
            continue;
        }
        paths.push(argument);
    }
    // The first of these is no path: an owner, a mode, what a link leads to.
    if ["chown", "chgrp", "chmod", "ln"].contains(&word) && paths.len() > 1 {
        paths.remove(0);
    }
    paths.into_iter()
}

/// What is written to by `>` and `>>`.
fn redirections(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    let bytes = line.as_bytes();
    let mut quoted = false;
    let mut nested = Vec::new();
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' if at == 0 || bytes[at - 1] != b'\\' => quoted = !quoted,
            b'(' if at > 0 && bytes[at - 1] == b'$' => nested.push(std::mem::take(&mut quoted)),
            b')' if !quoted => quoted = nested.pop().unwrap_or(false),
            b'>' if !quoted => {
                let is_part = at > 0
                    && (matches!(bytes[at - 1], b'>' | b'<' | b'-' | b'=')
                        || line[..at].contains("((")
                        || line[..at].contains("[[ "));
                let rest = line[at + 1..].trim_start_matches('>').trim_start();
                if is_part || rest.starts_with(['&', '(']) {
                    continue;
                }
                let end = rest.find([' ', ';', ')']).unwrap_or(rest.len());
                targets.push(&rest[..end]);
            }
            _ => {}
        }
    }
    targets
}

/// Returns whether nobody else can write where a path is.
fn is_private(source: &Source, index: usize, path: &str) -> bool {
    let path = path.trim_matches('"');
    if ["/dev/null", "/", "&2"].contains(&path) {
        return true;
    }
    if path.contains("..") {
        return false;
    }
    if is_plain(path) {
        return works_in_private(source, index);
    }
    let beginning = path.split('/').next().unwrap_or_default().replace(['{', '}'], "");
    if PRIVATE.contains(&beginning.as_str()) {
        return true;
    }
    let Some(name) = beginning.strip_prefix('$') else {
        return false;
    };
    // `$name.sql` is beside what the name leads to.
    match name.split_once('.') {
        Some((name, _)) => is_private_name(source, index, name, true),
        None => is_private_name(source, index, name, false),
    }
}

/// Returns whether a path is written out, and begins where the script works.
fn is_plain(path: &str) -> bool {
    !path.starts_with(['/', '-'])
        && !path.is_empty()
        && path
            .chars()
            .all(|sign| sign.is_ascii_alphanumeric() || "_-./".contains(sign))
}

/// Returns whether the folder that a script works in is private: where it last went, or one that `batt stage` has made for it.
fn works_in_private(source: &Source, index: usize) -> bool {
    let function = source.function_of(index);
    let mut is_private_now = false;
    let mut is_staged = false;
    for (at, line) in source.lines.iter().enumerate() {
        // What a function does, it does wherever the script has gone by then.
        let is_earlier = at < index;
        if !is_earlier && function.is_none() {
            break;
        }
        if !is_earlier && commands(line).any(|command| command.contains("batt stage ")) {
            return false;
        }
        let its = source.function_of(at);
        if its.is_some() && (its != function || !is_earlier) {
            continue;
        }
        if line.contains("BATT_STAGE") {
            is_staged = true;
        }
        if is_staged && line.contains("batt stage ") && line.contains("\"$0\"") {
            is_private_now = true;
        }
        for command in commands(line) {
            if first_word(command.trim()) != "cd" {
                continue;
            }
            let is_private_folder = arguments(command, "cd").all(|path| {
                if is_plain(path) {
                    is_private_now
                } else {
                    path != "/" && is_private(source, at, path)
                }
            });
            if is_earlier {
                is_private_now = is_private_folder;
            } else if !is_private_folder {
                return false;
            }
        }
    }
    is_private_now
}

/// Returns whether all that is given to a variable are private folders, or what lies within them.
fn is_private_name(source: &Source, index: usize, name: &str, is_within: bool) -> bool {
    if name.is_empty() || name.starts_with(|sign: char| !sign.is_ascii_alphabetic() && sign != '_') {
        return false;
    }
    let mut is_given = false;
    for line in &source.lines {
        for (at, _) in line.match_indices(&format!("{name}=")) {
            if line[..at].ends_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '_') {
                continue;
            }
            let value = line[at + name.len() + 1..]
                .trim_start_matches('"')
                .replace(['{', '}'], "");
            let value = value.split([' ', ';', '"']).next().unwrap_or_default();
            if value.is_empty() || value == "''" {
                continue;
            }
            let beginning = value.split('/').next().unwrap_or_default();
            let is_private = PRIVATE.contains(&beginning) && (value.contains('/') || !is_within)
                || is_plain(value) && works_in_private(source, index);
            if !is_private || value.contains("..") {
                return false;
            }
            is_given = true;
        }
    }
    is_given
}
