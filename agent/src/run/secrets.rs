//! Which secrets are taken out of what a restore is held to.

use std::collections::BTreeSet;

use crate::conf_file::Conf;
use crate::ledger::Ledger;
use crate::secrets;

/// A secret that is shorter stands in words by chance: `yes`, `on`.
const SHORTEST: usize = 4;

/// Returns the secrets of a conf that must not stand in the content of archives.
///
/// Not those that are names as well, of an item, an archive, an object, or what another setting says, as `postgres` is
/// the password and the owner of everything on many a host: the name stands openly anyway, and without it nothing could be
/// restored.
pub(super) fn of_content(conf: &Conf, items: &[String], ledger: &Ledger) -> Vec<String> {
    let secrets = conf.secrets();
    let mut open: BTreeSet<&str> = ledger.names();
    open.extend(items.iter().map(String::as_str));
    let settings = conf.values().iter().filter(|(key, _)| !secrets::is_secret(key));
    open.extend(settings.flat_map(|(_, value)| value.split_whitespace()));
    let is_open = |secret: &String| open.contains(secret.as_str()) || secret.chars().count() < SHORTEST;
    secrets
        .iter()
        .filter(|secret| !is_open(secret))
        .cloned()
        .collect()
}
