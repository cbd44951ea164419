//! Names in a file: what it drops, what it makes.

/// Returns the names that a `DROP` has, as they are written.
pub(super) fn names_of(body: &str, kind: &str) -> Vec<String> {
    let lower = body.to_ascii_lowercase();
    let mut list = lower.find(kind).map_or("", |at| &body[at + kind.len()..]).trim();
    for skipped in ["if", "exists", "body"] {
        let is_it = list
            .get(..skipped.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(skipped))
            && list[skipped.len()..].starts_with(char::is_whitespace);
        if is_it {
            list = list[skipped.len()..].trim_start();
        }
    }
    let names = list
        .split(',')
        .filter_map(|name| name.trim().split(char::is_whitespace).next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The last part of a name, without backticks.
fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name).trim_matches('`')
}

/// The same name with a number, which makes it an odd one.
pub(super) fn beside(name: &str, number: usize) -> String {
    let place = name
        .rsplit_once('.')
        .map(|(place, _)| format!("{place}."))
        .unwrap_or_default();
    format!("{place}`{} #{number}`", bare(name))
}

/// Whether something of this name is made in this text.
pub(super) fn is_made(text: &str, name: &str) -> bool {
    let name = bare(name);
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let is_whole =
                !text[..at].ends_with(is_letter) && !text[at + name.len()..].starts_with(is_letter);
            let statement = text[..at].rsplit(';').next().unwrap_or_default();
            let begin = statement
                .char_indices()
                .rev()
                .take(100)
                .last()
                .map_or(0, |(at, _)| at);
            is_whole && statement[begin..].to_ascii_lowercase().contains("create ")
        })
}

/// Whether anything of this kind is made in this text.
pub(super) fn makes(text: &str, kind: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(kind).any(|(at, _)| {
        let line = lower[..at].rsplit(['\n', ';']).next().unwrap_or_default();
        line.contains("create ") && lower[..at].ends_with(' ')
    })
}

/// The names of databases that a text makes.
pub(super) fn own_names(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut names = Vec::new();
    for word in ["create database ", "create schema "] {
        for (at, _) in lower.match_indices(word) {
            let name = text[at + word.len()..].trim_start();
            let lower = &lower[lower.len() - name.len()..];
            let name = if lower.starts_with("if not exists ") {
                &name[14..]
            } else {
                name
            };
            let name = name.trim_start().trim_start_matches('`');
            let name: String = name
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect();
            if !name.is_empty() && name != "test" && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}
