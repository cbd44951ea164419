//! The keys of the native form, and what is said about a key that is none.

use std::collections::HashSet;
use std::fmt;

use crate::name::check_service;
use crate::settings::{Settings, TextKey, Unfit, check_host_key};
use crate::source::{Placed, Problem};
use crate::suggest;
use crate::text::{listed, quoted, visible};

use super::typed::Entry;

/// The keys that defaults, groups and hosts have in common.
pub(crate) const SETTING_KEYS: &[&str] = &[
    "address",
    "port",
    "user",
    "become",
    "identity",
    "host_key",
    "agent_path",
    "agent_home",
    "path",
    "services",
    "vars",
];

/// The keys of a group.
pub(crate) const GROUP_KEYS: &[&str] = &[
    "hosts",
    "children",
    "address",
    "port",
    "user",
    "become",
    "identity",
    "host_key",
    "agent_path",
    "agent_home",
    "path",
    "services",
    "vars",
];

/// The table that a key stands in, as a person writes its header.
pub(crate) enum Owner<'a> {
    File,
    Defaults,
    Group(&'a str),
    Host(&'a str),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => out.write_str("the file"),
            Self::Defaults => out.write_str("`[defaults]`"),
            Self::Group(name) => out.write_str(&quoted(&format!("[groups.{}]", bare_or_quoted(name)))),
            Self::Host(name) => out.write_str(&quoted(&format!("[hosts.{}]", bare_or_quoted(name)))),
        }
    }
}

fn bare_or_quoted(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.bytes().all(bare) {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

/// Tells that a key is not known, with the nearest that is.
pub(crate) fn unknown(entry: &Entry<'_>, owner: &Owner<'_>, known: &[&str]) -> Problem {
    let message = match owner {
        Owner::File => format!("unknown key {}", quoted(entry.key)),
        _ => format!("unknown key {} in {owner}", quoted(entry.key)),
    };
    let hint = suggest::hint(entry.key, known.iter().copied(), || match owner {
        // `[hosts.pg1.example.net]` is TOML's way to nest tables, and a way to get here.
        Owner::Host(name) if entry.is_table() => in_quotes("hosts", name, entry),
        Owner::Group(name) if entry.is_table() => in_quotes("groups", name, entry),
        Owner::File if SETTING_KEYS.contains(&entry.key) => {
            "what holds for every host belongs into `[defaults]`".to_owned()
        }
        Owner::File => format!("the tables of an inventory are {}", listed(known)),
        _ => format!(
            "the keys here are {}; what is yours goes into `vars`",
            listed(known)
        ),
    });
    Problem::new(entry.place(), message, hint)
}

fn in_quotes(kind: &str, name: &str, entry: &Entry<'_>) -> String {
    format!(
        "a name with dots is written in quotes: `[{kind}.\"{}.{}\"]`",
        visible(name),
        visible(&entry.dotted())
    )
}

/// Reads a key that defaults, groups and hosts have in common. Returns false when it is none of these.
pub(crate) fn read_setting(entry: &Entry<'_>, settings: &mut Settings) -> Result<bool, Problem> {
    let place = entry.value_place();
    let unfit = |unfit: Unfit| Problem::new(place, unfit.message, unfit.hint);
    let mut text = |key: TextKey, example: &str| {
        let value = entry.text(example)?;
        settings.set_text(key, value, place).map_err(unfit)
    };
    match entry.key {
        "address" => text(TextKey::Address, "`address = \"10.0.0.21\"`")?,
        "user" => text(TextKey::User, "`user = \"backup\"`")?,
        "become" => text(TextKey::Become, "`become = \"sudo\"`")?,
        "identity" => text(TextKey::Identity, "`identity = \"~/.ssh/batt_ed25519\"`")?,
        "agent_path" => text(TextKey::AgentPath, "`agent_path = \"/usr/local/bin/batt\"`")?,
        "agent_home" => text(TextKey::AgentHome, "`agent_home = \"/opt/batt\"`")?,
        "path" => text(TextKey::Path, "`path = \"/opt/backup/%Y/%m/%d\"`")?,
        "port" => {
            let number = entry.integer("`port = 22`")?;
            settings.set_port(number, place).map_err(unfit)?;
        }
        "host_key" => {
            let keys = entry.texts("`host_key = [\"ssh-ed25519 AAAA...\"]`")?;
            if keys.is_empty() {
                // An empty list could be meant as "any key", which is never right.
                return Err(Problem::new(
                    place,
                    "`host_key` is empty",
                    "name at least one key, or remove it: known_hosts is asked then",
                ));
            }
            for key in &keys {
                check_host_key(&key.value)
                    .map_err(|unfit| Problem::new(key.place, unfit.message, unfit.hint))?;
            }
            settings.host_keys = Some(Placed {
                value: keys.into_iter().map(|key| key.value).collect(),
                place,
            });
        }
        "services" => settings.services = Some(services(entry)?),
        "vars" => {
            for variable in entry.table("it like `vars = { env = \"prod\" }`")?.entries() {
                let placed = Placed {
                    value: variable.value()?,
                    place: variable.place(),
                };
                settings.vars.insert(variable.key.to_owned(), placed);
            }
        }
        "jump" => {
            let hint = "remove it: until jump hosts come, a host must be reached directly";
            return Err(Problem::new(entry.place(), "`jump` is not honoured yet", hint));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn services(entry: &Entry<'_>) -> Result<Vec<Placed<String>>, Problem> {
    let services = entry.texts("`services = [\"mysql\", \"file\"]`")?;
    let mut seen = HashSet::new();
    for service in &services {
        check_service(&service.value).map_err(|e| Problem::new(service.place, e.message, e.hint))?;
        if !seen.insert(service.value.as_str()) {
            let message = format!(
                "the service {} stands twice in `services`",
                quoted(&service.value)
            );
            return Err(Problem::new(service.place, message, "remove one of them"));
        }
    }
    Ok(services)
}
