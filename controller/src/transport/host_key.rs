//! Whether the key that a host offers is the host's: pinned in the inventory, or known from files. There is no trust
//! on first use; what is not known beforehand is a failure that shows a person what to compare.

use std::fmt;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::known_hosts::{Entry, KnownHosts, Place, Statement};
use super::{ConnectFailure, FailureClass, Target};

/// A key and where it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Recorded {
    key: KeyData,
    place: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Inventory,
    File(Place),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Inventory => formatter.write_str("the inventory"),
            Source::File(place) => write!(formatter, "`{place}`"),
        }
    }
}

/// What is known about the keys of one host before it is asked.
pub(crate) struct Expected {
    host: String,
    name: String,
    /// Keys that make the host known; when there are any, another key means that it has changed.
    recorded: Vec<Recorded>,
    /// Keys noted for the name without the port: they make the host known, but another key is only unknown, as some
    /// other service of that machine may well have a key of its own. OpenSSH does the same.
    without_port: Vec<Recorded>,
    revoked: Vec<(KeyData, Place)>,
    unreadable: Option<Place>,
    files: Vec<String>,
}

impl Expected {
    /// Collects what the inventory and the files say about the host.
    ///
    /// # Errors
    ///
    /// When a pinned key is no public key.
    pub(crate) fn of(target: &Target, known: &KnownHosts) -> Result<Expected, ConnectFailure> {
        let plain = target.address.to_lowercase();
        let name = match target.port {
            22 => plain.clone(),
            port => format!("[{plain}]:{port}"),
        };
        let mut expected = Expected {
            host: target.name.clone(),
            name: name.clone(),
            recorded: Vec::new(),
            without_port: Vec::new(),
            revoked: Vec::new(),
            unreadable: None,
            files: known
                .files()
                .iter()
                .map(|file| format!("`{}`", file.display()))
                .collect(),
        };
        // Revocations count for pinned keys too, and under either name.
        expected.recorded = expected.take(known.about(&name));
        if plain != name {
            expected.without_port = expected.take(known.about(&plain));
        }
        if !target.pinned.is_empty() {
            expected.recorded = target
                .pinned
                .iter()
                .map(|text| pinned(target, text))
                .collect::<Result<_, _>>()?;
            expected.without_port = Vec::new();
        }
        Ok(expected)
    }

    fn take(&mut self, entries: Vec<&Entry>) -> Vec<Recorded> {
        let mut recorded = Vec::new();
        for Entry { place, statement } in entries {
            match statement {
                Statement::Known(key) => recorded.push(Recorded {
                    key: key.clone(),
                    place: Source::File(place.clone()),
                }),
                Statement::Revoked(key) => self.revoked.push((key.clone(), place.clone())),
                Statement::UnreadableRevocation => self.unreadable = Some(place.clone()),
            }
        }
        recorded
    }

    fn relevant(&self) -> &[Recorded] {
        match self.recorded.is_empty() {
            true => &self.without_port,
            false => &self.recorded,
        }
    }

    /// Puts the algorithms of the recorded keys first, so that a host with several keys shows the one that is known.
    /// The others stay: a host that has none of the recorded ones is then seen to have changed.
    pub(crate) fn order(&self, algorithms: &[Algorithm]) -> Vec<Algorithm> {
        let recorded = |algorithm: &Algorithm| {
            self.relevant()
                .iter()
                .any(|recorded| same_kind(&recorded.key.algorithm(), algorithm))
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = algorithms.iter().cloned().partition(recorded);
        first.extend(rest);
        first
    }

    /// Judges the key that the host has offered and proven to hold.
    ///
    /// # Errors
    ///
    /// Unless the key is one of the host's and is not revoked.
    pub(crate) fn judge(&self, offered: &PublicKey) -> Result<(), ConnectFailure> {
        // Only the key itself counts: comparing whole `PublicKey`s would compare their comments as well.
        let key = offered.key_data();
        if let Some((_, place)) = self.revoked.iter().find(|(revoked, _)| revoked == key) {
            let reason = format!(
                "the host key of `{}` is revoked: {}, by `{place}`",
                self.name,
                shown(key)
            );
            let hint = "whoever holds this key may not be the host; find out why it was revoked";
            return Err(failure(reason, hint.to_string()));
        }
        if let Some(place) = &self.unreadable {
            let reason = format!(
                "`{place}` cannot be read and may revoke the host key {}",
                shown(key)
            );
            return Err(failure(reason, "correct or remove that line".to_string()));
        }
        if self.relevant().iter().any(|recorded| recorded.key == *key) {
            return Ok(());
        }
        Err(match self.recorded.is_empty() {
            true => self.unknown(key),
            false => self.changed(key),
        })
    }

    fn unknown(&self, key: &KeyData) -> ConnectFailure {
        let looked = match self.files.is_empty() {
            true => "no key is pinned in the inventory".to_string(),
            false => format!(
                "neither the inventory nor {} has a key for it",
                self.files.join(", ")
            ),
        };
        let reason = format!(
            "the host key of `{}` is unknown: it offers {}, {looked}",
            self.name,
            shown(key)
        );
        let hint = format!(
            "compare with what `batt-fleet ping --show-keys -l {}` prints, then pin it as `host_key` in the inventory",
            self.host
        );
        failure(reason, hint)
    }

    fn changed(&self, key: &KeyData) -> ConnectFailure {
        let recorded: Vec<String> = self
            .recorded
            .iter()
            .map(|recorded| format!("{} in {}", shown(&recorded.key), recorded.place))
            .collect();
        let reason = format!(
            "the host key of `{}` has changed: it offers {}, but known is {}",
            self.name,
            shown(key),
            recorded.join(", ")
        );
        let hint =
            "somebody may be listening in; if the host was reinstalled, replace the key that is noted there";
        failure(reason, hint.to_string())
    }
}

/// A key as people compare it: algorithm and SHA-256 fingerprint (as `ssh-keygen -l` prints it).
pub(crate) fn shown(key: &KeyData) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn pinned(target: &Target, text: &str) -> Result<Recorded, ConnectFailure> {
    match PublicKey::from_openssh(text.trim()) {
        Ok(key) => Ok(Recorded {
            key: key.key_data().clone(),
            place: Source::Inventory,
        }),
        Err(error) => Err(failure(
            format!(
                "the `host_key` of `{}` in the inventory is no public key: {error}",
                target.name
            ),
            "write it as in the host's /etc/ssh/ssh_host_ed25519_key.pub: `ssh-ed25519 AAAA...`".to_string(),
        )),
    }
}

fn failure(reason: String, hint: String) -> ConnectFailure {
    ConnectFailure::new(FailureClass::HostKey, reason).with_hint(hint)
}

/// Whether a key of the one algorithm can sign by the other: an RSA key by any of RSA's.
fn same_kind(key: &Algorithm, algorithm: &Algorithm) -> bool {
    match (key, algorithm) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (key, algorithm) => key == algorithm,
    }
}
