//! `batt-fleet inventory`: questions to the inventory. Nothing is connected to.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use batt_inventory::{Host, Inventory, Origin, fold};
use batt_protocol::json_text::Shape;
use batt_protocol::{Error, ExitCode, Service, text};

use crate::cli::{
    Format, InventoryCommand, ListArguments, OutputArguments, SelectionArguments, ShowArguments,
};
use crate::ground::Ground;
use crate::world::World;

/// Answers.
///
/// # Errors
/// An inventory or a selection that is wrong, or matches nothing.
pub(super) fn inventory(command: &InventoryCommand, world: &mut World<'_>) -> Result<ExitCode, Error> {
    match command {
        InventoryCommand::List(arguments) => list(arguments, world)?,
        InventoryCommand::Show(arguments) => show(arguments, world)?,
        InventoryCommand::Groups(arguments) => groups(arguments, world)?,
        InventoryCommand::Check { inventory, output } => {
            let ground = Ground::read(inventory, world)?;
            check(&ground, output, world)?;
        }
    }
    Ok(ExitCode::OK)
}

fn list(arguments: &ListArguments, world: &mut World<'_>) -> Result<(), Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let hosts = ground.select(&arguments.selection, arguments.pattern.as_deref())?;
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let format = arguments.output.format;
    if arguments.count {
        return number("count", names.len(), format, world);
    }
    if arguments.fold {
        let folded = fold(&names).join(",");
        return match format {
            Format::Human => world.print(&format!("{folded}\n")),
            Format::Json => world.print_json(&json!({ "hosts": folded }), Shape::Document),
            Format::Jsonl => world.print_json(&json!({ "hosts": folded }), Shape::Line),
        };
    }
    let objects: Vec<Value> = hosts.iter().map(|host| object(host, arguments.vars)).collect();
    match format {
        Format::Json => world.print_json(&json!({ "hosts": objects }), Shape::Document),
        Format::Jsonl => objects
            .iter()
            .try_for_each(|object| world.print_json(object, Shape::Line)),
        Format::Human => {
            let mut out = String::new();
            for host in hosts {
                // Writing to a String cannot fail.
                let _ = writeln!(out, "{}", host.name.as_str());
                if arguments.vars {
                    for (key, value) in &host.vars {
                        let value = value.masked(key).to_string();
                        let _ = writeln!(out, "    {} = {}", text::escaped(key), text::escaped(&value));
                    }
                }
            }
            world.print(&out)
        }
    }
}

fn number(key: &str, number: usize, format: Format, world: &mut World<'_>) -> Result<(), Error> {
    match format {
        Format::Human => world.print(&format!("{number}\n")),
        Format::Json => world.print_json(&json!({ key: number }), Shape::Document),
        Format::Jsonl => world.print_json(&json!({ key: number }), Shape::Line),
    }
}

fn object(host: &Host, vars: bool) -> Value {
    let mut object = json!({
        "host": host.name.as_str(),
        "address": host.address,
        "groups": host.groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(),
        "services": host.services,
    });
    if vars {
        let vars: Map<String, Value> = host
            .vars
            .iter()
            .map(|(key, value)| {
                (
                    key.clone(),
                    serde_json::to_value(value.masked(key)).unwrap_or(Value::Null),
                )
            })
            .collect();
        object["vars"] = Value::Object(vars);
    }
    object
}

