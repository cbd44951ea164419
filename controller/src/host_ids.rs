//! Which host answered with which id: two names of one host would run it twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use batt_protocol::HostClass;

use crate::host::Host;
use crate::trouble::Trouble;

/// The ids that hosts of a run have greeted with. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostIds(Arc<Mutex<Claims>>);

#[derive(Debug, Default)]
struct Claims {
    hosts: HashMap<String, Host>,
    ids: HashMap<Host, String>,
}

impl HostIds {
    /// Notes that `host` greeted with `id`.
    ///
    /// # Errors
    /// When another host of this run did, or when the id is not the one that this host greeted with before.
    pub(crate) fn claim(&self, id: &str, host: &Host) -> Result<(), Trouble> {
        // A home that is not laid out yet has no id.
        if id.is_empty() {
            return Ok(());
        }
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.ids.get(host).is_some_and(|before| before != id) {
            return Err(Trouble::new(
                HostClass::Policy,
                "another host answers under this name than before",
            ));
        }
        match claims.hosts.entry(id.to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(host.clone());
                claims.ids.insert(host.clone(), id.to_owned());
                Ok(())
            }
            Entry::Occupied(entry) if entry.get() == host => Ok(()),
            Entry::Occupied(entry) => Err(Trouble::new(
                HostClass::Policy,
                format!(
                    "it has the same host id as `{}`, which answered first",
                    entry.get()
                ),
            )
            .hint("Two names of one host: take one out of the inventory.")
            .hint("A cloned machine: run `batt init --new-id` on one of them.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_one_name() {
        let ids = HostIds::default();
        let (one, two): (Host, Host) = ("db1".parse().unwrap(), "db2".parse().unwrap());
        assert!(ids.claim("x", &one).is_ok());
        assert!(ids.claim("x", &one).is_ok(), "it came back");
        let trouble = ids.claim("x", &two).unwrap_err();
        assert_eq!(trouble.class, HostClass::Policy);
        assert!(trouble.reason.contains("`db1`"));
        assert!(trouble.hints[1].contains("batt init --new-id"));
        assert!(ids.claim("y", &two).is_ok());
        assert!(ids.claim("z", &one).is_err(), "another host took its address");
        assert!(ids.claim("", &one).is_ok());
    }
}
