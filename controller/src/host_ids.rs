//! Which host answered with which id: two names of one host would run it twice, and a host that claims the id of another must
//! not push that one out.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use batt_protocol::HostClass;

use crate::host::Host;
use crate::trouble::Trouble;

/// The ids that hosts of a run have greeted with, and those that are remembered of earlier runs. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostIds(Arc<Mutex<Claims>>);

#[derive(Debug, Default)]
struct Claims {
    /// What each name had before.
    remembered: HashMap<Host, String>,
    /// The name that had each id before.
    owners: HashMap<String, Host>,
    hosts: HashMap<String, Host>,
    ids: HashMap<Host, String>,
    /// Ids that two names claimed, of which none is remembered to have it.
    contested: HashSet<String>,
}

impl HostIds {
    /// Returns what is known when a run begins: the ids of these names in earlier runs. An id that is remembered of two
    /// names is remembered of none.
    pub(crate) fn remembering(known: BTreeMap<Host, String>) -> Self {
        let mut owners: HashMap<String, Option<Host>> = HashMap::new();
        for (host, id) in &known {
            owners
                .entry(id.clone())
                .and_modify(|owner| *owner = None)
                .or_insert_with(|| Some(host.clone()));
        }
        let owners: HashMap<String, Host> = owners
            .into_iter()
            .filter_map(|(id, owner)| Some((id, owner?)))
            .collect();
        Self(Arc::new(Mutex::new(Claims {
            remembered: known.into_iter().collect(),
            owners,
            ..Claims::default()
        })))
    }

    /// Notes that `host` greeted with `id`. Returns a warning when it is another one than in earlier runs.
    ///
    /// # Errors
    /// When another host of this run did, when the id is that of another name in earlier runs, or when it is not the one
    /// that this host greeted with before in this run.
    pub(crate) fn claim(&self, id: &str, host: &Host) -> Result<Option<String>, Trouble> {
        // A home that is not laid out yet has no id.
        if id.is_empty() {
            return Ok(None);
        }
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.ids.get(host).is_some_and(|before| before != id) {
            return Err(Trouble::new(
                HostClass::Policy,
                "another host answers under this name than before",
            ));
        }
        // Whoever answers first: the name that had the id in earlier runs keeps it.
        if let Some(owner) = claims.owners.get(id).filter(|owner| *owner != host) {
            return Err(twice(format!(
                "it has the host id that `{owner}` had in earlier runs"
            ))
            .hint("If these names were exchanged in the inventory, remove `host-ids.json` in the state folder."));
        }
        match claims.hosts.entry(id.to_owned()) {
            Entry::Occupied(entry) if entry.get() != host => {
                let first = entry.get().clone();
                claims.contested.insert(id.to_owned());
                return Err(twice(format!(
                    "it has the same host id as `{first}`, which answered first"
                )));
            }
            Entry::Occupied(_) => return Ok(None),
            Entry::Vacant(entry) => entry.insert(host.clone()),
        };
        claims.ids.insert(host.clone(), id.to_owned());
        let is_new = claims.remembered.get(host).is_some_and(|before| before != id);
        Ok(is_new.then(|| {
            "its host id is another one than in earlier runs: it was reinstalled, or another machine answers under this name"
                .to_owned()
        }))
    }

    /// Returns what is to be remembered of this run. An id that two names claimed is not: who has it is for a person to say.
    pub(crate) fn learned(&self) -> BTreeMap<Host, String> {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims
            .ids
            .iter()
            .filter(|(_, id)| !claims.contested.contains(*id))
            .map(|(host, id)| (host.clone(), id.clone()))
            .collect()
    }
}

fn twice(reason: String) -> Trouble {
    Trouble::new(HostClass::Policy, reason)
        .hint("Two names of one host: take one out of the inventory.")
        .hint("A cloned machine: run `batt init --new-id` on one of them.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        name.parse().unwrap()
    }

    fn remembering(known: &[(&str, &str)]) -> HostIds {
        HostIds::remembering(
            known
                .iter()
                .map(|(name, id)| (host(name), (*id).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn an_id_belongs_to_one_name() {
        let ids = HostIds::default();
        let (one, two) = (host("db1"), host("db2"));
        assert!(ids.claim("x", &one).is_ok());
        assert!(ids.claim("x", &one).is_ok(), "it came back");
        let trouble = ids.claim("x", &two).unwrap_err();
        assert_eq!(trouble.class, HostClass::Policy);
        assert!(trouble.reason.contains("`db1`"));
        assert!(trouble.hints[1].contains("batt init --new-id"));
        assert!(ids.claim("y", &two).is_ok());
        assert!(ids.claim("z", &one).is_err(), "another host took its address");
        assert!(ids.claim("", &one).is_ok());
        assert_eq!(ids.learned(), [(two, "y".to_owned())].into(), "`x` is in dispute");
    }

    #[test]
    fn an_impostor_that_answers_first_pushes_nobody_out() {
        let ids = remembering(&[("db1", "x"), ("db2", "y")]);
        let trouble = ids.claim("x", &host("db2")).unwrap_err();
        assert_eq!(trouble.class, HostClass::Policy);
        assert!(
            trouble.reason.contains("that `db1` had in earlier runs"),
            "{}",
            trouble.reason
        );
        assert_eq!(ids.claim("x", &host("db1")), Ok(None));
        assert_eq!(ids.learned(), [(host("db1"), "x".to_owned())].into());
        // Also when the name that has it is not asked in this run.
        assert!(remembering(&[("db1", "x")]).claim("x", &host("db3")).is_err());
    }

    #[test]
    fn a_host_that_was_reinstalled_is_warned_of_and_remembered_anew() {
        let ids = remembering(&[("db1", "x")]);
        let warning = ids.claim("new", &host("db1")).unwrap().unwrap();
        assert!(warning.contains("reinstalled"), "{warning}");
        assert_eq!(ids.claim("new", &host("db1")), Ok(None), "once");
        assert_eq!(ids.learned(), [(host("db1"), "new".to_owned())].into());
    }

    #[test]
    fn what_is_remembered_of_two_is_remembered_of_none() {
        let ids = remembering(&[("db1", "x"), ("db2", "x")]);
        assert_eq!(ids.claim("x", &host("db2")), Ok(None));
        assert!(ids.claim("x", &host("db1")).is_err());
    }
}
