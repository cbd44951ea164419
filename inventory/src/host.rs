//! A host with all that holds for it, and the levels it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::draft::{Draft, HostIndex};
use crate::name::{GroupName, HostName};
use crate::settings::{Become, Settings};
use crate::source::{Placed, Sources};
use crate::tree::Tree;
use crate::value::Value;

/// The port where sshd listens by default (RFC 4253, section 4.1).
pub(crate) const DEFAULT_PORT: u16 = 22;
/// Where the agent's binary is by default.
pub(crate) const DEFAULT_AGENT_PATH: &str = "/usr/local/bin/batt";
/// The agent's home by default.
pub(crate) const DEFAULT_AGENT_HOME: &str = "/opt/batt";

/// A host of the inventory, with defaults, groups and its own settings applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// The name by which reports know it.
    pub name: HostName,
    /// Where it is reached: a name or an IP address; by default its name.
    pub address: String,
    /// The TCP port of its SSH server; 22 by default.
    pub port: u16,
    /// The login; `None` leaves the choice to what ssh would take.
    pub user: Option<String>,
    /// How the agent gets to root.
    pub become_method: Become,
    /// The private key's file. A relative path is taken from the folder of the inventory file that says it;
    /// a leading `~` is left for the caller, who knows the home.
    pub identity: Option<PathBuf>,
    /// Pinned host keys, each `ALGORITHM BASE64 [comment]`; empty leaves the question to known_hosts.
    pub host_keys: Vec<String>,
    /// Where the agent's binary is on the host.
    pub agent_path: String,
    /// The agent's home on the host.
    pub agent_home: String,
    /// The pattern of the place of backups; `None` leaves it to the host's own settings.
    pub path: Option<String>,
    /// The services to back up: those of its groups in their order, then its own; when neither names any, those of
    /// the defaults; empty leaves it to what the host has enabled.
    pub services: Vec<String>,
    /// Variables; show them by [`Value::masked`].
    pub vars: BTreeMap<String, Value>,
    /// All its groups, also those it inherits, in inventory order.
    pub groups: Vec<GroupName>,
}

/// One of the levels at which something is said about a host.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level<'a> {
    Defaults,
    All,
    Group(&'a GroupName),
    Host(&'a HostName),
}

/// Returns what holds for a host, from the weakest level to the strongest.
pub(crate) fn levels<'a>(draft: &'a Draft, tree: &Tree, host: HostIndex) -> Vec<(Level<'a>, &'a Settings)> {
    let mut levels = vec![(Level::Defaults, &draft.defaults), (Level::All, &draft.all)];
    for group in tree.by_strength(host) {
        let group = &draft.groups[group];
        levels.push((Level::Group(&group.name), &group.settings));
    }
    let own = &draft.hosts[host];
    levels.push((Level::Host(&own.name), &own.settings));
    levels
}

/// Returns the services of a host, each with the place that names it first.
pub(crate) fn services<'a>(draft: &'a Draft, tree: &Tree, host: HostIndex) -> Vec<&'a Placed<String>> {
    let groups = tree.groups_of[host]
        .iter()
        .map(|group| &draft.groups[*group].settings);
    let mut united = unite(groups.chain([&draft.hosts[host].settings]));
    if united.is_empty() {
        united = unite([&draft.defaults].into_iter());
    }
    united
}

fn unite<'a>(levels: impl Iterator<Item = &'a Settings>) -> Vec<&'a Placed<String>> {
    let mut united: Vec<&Placed<String>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for service in levels.filter_map(|level| level.services.as_ref()).flatten() {
        if seen.insert(service.value.as_str()) {
            united.push(service);
        }
    }
    united
}

/// Makes the host of all that is said about it.
pub(crate) fn make(draft: &Draft, tree: &Tree, sources: &Sources, index: HostIndex) -> Host {
    let mut settings = Settings::default();
    for (_, level) in levels(draft, tree, index) {
        settings.overlay(level);
    }
    let name = draft.hosts[index].name.clone();
    let text = |placed: Option<Placed<String>>, default: &str| {
        placed.map_or(default.to_owned(), |placed| placed.value)
    };
    Host {
        address: text(settings.address, name.as_str()),
        port: settings.port.map_or(DEFAULT_PORT, |port| port.value),
        user: settings.user.map(|user| user.value),
        become_method: settings
            .become_method
            .map(|method| method.value)
            .unwrap_or_default(),
        identity: settings
            .identity
            .map(|identity| identity_path(&identity, sources)),
        host_keys: settings.host_keys.map(|keys| keys.value).unwrap_or_default(),
        agent_path: text(settings.agent_path, DEFAULT_AGENT_PATH),
        agent_home: text(settings.agent_home, DEFAULT_AGENT_HOME),
        path: settings.path.map(|path| path.value),
        services: services(draft, tree, index)
            .into_iter()
            .map(|service| service.value.clone())
            .collect(),
        vars: settings
            .vars
            .into_iter()
            .map(|(key, value)| (key, value.value))
            .collect(),
        groups: tree.groups_of[index]
            .iter()
            .map(|group| draft.groups[*group].name.clone())
            .collect(),
        name,
    }
}

/// Returns the path of a key file as the caller can open it.
pub(crate) fn identity_path(identity: &Placed<String>, sources: &Sources) -> PathBuf {
    let written = Path::new(&identity.value);
    if written.is_absolute() || identity.value.starts_with('~') {
        return written.to_owned();
    }
    sources
        .get(identity.place)
        .path()
        .parent()
        .map_or(written.to_owned(), |folder| folder.join(written))
}
