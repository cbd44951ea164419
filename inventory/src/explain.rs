//! Why a host has the values it has: each one with the level and the line it comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::host::{self, DEFAULT_AGENT_HOME, DEFAULT_AGENT_PATH, DEFAULT_PORT, Level};
use crate::inventory::Inventory;
use crate::settings::{Become, Settings};
use crate::source::{Place, Placed};
use crate::text::visible;

/// A value that holds for a host, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The key as the native form writes it; `vars.NAME` for a variable, `services` once for each service.
    pub key: String,
    /// The value, escaped to be shown; `***` for a variable that holds a secret.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody says it; it is the default.
    BuiltIn,
    /// A line of a file says it.
    File {
        /// The level that says it: `defaults`, `all`, `group NAME` or `host NAME`.
        level: String,
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => out.write_str("built in"),
            Self::File { level, file, line } => write!(out, "{level} ({file}:{line})"),
        }
    }
}

impl fmt::Display for Level<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => out.write_str("defaults"),
            Self::All => out.write_str("all"),
            Self::Group(name) => write!(out, "group {name}"),
            Self::Host(name) => write!(out, "host {name}"),
        }
    }
}

/// Keys in the order in which they are explained; the variables come last.
const ORDER: [&str; 9] = [
    "address",
    "port",
    "user",
    "become",
    "identity",
    "host_key",
    "agent_path",
    "agent_home",
    "path",
];

impl Inventory {
    /// Explains each value that holds for a host. Returns `None` for an unknown host.
    pub fn explain(&self, name: &str) -> Option<Vec<Explanation>> {
        let index = self.find_host(name)?;
        let levels = host::levels(&self.draft, &self.tree, index);
        let mut values: BTreeMap<&str, (String, Origin)> = BTreeMap::from([
            ("address", (name.to_owned(), Origin::BuiltIn)),
            ("port", (DEFAULT_PORT.to_string(), Origin::BuiltIn)),
            ("become", (Become::None.as_str().to_owned(), Origin::BuiltIn)),
            ("agent_path", (DEFAULT_AGENT_PATH.to_owned(), Origin::BuiltIn)),
            ("agent_home", (DEFAULT_AGENT_HOME.to_owned(), Origin::BuiltIn)),
        ]);
        let mut variables: BTreeMap<&str, (String, Origin)> = BTreeMap::new();
        for (level, settings) in &levels {
            for (key, value, place) in self.stated(settings) {
                values.insert(key, (value, self.origin(&level.to_string(), place)));
            }
            for (key, value) in &settings.vars {
                let shown = value.value.masked(key).to_string();
                variables.insert(key, (shown, self.origin(&level.to_string(), value.place)));
            }
        }
        let explain = |key: String, (value, origin): (String, Origin)| Explanation {
            key,
            value: visible(&value),
            origin,
        };
        let mut explained: Vec<Explanation> = Vec::new();
        for key in ORDER {
            explained.extend(values.remove(key).map(|found| explain(key.to_owned(), found)));
        }
        for service in host::services(&self.draft, &self.tree, index) {
            let level = levels.iter().find(|(_, settings)| states(settings, service));
            let level = level.map(|(level, _)| level.to_string()).unwrap_or_default();
            let origin = self.origin(&level, service.place);
            explained.push(explain("services".to_owned(), (service.value.clone(), origin)));
        }
        explained.extend(
            variables
                .into_iter()
                .map(|(key, found)| explain(format!("vars.{}", visible(key)), found)),
        );
        Some(explained)
    }

    fn origin(&self, level: &str, place: Place) -> Origin {
        let source = self.sources.get(place);
        Origin::File {
            level: level.to_owned(),
            file: source.name(),
            line: source.line_of(place),
        }
    }

    fn stated(&self, settings: &Settings) -> Vec<(&'static str, String, Place)> {
        let mut stated = Vec::new();
        let mut text = |key: &'static str, value: &Option<Placed<String>>| {
            stated.extend(
                value
                    .as_ref()
                    .map(|placed| (key, placed.value.clone(), placed.place)),
            );
        };
        text("address", &settings.address);
        text("user", &settings.user);
        text("agent_path", &settings.agent_path);
        text("agent_home", &settings.agent_home);
        text("path", &settings.path);
        if let Some(port) = &settings.port {
            stated.push(("port", port.value.to_string(), port.place));
        }
        if let Some(method) = &settings.become_method {
            stated.push(("become", method.value.as_str().to_owned(), method.place));
        }
        if let Some(identity) = &settings.identity {
            let path = host::identity_path(identity, &self.sources);
            stated.push(("identity", path.display().to_string(), identity.place));
        }
        if let Some(keys) = &settings.host_keys {
            stated.push(("host_key", keys.value.join(", "), keys.place));
        }
        stated
    }
}

/// Tells whether this level is the one that names the service at this place.
fn states(settings: &Settings, service: &Placed<String>) -> bool {
    settings
        .services
        .iter()
        .flatten()
        .any(|stated| stated.place == service.place)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::inventory::{Format, Inventory};

    fn explained(text: &str, host: &str) -> String {
        let inventory = Inventory::parse(Path::new("inventory.toml"), text, Format::Native).unwrap();
        let lines: Vec<String> = inventory
            .explain(host)
            .unwrap()
            .into_iter()
            .map(|line| format!("{} = {}  {}", line.key, line.value, line.origin))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn each_value_names_its_level_and_line() {
        let text = "\
[defaults]
user = \"backup\"
vars = { env = \"test\", db_password = \"hunter2\" }
[groups.db]
hosts = [\"pg1\"]
services = [\"postgresql\"]
vars = { env = \"prod\" }
[groups.all-db]
children = [\"db\"]
port = 23
services = [\"file\", \"postgresql\"]
[hosts.pg1]
address = \"10.0.0.21\"
identity = \"key\"
";
        let expected = "\
address = 10.0.0.21  host pg1 (inventory.toml:13)
port = 23  group all-db (inventory.toml:10)
user = backup  defaults (inventory.toml:2)
become = none  built in
identity = key  host pg1 (inventory.toml:14)
agent_path = /usr/local/bin/batt  built in
agent_home = /opt/batt  built in
services = postgresql  group db (inventory.toml:6)
services = file  group all-db (inventory.toml:11)
vars.db_password = ***  defaults (inventory.toml:3)
vars.env = prod  group db (inventory.toml:7)";
        assert_eq!(explained(text, "pg1"), expected);
    }

    #[test]
    fn an_unknown_host_has_no_explanation() {
        let inventory = Inventory::parse(Path::new("x"), "", Format::Native).unwrap();
        assert_eq!(inventory.explain("pg1"), None);
    }
}
