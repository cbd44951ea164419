//! `batt list`: which services there are.

use batt_protocol::text::escaped;
use batt_protocol::{Error, ExitCode, Service};
use serde::Serialize;

use crate::cli::{Format, Listing, Output};
use crate::console::Console;
use crate::home::Home;
use crate::report::table;
use crate::script::{Shelf, enabled_services};

#[derive(Serialize)]
struct Listed {
    service: String,
    enabled: bool,
    summary: Option<String>,
    /// Why it can never run, when it cannot.
    refusal: Option<String>,
}

/// Lists services.
pub(crate) fn list(
    home: &Home,
    output: Output,
    listing: Listing,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let shelf = Shelf::read(home)?;
    let enabled = enabled_services(home)?;
    let mut listed: Vec<Listed> = Vec::new();
    for script in shelf.scripts() {
        let own: Vec<&Service> = enabled
            .iter()
            .filter(|service| *service.name() == script.service)
            .collect();
        let entry = |service: String, enabled: bool| Listed {
            service,
            enabled,
            summary: script.header.summary.clone(),
            refusal: script.refusal().map(|error| error.to_string()),
        };
        if own.is_empty() {
            listed.push(entry(script.service.to_string(), false));
        }
        listed.extend(own.iter().map(|service| entry(service.to_string(), true)));
    }
    for lost in enabled
        .iter()
        .filter(|service| shelf.script(service.name()).is_err())
    {
        let refusal = Some(format!(
            "its script `{}` is missing",
            home.script(lost.name()).display()
        ));
        listed.push(Listed {
            service: lost.to_string(),
            enabled: true,
            summary: None,
            refusal,
        });
    }
    listed.retain(|entry| match listing {
        Listing::Enabled => entry.enabled,
        Listing::Disabled => !entry.enabled,
        Listing::Available => true,
    });
    if output.format != Format::Human {
        console.json(&listed)?;
        return Ok(ExitCode::OK);
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|entry| {
            let state = if entry.enabled { "enabled" } else { "disabled" };
            let about = entry
                .refusal
                .as_ref()
                .map(|why| format!("refused: {}", why.lines().next().unwrap_or_default()));
            let about = about.or_else(|| entry.summary.clone()).unwrap_or_default();
            vec![
                entry.service.clone(),
                state.to_owned(),
                escaped(&about).into_owned(),
            ]
        })
        .collect();
    table(&rows).iter().for_each(|line| console.result(line));
    if rows.is_empty() {
        let hint = match listing {
            Listing::Enabled => "no service is enabled; `batt list available` shows what there is",
            Listing::Disabled => "no service is disabled",
            Listing::Available => "there are no scripts yet; `batt init` installs those that come with batt",
        };
        console.remark(hint);
    }
    if !output.quiet {
        console.remark("`batt backups` shows what is backed up.");
    }
    Ok(ExitCode::OK)
}
