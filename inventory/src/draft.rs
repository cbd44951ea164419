//! What the files say, united but not yet judged as a whole: hosts and groups in the order they were first named.
//! Readers of formats fill it; the tree checks it and hosts are made from both.

use std::collections::{HashMap, HashSet};

use crate::name::{GroupName, HostName};
use crate::nodeset::expand;
use crate::settings::Settings;
use crate::source::{Place, Placed, Problem, Source};
use crate::text::quoted;

/// How many hosts an inventory may have.
const MOST_HOSTS: usize = 1_000_000;

/// The index of a host in inventory order.
pub(crate) type HostIndex = usize;
/// The index of a group in inventory order.
pub(crate) type GroupIndex = usize;

/// All that the files say.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) defaults: Settings,
    /// What Ansible's `[all:vars]` says: over the defaults, under every group.
    pub(crate) all: Settings,
    pub(crate) groups: Vec<GroupDraft>,
    pub(crate) hosts: Vec<HostDraft>,
    group_index: HashMap<GroupName, GroupIndex>,
    /// By the name in lower case, so that case twins meet.
    host_index: HashMap<String, HostIndex>,
}

/// A group as the files describe it.
#[derive(Debug)]
pub(crate) struct GroupDraft {
    pub(crate) name: GroupName,
    /// Where it was first named.
    pub(crate) place: Place,
    /// False as long as only variables were given to it, which defines no group.
    pub(crate) defined: bool,
    pub(crate) hosts: Vec<HostIndex>,
    pub(crate) children: Vec<Placed<GroupName>>,
    child_names: HashSet<GroupName>,
    pub(crate) settings: Settings,
}

/// A host as the files describe it.
#[derive(Debug)]
pub(crate) struct HostDraft {
    pub(crate) name: HostName,
    /// Where it was first named.
    pub(crate) place: Place,
    pub(crate) settings: Settings,
}

/// One list of hosts, in which each may stand once.
#[derive(Debug)]
pub(crate) struct HostList<'a> {
    source: &'a Source,
    /// What the list is, for messages: "`hosts` of `[groups.db]`".
    what: String,
    seen: HashMap<HostIndex, Place>,
}

impl Draft {
    /// Returns the index of a group, new or known.
    pub(crate) fn group(&mut self, name: &GroupName, place: Place) -> GroupIndex {
        if let Some(index) = self.group_index.get(name) {
            return *index;
        }
        let index = self.groups.len();
        self.group_index.insert(name.clone(), index);
        self.groups.push(GroupDraft {
            name: name.clone(),
            place,
            defined: false,
            hosts: Vec::new(),
            children: Vec::new(),
            child_names: HashSet::new(),
            settings: Settings::default(),
        });
        index
    }

    /// Returns the index of a group that is known.
    pub(crate) fn find_group(&self, name: &str) -> Option<GroupIndex> {
        self.group_index.get(name).copied()
    }

    /// Returns the index of a host that is known.
    pub(crate) fn find_host(&self, name: &str) -> Option<HostIndex> {
        let index = *self.host_index.get(&name.to_ascii_lowercase())?;
        (self.hosts[index].name.as_str() == name).then_some(index)
    }

    /// Returns the index of a host, new or known.
    pub(crate) fn host(&mut self, text: &str, place: Place) -> Result<HostIndex, Problem> {
        let name = HostName::parse(text).map_err(|error| Problem::new(place, error.message, error.hint))?;
        let folded = name.as_str().to_ascii_lowercase();
        if matches!(folded.as_str(), "all" | "ungrouped" | "and" | "or" | "not") {
            let message = format!(
                "{} has a meaning of its own in patterns and cannot name a host",
                quoted(text)
            );
            return Err(Problem::new(
                place,
                message,
                "choose another name; `address` says where the host is reached",
            ));
        }
        if let Some(index) = self.host_index.get(&folded) {
            let known = &self.hosts[*index].name;
            if *known == name {
                return Ok(*index);
            }
            let message = format!(
                "the hosts {} and {} differ only in case",
                quoted(known.as_str()),
                quoted(text)
            );
            return Err(Problem::new(
                place,
                message,
                "names of hosts are the same in any case: write both alike",
            ));
        }
        if self.hosts.len() >= MOST_HOSTS {
            let hint = "split the inventory into several";
            return Err(Problem::new(
                place,
                "an inventory holds at most 1,000,000 hosts",
                hint,
            ));
        }
        let index = self.hosts.len();
        self.host_index.insert(folded, index);
        self.hosts.push(HostDraft {
            name,
            place,
            settings: Settings::default(),
        });
        Ok(index)
    }
}

impl GroupDraft {
    /// Takes a child in; one that another source has named already stays as it is.
    pub(crate) fn add_child(&mut self, child: Placed<GroupName>) {
        if self.child_names.insert(child.value.clone()) {
            self.children.push(child);
        }
    }
}

impl<'a> HostList<'a> {
    pub(crate) fn new(source: &'a Source, what: impl Into<String>) -> Self {
        Self {
            source,
            what: what.into(),
            seen: HashMap::new(),
        }
    }

    /// Expands an entry and takes its hosts in; the list holds each of them now for the first time.
    pub(crate) fn take(
        &mut self,
        draft: &mut Draft,
        entry: &str,
        place: Place,
    ) -> Result<Vec<HostIndex>, Problem> {
        let names = expand(entry).map_err(|error| Problem::new(place, error.message, error.hint))?;
        names
            .iter()
            .map(|name| self.take_name(draft, name, place))
            .collect()
    }

    /// Takes in one host whose name holds no ranges, as an IPv6 address may look like one.
    pub(crate) fn take_name(
        &mut self,
        draft: &mut Draft,
        name: &str,
        place: Place,
    ) -> Result<HostIndex, Problem> {
        let index = draft.host(name, place)?;
        if let Some(first) = self.seen.insert(index, place) {
            let message = format!("the host {} stands twice in {}", quoted(name), self.what);
            let hint = format!(
                "remove one of them; the first is in line {}",
                self.source.line_of(first)
            );
            return Err(Problem::new(place, message, hint));
        }
        Ok(index)
    }
}
