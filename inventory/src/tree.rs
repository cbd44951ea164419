//! The groups as a whole: who is whose child, which host is in which groups, and which group is stronger. Finds what
//! no single line shows: cycles, unknown children, names used twice.

use std::collections::{BTreeSet, BinaryHeap};

use crate::draft::{Draft, GroupIndex, HostIndex};
use crate::source::{Place, Problem, Sources};
use crate::suggest;
use crate::text::quoted;

/// How deep groups may nest. Deeper ones are a mistake, and every level costs each host below it.
const DEEPEST: usize = 64;

/// The checked groups.
#[derive(Debug)]
pub(crate) struct Tree {
    /// For each host all its groups, also those it inherits, in inventory order.
    pub(crate) groups_of: Vec<Vec<GroupIndex>>,
    /// For each group all its hosts, also those of its children, in inventory order.
    pub(crate) hosts_of: Vec<Vec<HostIndex>>,
    /// For each group its place from weakest to strongest: parents before children, else as in the files.
    pub(crate) strength: Vec<usize>,
}

/// A child of a group, and where it is named.
type Edge = (GroupIndex, Place);

impl Tree {
    /// Checks the draft as a whole.
    pub(crate) fn build(draft: &Draft, sources: &Sources) -> Result<Self, Problem> {
        check_names(draft, sources)?;
        let children = edges(draft)?;
        let order = order(draft, &children)?;
        let mut strength = vec![0; order.len()];
        for (rank, group) in order.iter().enumerate() {
            strength[*group] = rank;
        }
        let mut ancestors: Vec<BTreeSet<GroupIndex>> = vec![BTreeSet::new(); order.len()];
        for group in &order {
            for (child, _) in &children[*group] {
                let inherited: Vec<GroupIndex> = ancestors[*group].iter().copied().collect();
                ancestors[*child].extend(inherited);
                ancestors[*child].insert(*group);
            }
        }
        let mut groups_of: Vec<Vec<GroupIndex>> = vec![Vec::new(); draft.hosts.len()];
        for (index, group) in draft.groups.iter().enumerate() {
            for host in &group.hosts {
                groups_of[*host].push(index);
                groups_of[*host].extend(&ancestors[index]);
            }
        }
        let mut hosts_of: Vec<Vec<HostIndex>> = vec![Vec::new(); order.len()];
        for (host, groups) in groups_of.iter_mut().enumerate() {
            groups.sort_unstable();
            groups.dedup();
            for group in groups {
                hosts_of[*group].push(host);
            }
        }
        Ok(Self {
            groups_of,
            hosts_of,
            strength,
        })
    }

    /// Returns a host's groups from the weakest to the strongest.
    pub(crate) fn by_strength(&self, host: HostIndex) -> Vec<GroupIndex> {
        let mut groups = self.groups_of[host].clone();
        groups.sort_unstable_by_key(|group| self.strength[*group]);
        groups
    }
}

fn check_names(draft: &Draft, sources: &Sources) -> Result<(), Problem> {
    for group in &draft.groups {
        if !group.defined {
            return Err(unknown_group(draft, group.name.as_str(), group.place));
        }
        let Some(host) = draft.find_host(group.name.as_str()) else {
            continue;
        };
        let host = draft.hosts[host].place;
        let message = format!(
            "{} is the name of a group and of a host",
            quoted(group.name.as_str())
        );
        let hint = format!("rename one of them; the host is named at {}", sources.spot(host));
        return Err(Problem::new(group.place, message, hint));
    }
    Ok(())
}

fn unknown_group(draft: &Draft, name: &str, place: Place) -> Problem {
    let known = draft
        .groups
        .iter()
        .filter(|group| group.defined)
        .map(|group| group.name.as_str());
    let hint = suggest::hint(name, known, || {
        "define the group, or remove the name here".to_owned()
    });
    Problem::new(place, format!("unknown group {}", quoted(name)), hint)
}

fn edges(draft: &Draft) -> Result<Vec<Vec<Edge>>, Problem> {
    let edge = |child: &crate::source::Placed<crate::name::GroupName>| {
        let name = child.value.as_str();
        let index = draft
            .find_group(name)
            .ok_or_else(|| unknown_group(draft, name, child.place))?;
        Ok((index, child.place))
    };
    draft
        .groups
        .iter()
        .map(|group| group.children.iter().map(edge).collect())
        .collect()
}

/// Orders the groups, parents before children and else as in the files (Kahn's algorithm with the earliest first).
fn order(draft: &Draft, children: &[Vec<Edge>]) -> Result<Vec<GroupIndex>, Problem> {
    let mut parents = vec![0usize; children.len()];
    for (child, _) in children.iter().flatten() {
        parents[*child] += 1;
    }
    let mut ready: BinaryHeap<std::cmp::Reverse<GroupIndex>> = (0..children.len())
        .filter(|group| parents[*group] == 0)
        .map(std::cmp::Reverse)
        .collect();
    let mut depth = vec![1usize; children.len()];
    let mut order = Vec::with_capacity(children.len());
    while let Some(std::cmp::Reverse(group)) = ready.pop() {
        order.push(group);
        for (child, place) in &children[group] {
            depth[*child] = depth[*child].max(depth[group] + 1);
            if depth[*child] > DEEPEST {
                let message = format!("groups nest deeper than {DEEPEST} levels");
                return Err(Problem::new(*place, message, "name the lower groups directly"));
            }
            parents[*child] -= 1;
            if parents[*child] == 0 {
                ready.push(std::cmp::Reverse(*child));
            }
        }
    }
    if order.len() < children.len() {
        Err(cycle(draft, children, &parents))
    } else {
        Ok(order)
    }
}

/// Names the first cycle: every group that still waits has a parent that waits, so going up must come round.
fn cycle(draft: &Draft, children: &[Vec<Edge>], parents: &[usize]) -> Problem {
    let waiting = |group: &GroupIndex| parents[*group] > 0;
    let mut waiting_parent: Vec<Option<Edge>> = vec![None; children.len()];
    for (parent, edges) in children.iter().enumerate().filter(|(parent, _)| waiting(parent)) {
        for (child, place) in edges {
            waiting_parent[*child].get_or_insert((parent, *place));
        }
    }
    let mut path: Vec<Edge> = Vec::new();
    let mut group = (0..children.len()).find(waiting).unwrap_or_default();
    let ring = loop {
        if let Some(start) = path.iter().position(|(seen, _)| *seen == group) {
            break path.split_off(start);
        }
        let Some((parent, place)) = waiting_parent[group] else {
            break path;
        };
        path.push((group, place));
        group = parent;
    };
    let mut ring: Vec<Edge> = ring.into_iter().rev().collect();
    // Begin with the group that the files name first, so that the same files give the same words.
    let first = ring
        .iter()
        .enumerate()
        .min_by_key(|(_, (group, _))| *group)
        .map_or(0, |(at, _)| at);
    ring.rotate_left(first);
    let mut names: Vec<String> = ring
        .iter()
        .map(|(group, _)| quoted(draft.groups[*group].name.as_str()))
        .collect();
    names.extend(names.first().cloned());
    // The place of an edge stands in its parent's list; the last edge leads back to the first group.
    let place = ring.first().map_or(draft.groups[0].place, |(_, place)| *place);
    Problem::new(
        place,
        format!("a cycle of groups: {}", names.join(" -> ")),
        "remove one of these children",
    )
}
