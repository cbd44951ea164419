//! The inventory of the lab, as a person would write it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::address::Range;
use super::blueprint::Blueprint;
use super::host::LabHost;

/// The host that is not there.
const DEAD: &str = "db0";

/// Writes the inventory. Every host is pinned by its key, so nothing of the person's own settings is needed.
pub(super) fn write(path: &Path, hosts: &[LabHost], blueprint: &Blueprint, range: &Range) -> io::Result<()> {
    let text = text(hosts, blueprint, range)?;
    fs::write(path, text)
}

fn text(hosts: &[LabHost], blueprint: &Blueprint, range: &Range) -> io::Result<String> {
    let named = |prefix: &str| {
        hosts
            .iter()
            .map(LabHost::name)
            .filter(|name| name.starts_with(prefix))
            .collect()
    };
    let mut database: Vec<&str> = named("db");
    let web: Vec<&str> = named("web");
    if blueprint.dead_host {
        database.insert(0, DEAD);
    }
    let Some(any) = hosts.first() else {
        return Ok(String::new());
    };
    let mut text = format!(
        "# The hosts of the lab. They are gone when it ends.\n\n[defaults]\nuser = {}\nidentity = {}\n\n[groups.db]\nhosts = {}\nservices = [\"notes\"]\n",
        quoted(any.user()),
        quoted(&any.identity().display().to_string()),
        list(&database)
    );
    let mut groups = vec!["db"];
    let mut say = |line: String| writeln!(text, "{line}").map_err(io::Error::other);
    if !web.is_empty() {
        groups.push("web");
        say(format!(
            "\n[groups.web]\nhosts = {}\nservices = [\"site\"]",
            list(&web)
        ))?;
    }
    say(format!("\n[groups.prod]\nchildren = {}", list(&groups)))?;
    if blueprint.dead_host {
        let nobody = range.nobody();
        let key = any.host_key()?;
        say(format!(
            "\n# Down on purpose.\n[hosts.{DEAD}]\naddress = \"{}\"\nport = {}\nhost_key = [{}]\nagent_path = \"/opt/bin/batt\"",
            nobody.ip(),
            nobody.port(),
            quoted(&key)
        ))?;
    }
    for host in hosts {
        say(format!(
            "\n[hosts.{}]\naddress = \"{}\"\nport = {}\nhost_key = [{}]\nagent_path = {}\nagent_home = {}\npath = {}",
            host.name(),
            host.address().ip(),
            host.address().port(),
            quoted(&host.host_key()?),
            quoted(&host.agent_path().display().to_string()),
            quoted(&host.agent_home().display().to_string()),
            quoted(&host.backup_pattern().display().to_string()),
        ))?;
    }
    Ok(text)
}

fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
