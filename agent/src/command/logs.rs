//! `batt logs`: what the scripts of a run printed.

use batt_protocol::text::escaped;
use batt_protocol::{Error, EventKind, ExitCode, RunId, Service};

use crate::console::Console;
use crate::home::Home;
use crate::log::LogReader;
use crate::run_folder::RunFolder;

/// Shows the logs of a run, or of one of its services: escaped, unless the very bytes are asked for.
pub(crate) fn logs(
    home: &Home,
    run: Option<RunId>,
    service: Option<Service>,
    raw: bool,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let folder = match run {
        Some(run) => RunFolder::of(home, &run),
        None => RunFolder::all(home)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::new(ExitCode::NOTHING, "nothing has run yet"))?,
    };
    folder.order()?;
    let planned: Vec<Service> = folder
        .events()?
        .into_iter()
        .find_map(|event| match event.event {
            EventKind::RunStarted { services, .. } => Some(services),
            _ => None,
        })
        .unwrap_or_default();
    let chosen: Vec<Service> = match service {
        Some(service) if !planned.contains(&service) => {
            return Err(Error::new(
                ExitCode::NOTHING,
                format!("`{service}` was not part of the run `{}`", folder.run()),
            ));
        }
        Some(service) => vec![service],
        None => planned,
    };
    let several = chosen.len() > 1;
    for service in &chosen {
        if several {
            console.result(&format!("==> {service} <=="));
        }
        if !show(&LogReader::new(&folder.log(service)), raw, console)? {
            console.remark(&format!("the script of `{service}` printed nothing"));
        }
    }
    Ok(ExitCode::OK)
}

/// Shows one log, and tells whether there was anything in it.
fn show(log: &LogReader, raw: bool, console: &mut Console) -> Result<bool, Error> {
    let mut position = 0;
    let mut line = Vec::new();
    while let Some((from, bytes)) = log.read(position, 64 << 10)? {
        if from > position {
            if !line.is_empty() {
                let part = std::mem::take(&mut line);
                console.result(&escaped(&String::from_utf8_lossy(&part)));
            }
            console.result_bytes(format!("\n[{} bytes were dropped]\n", from - position).as_bytes());
        }
        position = from + bytes.len() as u64;
        if raw {
            console.result_bytes(&bytes);
            continue;
        }
        line.extend(bytes);
        while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = line.drain(..=end).collect();
            console.result(&escaped(&String::from_utf8_lossy(&whole[..end])));
        }
    }
    if !line.is_empty() {
        console.result(&escaped(&String::from_utf8_lossy(&line)));
    }
    Ok(position > 0)
}
