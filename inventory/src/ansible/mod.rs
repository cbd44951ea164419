//! Reads Ansible's INI form: groups, `:children`, `:vars`, ranges, `host key=value`.
//!
//! Variables that tell how to connect become settings; one that is not honoured here is an error, never ignored,
//! because a run that connects otherwise than Ansible does would not be the run that was meant.

mod value;
mod variables;
mod words;

use crate::draft::{Draft, GroupIndex, HostList};
use crate::line::{Line, split_port};
use crate::name::GroupName;
use crate::plain::parse_port;
use crate::settings::Settings;
use crate::source::{Place, Placed, Problem, Source};
use crate::suggest;
use crate::text::quoted;

use value::parse_value;
use variables::{Variable, set};
use words::words;

/// Where the lines of a section go.
enum Section<'a> {
    /// Hosts of a group; without a group they are of `all` or `ungrouped`.
    Hosts(Option<GroupIndex>, HostList<'a>),
    /// Children of a group; those of `all` say nothing that is not so already.
    Children(Option<GroupIndex>),
    /// Variables of a group, or of all hosts.
    Variables(Option<GroupIndex>),
}

/// Reads one file into the draft.
pub(crate) fn read(source: &Source, draft: &mut Draft) -> Result<(), Problem> {
    let mut section = Section::Hosts(None, HostList::new(source, "the lines before the first section"));
    for line in Line::all(source.text()) {
        let line = line.trimmed();
        if line.text.is_empty() || line.text.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = header(line) {
            section = open(source, draft, header)?;
            continue;
        }
        match &mut section {
            Section::Hosts(group, list) => read_host(source, draft, *group, list, line)?,
            Section::Children(group) => read_child(source, draft, *group, line)?,
            Section::Variables(group) => {
                let settings = match group {
                    None => &mut draft.all,
                    Some(group) => &mut draft.groups[*group].settings,
                };
                read_variable(source, settings, line)?;
            }
        }
    }
    Ok(())
}

/// Returns the inside of a line that is a header. An IPv6 address in brackets is a host.
pub(crate) fn header(line: Line<'_>) -> Option<Line<'_>> {
    let line = line.without_comment();
    let inner = line.text.strip_prefix('[')?.strip_suffix(']')?;
    // `[1-3]web[4-6]` begins and ends with brackets as well.
    let is_host = inner.contains(['[', ']']) || inner.parse::<std::net::Ipv6Addr>().is_ok();
    (!is_host).then_some(Line {
        text: inner,
        start: line.start + 1,
    })
}

fn open<'a>(source: &'a Source, draft: &mut Draft, header: Line<'_>) -> Result<Section<'a>, Problem> {
    let (name, kind) = match header.text.split_once(':') {
        None => (header.text, None),
        Some((name, kind)) => (name, Some(kind)),
    };
    let place = source.place(header.span());
    let builtin = matches!(name, "all" | "ungrouped");
    let mut group = |defines: bool| {
        if builtin {
            return Ok(None);
        }
        let name = GroupName::parse(name).map_err(|e| Problem::new(place, e.message, e.hint))?;
        let group = draft.group(&name, place);
        draft.groups[group].defined |= defines;
        Ok(Some(group))
    };
    match kind {
        None => Ok(Section::Hosts(
            group(true)?,
            HostList::new(source, quoted(&format!("[{name}]"))),
        )),
        Some("children") => Ok(Section::Children(group(true)?)),
        Some("vars") if name == "ungrouped" => Err(Problem::new(
            place,
            "variables of `ungrouped` are not honoured",
            "put these hosts into a group of their own",
        )),
        Some("vars") => Ok(Section::Variables(group(false)?)),
        Some(kind) => {
            let hint = suggest::hint(kind, ["children", "vars"], || {
                "sections are `[group]`, `[group:children]` and `[group:vars]`".to_owned()
            });
            Err(Problem::new(
                place,
                format!("{} is no kind of section", quoted(kind)),
                hint,
            ))
        }
    }
}

fn read_host(
    source: &Source,
    draft: &mut Draft,
    group: Option<GroupIndex>,
    list: &mut HostList<'_>,
    line: Line<'_>,
) -> Result<(), Problem> {
    let words = words(source, line)?;
    let Some((first, variables)) = words.split_first() else {
        return Ok(());
    };
    let place = first.place;
    let (name, port) = split_port(&first.value);
    let port = port
        .map(parse_port)
        .transpose()
        .map_err(|unfit| Problem::new(place, unfit.message, unfit.hint))?;
    let hosts = if name.contains(':') && !name.contains('[') {
        vec![list.take_name(draft, name, place)?]
    } else {
        list.take(draft, name, place)?
    };
    let mut settings = Settings {
        port: port.map(|value| Placed { value, place }),
        ..Settings::default()
    };
    for word in variables {
        let Some((key, value)) = word.value.split_once('=') else {
            // The word is not repeated: it may be half of a password.
            let message = "a word that is neither `key=value` nor a comment";
            return Err(Problem::new(
                word.place,
                message,
                "after the host stand variables, like `ansible_port=22`",
            ));
        };
        set(
            &mut settings,
            &Variable {
                key,
                value: parse_value(value),
                place: word.place,
            },
        )?;
    }
    for host in hosts {
        draft.hosts[host].settings.overlay(&settings);
        if let Some(group) = group {
            draft.groups[group].hosts.push(host);
        }
    }
    Ok(())
}

fn read_child(
    source: &Source,
    draft: &mut Draft,
    group: Option<GroupIndex>,
    line: Line<'_>,
) -> Result<(), Problem> {
    let line = line.without_comment();
    let place = source.place(line.span());
    if matches!(line.text, "all" | "ungrouped") {
        let message = format!("{} cannot be a child", quoted(line.text));
        return Err(Problem::new(place, message, "name the groups themselves"));
    }
    let child = GroupName::parse(line.text).map_err(|e| Problem::new(place, e.message, e.hint))?;
    match group {
        Some(group) => draft.groups[group].add_child(Placed { value: child, place }),
        // Of `all` every group is a child; Ansible lets this line define it.
        None => {
            let group = draft.group(&child, place);
            draft.groups[group].defined = true;
        }
    }
    Ok(())
}

fn read_variable(source: &Source, settings: &mut Settings, line: Line<'_>) -> Result<(), Problem> {
    let place: Place = source.place(line.span());
    let Some((key, value)) = line.text.split_once('=') else {
        let hint = "a section `:vars` holds one variable a line";
        return Err(Problem::new(place, "a line that is no `key=value`", hint));
    };
    set(
        settings,
        &Variable {
            key: key.trim_end(),
            value: parse_value(value.trim_start()),
            place,
        },
    )
}
