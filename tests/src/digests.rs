//! Digests of definitions, as the backup of a service records them.

use std::collections::BTreeMap;

use crate::host::Host;

/// Asserts that edits of definitions are found: of two databases that were alike and backed up, each of these things of the second was
/// edited, and none of those that were kept.
#[track_caller]
pub fn assert_edits_are_found(
    host: &Host,
    service: &str,
    [first, second]: [&str; 2],
    edited: &[&str],
    kept: &[&str],
) {
    let (before, after) = (digests(host, service, first), digests(host, service, second));
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    let is_same = |key: &str| {
        assert!(before.contains_key(key), "`{key}` has no digest");
        before[key] == after[key]
    };
    let not_found: Vec<&&str> = edited.iter().filter(|key| is_same(key)).collect();
    assert!(not_found.is_empty(), "{not_found:?}");
    for key in kept {
        assert!(is_same(key), "`{key}` was not edited");
    }
}

/// Returns the digests of what is in an archive, by key without the form, each with what else is recorded of that thing.
fn digests(host: &Host, service: &str, archive: &str) -> BTreeMap<String, String> {
    let content = host.content(service, archive);
    let digests = content.iter().filter_map(|(key, value)| {
        let (form, key) = key.split_once('.')?;
        let besides = content.get(key).map_or("", String::as_str);
        let key = key.replace("%28", "(").replace("%29", ")");
        form.starts_with("definition-")
            .then(|| (key, format!("{value} {besides}")))
    });
    digests.collect()
}
