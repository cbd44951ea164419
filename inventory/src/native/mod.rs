//! Reads the native form: TOML with `[defaults]`, `[groups.NAME]` and `[hosts.NAME]`. Every key is known or an error.

mod keys;
mod typed;

use std::collections::HashSet;

use crate::draft::{Draft, HostList};
use crate::name::GroupName;
use crate::source::{Placed, Problem, Source};
use crate::text::quoted;

use keys::{GROUP_KEYS, Owner, SETTING_KEYS, read_setting, unknown};
use typed::{Entry, Table};

/// Reads one file into the draft.
pub(crate) fn read(source: &Source, draft: &mut Draft) -> Result<(), Problem> {
    let table = match toml::de::DeTable::parse(source.text()) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let mut message = error.message().to_owned();
            if message == "duplicate key" {
                message = format!(
                    "{message} {}",
                    quoted(source.text().get(span.clone()).unwrap_or_default())
                );
            }
            return Err(Problem::new(
                source.place(span),
                message,
                toml_hint(error.message()),
            ));
        }
    };
    // Groups and hosts may alternate in the file, and the inventory keeps the order of the file.
    let mut sections: Vec<(usize, Section<'_>)> = Vec::new();
    for entry in Table::new(source, table.get_ref()).entries() {
        match entry.key {
            "defaults" => sections.push((entry.start(), Section::Defaults(entry))),
            "groups" => {
                let groups = entry
                    .table("a table for each group, like `[groups.db]`")?
                    .entries();
                sections.extend(
                    groups
                        .into_iter()
                        .map(|entry| (entry.start(), Section::Group(entry))),
                );
            }
            "hosts" => {
                let hosts = entry
                    .table("a table for each host, like `[hosts.pg1]`")?
                    .entries();
                sections.extend(
                    hosts
                        .into_iter()
                        .map(|entry| (entry.start(), Section::Host(entry))),
                );
            }
            _ => return Err(unknown(&entry, &Owner::File, &["defaults", "groups", "hosts"])),
        }
    }
    sections.sort_by_key(|(start, _)| *start);
    for (_, section) in sections {
        match section {
            Section::Defaults(entry) => read_defaults(&entry, draft)?,
            Section::Group(entry) => read_group(source, &entry, draft)?,
            Section::Host(entry) => read_host(&entry, draft)?,
        }
    }
    Ok(())
}

enum Section<'a> {
    Defaults(Entry<'a>),
    Group(Entry<'a>),
    Host(Entry<'a>),
}

fn toml_hint(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "a key and a table may stand once in a file: put both into one"
    } else {
        "a file named `.toml` is read as TOML: text is quoted, lists are in brackets (https://toml.io)"
    }
}

fn read_defaults(section: &Entry<'_>, draft: &mut Draft) -> Result<(), Problem> {
    for entry in section.table("a table, `[defaults]`")?.entries() {
        if !read_setting(&entry, &mut draft.defaults)? {
            return Err(unknown(&entry, &Owner::Defaults, SETTING_KEYS));
        }
    }
    Ok(())
}

fn read_group(source: &Source, section: &Entry<'_>, draft: &mut Draft) -> Result<(), Problem> {
    let name = GroupName::parse(section.key).map_err(|e| Problem::new(section.place(), e.message, e.hint))?;
    let owner = Owner::Group(section.key);
    let table = section.table(&format!("a table, {owner}"))?;
    let group = draft.group(&name, section.place());
    draft.groups[group].defined = true;
    for entry in table.entries() {
        match entry.key {
            "hosts" => {
                let mut list = HostList::new(source, format!("`hosts` of {owner}"));
                for item in entry.texts("`hosts = [\"db[01-12]\", \"pg1\"]`")? {
                    let hosts = list.take(draft, &item.value, item.place)?;
                    draft.groups[group].hosts.extend(hosts);
                }
            }
            "children" => {
                let mut seen = HashSet::new();
                for item in entry.texts("`children = [\"db\", \"web\"]`")? {
                    let problem = |message: String, hint: &str| Problem::new(item.place, message, hint);
                    let child = GroupName::parse(&item.value).map_err(|e| problem(e.message, &e.hint))?;
                    if !seen.insert(child.clone()) {
                        let message = format!(
                            "the group {} stands twice in `children` of {owner}",
                            quoted(&item.value)
                        );
                        return Err(problem(message, "remove one of them"));
                    }
                    draft.groups[group].add_child(Placed {
                        value: child,
                        place: item.place,
                    });
                }
            }
            _ => {
                if !read_setting(&entry, &mut draft.groups[group].settings)? {
                    return Err(unknown(&entry, &owner, GROUP_KEYS));
                }
            }
        }
    }
    Ok(())
}

fn read_host(section: &Entry<'_>, draft: &mut Draft) -> Result<(), Problem> {
    if section.key.contains('[') {
        let message = format!(
            "{} is a range, and `[hosts.NAME]` describes one host",
            quoted(section.key)
        );
        let hint = "put the range into `hosts` of a group, and the settings into that group";
        return Err(Problem::new(section.place(), message, hint));
    }
    let owner = Owner::Host(section.key);
    let table = section.table(&format!("a table, {owner}"))?;
    let host = draft.host(section.key, section.place())?;
    for entry in table.entries() {
        if !read_setting(&entry, &mut draft.hosts[host].settings)? {
            return Err(unknown(&entry, &owner, SETTING_KEYS));
        }
    }
    Ok(())
}
