//! `batt completions` and `batt man`.

use batt_protocol::{Error, ExitCode};

use crate::cli;
use crate::console::Console;
use crate::home::Home;
use crate::script::Shelf;

/// Returns the grammar with the options of the scripts that are there, as far as this account may read them.
fn grammar(home: &Home) -> clap::Command {
    cli::command(&Shelf::read(home).unwrap_or_default().options())
}

/// Prints a completion script, with the options of the scripts that are there.
pub(crate) fn completions(
    home: &Home,
    shell: clap_complete::Shell,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let mut command = grammar(home);
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "batt", &mut text);
    console.result_bytes(&text);
    Ok(ExitCode::OK)
}

/// Prints the manual page.
pub(crate) fn man(home: &Home, console: &mut Console) -> Result<ExitCode, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(grammar(home))
        .render(&mut text)
        .map_err(|cause| Error::system("cannot write the manual page", cause))?;
    console.result_bytes(&text);
    Ok(ExitCode::OK)
}
