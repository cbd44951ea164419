//! Which archives of a backup are meant.

use std::collections::{BTreeMap, BTreeSet};

use batt_protocol::text::{list_and, quoted, suggestion};
use batt_protocol::{Error, ExitCode};

use crate::backup::{ArchiveRecord, Manifest};
use crate::scope::plain;

/// Returns the archives that are called by these names, in the order of the manifest; all of them when none is named.
///
/// # Errors
/// A name that the backup does not hold (65), with the one that was probably meant.
pub(crate) fn choose(manifest: &Manifest, names: &[String]) -> Result<Vec<ArchiveRecord>, Error> {
    // Whoever wrote the manifest decides how many there are: each is looked at a fixed number of times.
    let (mut by_name, mut by_file) = (BTreeMap::new(), BTreeMap::new());
    for archive in manifest.archives.iter().rev() {
        by_name.extend(archive.name.as_deref().map(|name| (name, archive)));
        by_file.insert(archive.file.as_str(), archive);
    }
    let called = |name: &str| by_name.get(name).or_else(|| by_file.get(name));
    let mut files = BTreeSet::new();
    for name in names {
        let archive = called(name)
            .or_else(|| called(&plain(&manifest.service, name)))
            .or_else(|| called(&format!("{name}.zst")));
        let archive = archive.ok_or_else(|| unknown(manifest, name))?;
        files.insert(archive.file.as_str());
    }
    let chosen: Vec<ArchiveRecord> = manifest
        .archives
        .iter()
        .filter(|archive| names.is_empty() || files.contains(archive.file.as_str()))
        .cloned()
        .collect();
    if chosen.is_empty() {
        return Err(Error::new(ExitCode::NOTHING, "the backup holds no archives"));
    }
    Ok(chosen)
}

fn unknown(manifest: &Manifest, name: &str) -> Error {
    const SHOWN: usize = 20;
    let error = Error::new(ExitCode::NOTHING, format!("the backup holds no {}", quoted(name)));
    let known: Vec<&str> = manifest.archives.iter().map(ArchiveRecord::called).collect();
    if let Some(meant) = suggestion(name, known.iter().copied()) {
        return error.hint(format!("Did you mean {}?", quoted(meant)));
    }
    let shown = &known[..known.len().min(SHOWN)];
    let more = known.len() - shown.len();
    let rest = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    error.hint(format!("It holds {}{rest}.", list_and(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::example_manifest;

    #[test]
    fn archives_are_chosen_by_the_name_they_were_stored_under() {
        let mut manifest = example_manifest(&["pg_dumpall-globals.zst", "shop.zst", "old.sql.gz"]);
        manifest.archives[1].name = Some("shop".to_owned());
        let chosen = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            choose(&manifest, &names).map(|archives| {
                archives
                    .iter()
                    .map(|archive| archive.called().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            chosen(&[]).unwrap(),
            ["pg_dumpall-globals.zst", "shop", "old.sql.gz"]
        );
        assert_eq!(
            chosen(&["old.sql.gz", "shop", "shop"]).unwrap(),
            ["shop", "old.sql.gz"],
            "in the order of the manifest, each once"
        );
        assert_eq!(chosen(&["pg_dumpall-globals"]).unwrap().len(), 1);
        let error = chosen(&["shpo"]).unwrap_err();
        assert_eq!(error.exit(), ExitCode::NOTHING);
        assert_eq!(error.hints(), ["Did you mean `shop`?"]);
        assert!(chosen(&["nothing like it"]).unwrap_err().hints()[0].starts_with("It holds "));
    }
}
