//! Reads plain lists, as pssh and pdsh take them: one `[user@]host[:port]` a line, ranges in the host, `#` comments.

use crate::draft::{Draft, HostList};
use crate::line::{Line, split_port};
use crate::settings::{self, Unfit};
use crate::source::{Placed, Problem, Source};
use crate::text::quoted;

/// Reads one file into the draft.
pub(crate) fn read(source: &Source, draft: &mut Draft) -> Result<(), Problem> {
    let mut list = HostList::new(source, "the list");
    for line in Line::all(source.text()) {
        let entry = line.without_comment();
        if !entry.text.is_empty() {
            read_entry(source, draft, &mut list, entry)?;
        }
    }
    Ok(())
}

fn read_entry(
    source: &Source,
    draft: &mut Draft,
    list: &mut HostList<'_>,
    entry: Line<'_>,
) -> Result<(), Problem> {
    let place = source.place(entry.span());
    // Blanks within brackets are part of a range, `web[1, 3]`.
    if let Some(blank) = blank_outside_brackets(entry.text) {
        let rest = source.place(entry.part(blank + 1..entry.text.len()));
        let hint = "a list holds one `[user@]host[:port]` a line; settings need the native form";
        return Err(Problem::new(rest, "something follows a host", hint));
    }
    let unfit = |unfit: Unfit| Problem::new(place, unfit.message, unfit.hint);
    let (user, address) = match entry.text.rsplit_once('@') {
        None => (None, entry.text),
        Some((user, address)) => (Some(settings::user(user).map_err(unfit)?), address),
    };
    let (name, port) = split_port(address);
    let port = port.map(parse_port).transpose().map_err(unfit)?;
    let hosts = if name.contains(':') && !name.contains('[') {
        vec![list.take_name(draft, name, place)?]
    } else {
        list.take(draft, name, place)?
    };
    for host in hosts {
        let settings = &mut draft.hosts[host].settings;
        if let Some(user) = &user {
            settings.user = Some(Placed {
                value: user.clone(),
                place,
            });
        }
        if let Some(value) = port {
            settings.port = Some(Placed { value, place });
        }
    }
    Ok(())
}

fn blank_outside_brackets(text: &str) -> Option<usize> {
    let mut inside = false;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        (character.is_whitespace() && !inside).then_some(at)
    })
}

/// Reads the digits of a port.
pub(crate) fn parse_port(text: &str) -> Result<u16, Unfit> {
    if text.is_empty() {
        return Err(Unfit::new(
            "a port is missing",
            "a port is a number from 1 to 65535",
        ));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => settings::port(number),
        _ => Err(Unfit::new(
            format!("{} is no port", quoted(text)),
            "a port is a number from 1 to 65535",
        )),
    }
}