#[derive(Serialize)]
struct Shown {
    host: String,
    groups: Vec<String>,
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

fn show(arguments: &ShowArguments, world: &mut World<'_>) -> Result<(), Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let hosts = ground.select(&arguments.selection, arguments.pattern.as_deref())?;
    let explain = arguments.explain;
    let shown: Vec<Shown> = hosts
        .iter()
        .map(|host| shown(&ground.inventory, host, arguments.vars || explain, explain))
        .collect();
    match arguments.output.format {
        Format::Json => world.print_json(&json!({ "hosts": shown }), Shape::Document),
        Format::Jsonl => shown
            .iter()
            .try_for_each(|host| world.print_json(host, Shape::Line)),
        Format::Human => {
            let mut out = String::new();
            for host in &shown {
                page(host, &mut out);
            }
            world.print(&out)
        }
    }
}

fn shown(inventory: &Inventory, host: &Host, vars: bool, explain: bool) -> Shown {
    let explanations = inventory.explain(host.name.as_str()).unwrap_or_default();
    let settings = explanations
        .into_iter()
        .filter(|explanation| vars || !explanation.key.starts_with("vars."))
        .map(|explanation| {
            let (level, file, line) = match explanation.origin {
                Origin::BuiltIn => (Some("built in".to_owned()), None, None),
                Origin::File { level, file, line } => (Some(level), Some(file), Some(line)),
            };
            Setting {
                key: explanation.key,
                value: explanation.value,
                level: level.filter(|_| explain),
                file: file.filter(|_| explain),
                line: line.filter(|_| explain),
            }
        })
        .collect();
    Shown {
        host: host.name.as_str().to_owned(),
        groups: host
            .groups
            .iter()
            .map(|group| group.as_str().to_owned())
            .collect(),
        settings,
    }
}

fn page(host: &Shown, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", host.host);
    if !host.groups.is_empty() {
        let _ = writeln!(out, "    groups = {}", host.groups.join(", "));
    }
    for setting in &host.settings {
        let _ = write!(out, "    {} = {}", setting.key, setting.value);
        match (&setting.level, &setting.file, setting.line) {
            (Some(level), Some(file), Some(line)) => {
                let _ = writeln!(out, "  # {level} ({file}:{line})");
            }
            (Some(level), ..) => {
                let _ = writeln!(out, "  # {level}");
            }
            (None, ..) => out.push('\n'),
        }
    }
}

#[derive(Serialize)]
struct ShownGroup {
    group: String,
    children: Vec<String>,
    hosts: Vec<String>,
}

fn groups(arguments: &ListArguments, world: &mut World<'_>) -> Result<(), Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let narrowed = arguments.pattern.is_some() || is_narrowed(&arguments.selection);
    // An inventory without hosts has groups all the same.
    let chosen = match narrowed {
        true => Some(ground.select(&arguments.selection, arguments.pattern.as_deref())?),
        false => None,
    };
    let is_chosen = |host: &Host| {
        chosen
            .as_ref()
            .is_none_or(|chosen| chosen.iter().any(|known| known.name == host.name))
    };
    let groups: Vec<ShownGroup> = ground
        .inventory
        .groups()
        .map(|group| ShownGroup {
            group: group.name().as_str().to_owned(),
            children: group.children().map(|child| child.as_str().to_owned()).collect(),
            hosts: group
                .hosts()
                .filter(|host| is_chosen(host))
                .map(|host| host.name.as_str().to_owned())
                .collect(),
        })
        .filter(|group| !narrowed || !group.hosts.is_empty())
        .collect();
    if arguments.count {
        return number("count", groups.len(), arguments.output.format, world);
    }
    match arguments.output.format {
        Format::Json => world.print_json(&json!({ "groups": groups }), Shape::Document),
        Format::Jsonl => groups
            .iter()
            .try_for_each(|group| world.print_json(group, Shape::Line)),
        Format::Human => {
            let mut out = String::new();
            for group in &groups {
                let hosts = if arguments.fold {
                    fold(&group.hosts).join(",")
                } else {
                    group.hosts.join(", ")
                };
                let of = match group.children.is_empty() {
                    true => String::new(),
                    false => format!(" (of {})", group.children.join(", ")),
                };
                // Writing to a String cannot fail.
                let _ = writeln!(
                    out,
                    "{}{of}: {}",
                    group.group,
                    text::count(group.hosts.len(), "host")
                );
                if !hosts.is_empty() {
                    let _ = writeln!(out, "    {hosts}");
                }
            }
            world.print(&out)
        }
    }
}

fn is_narrowed(selection: &SelectionArguments) -> bool {
    !(selection.groups.is_empty() && selection.limit.is_empty() && selection.exclude.is_empty())
}

/// Checks all that can be wrong before a connection: the inventory, names of services, patterns, and the bundle of each
/// host.
fn check(ground: &Ground, output: &OutputArguments, world: &mut World<'_>) -> Result<(), Error> {
    let hosts = ground.inventory.hosts();
    for host in hosts {
        let of_host = |error: Error| {
            let told = Error::usage(format!("host `{}`: {}", host.name.as_str(), error.message()));
            error.hints().iter().fold(told, |told, hint| told.hint(hint))
        };
        for service in &host.services {
            service.parse::<Service>().map_err(of_host)?;
        }
        ground.pattern(host).map_err(of_host)?;
    }
    let mut files = 0;
    if let Some(fleet) = ground.fleet()? {
        for host in hosts {
            let bundle = ground.bundle(&fleet, &host.name.as_str().parse()?)?;
            files = files.max(bundle.files().len());
        }
    }
    let groups = ground.inventory.groups().len();
    let report = json!({ "exit": 0, "hosts": hosts.len(), "groups": groups, "files": files });
    match output.format {
        Format::Json => world.print_json(&report, Shape::Document),
        Format::Jsonl => world.print_json(&report, Shape::Line),
        Format::Human => {
            let beside = match &ground.folder {
                Some(folder) => format!(
                    "; {} to push at most, in {}",
                    text::count(files, "file"),
                    text::quoted(&folder.to_string_lossy())
                ),
                None => String::new(),
            };
            world.print(&format!(
                "{} in {}{beside}: good\n",
                text::count(hosts.len(), "host"),
                text::count(groups, "group")
            ))
        }
    }
}
