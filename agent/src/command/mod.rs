//! What each command does: one file a command.

mod accept;
mod backups;
mod cancel;
mod check;
mod check_engines;
mod drill;
mod enable;
mod init;
mod list;
mod live_log;
mod logs;
mod manual;
mod pin;
mod place;
mod purge;
mod recall;
mod restore;
mod run;
mod runs;
mod script;
mod supervise;
mod verify;

pub(crate) use script::{is_about_one_archive, remember_refusal};

use batt_protocol::{Error, ExitCode};

use crate::account;
use crate::cli::{Action, Invocation};
use crate::console::Console;
use crate::restore::From;
use crate::{enclosure, home_access, process, trust};

/// Does what was asked.
///
/// # Errors
/// What kept it from being done; its exit code is that of the program.
pub(crate) fn execute(invocation: Invocation, console: &mut Console) -> Result<ExitCode, Error> {
    let Invocation { home, output, action } = invocation;
    if looks_into_home(&action) {
        home_access::require_readable(&home)?;
    }
    if rests_on_home(&action) {
        trust::require_trusted_home(&home)?;
    }
    match action {
        Action::Run {
            services,
            path,
            wait,
            jobs,
            dry_run,
        } => {
            let request = run::Request {
                services,
                path,
                wait,
                jobs,
            };
            if dry_run {
                run::plan(&home, output, request, console)
            } else {
                run::run(&home, output, request, console)
            }
        }
        Action::List(listing) => list::list(&home, output, listing, console),
        Action::Enable(services) => enable::enable(&home, &services, console),
        Action::Disable(services) => enable::disable(&home, &services, console),
        Action::Init { new_id } => init::init(&home, new_id, console),
        Action::Accept(id) => accept::accept(&home, &id, console),
        Action::Backups(shown) => backups::backups(&home, output, &shown, console),
        Action::Purge(request) => purge::purge(&home, output, &request, console),
        Action::Pin { id, pinned } => pin::pin(&home, &id, pinned, console),
        Action::Verify { services, all } => verify::verify(&home, output, &services, all, console),
        Action::VerifyFolder(folder) => verify::verify_folder(&home, output, &folder, console),
        Action::Runs => runs::runs(&home, output, console),
        Action::Logs { run, service, raw } => logs::logs(&home, run, service, raw, console),
        Action::Attach(run) => run::attach(&home, output, &run, console),
        Action::Cancel(run) => cancel::cancel(&home, &run, console),
        Action::Check { path } => check::check(&home, output, path, console),
        Action::Serve { path } => crate::serve::serve(&home, path),
        Action::Supervise(run) => supervise::supervise(&home, &run),
        Action::Launch(request) => process::launch(&request),
        Action::Store {
            check,
            vet,
            inventories,
            recorded,
            retries,
            name,
            command,
        } => script::store(
            check.as_deref(),
            vet.as_deref(),
            inventories,
            recorded,
            retries,
            name,
            command,
        ),
        Action::Interleave(request) => script::interleave(&request),
        Action::Needs { check, name } => script::needs(check.as_deref(), &name, console),
        Action::Load {
            check,
            part,
            mark,
            behind,
            seekable,
            name,
            command,
        } => script::load(
            check.as_deref(),
            script::stage(part.as_deref(), mark, behind, check.as_deref())?,
            seekable,
            name,
            command,
            console,
        ),
        Action::As(request) => match account::run_as(&request)? {},
        Action::ShowPath(request) => match enclosure::show(&request)? {},
        Action::Restore(request) => restore::restore(&home, output, request, console),
        Action::Drill(request) => drill::drill(&home, output, &request, console),
        Action::Stage { path, command } => crate::place::run_in_stage(&path, &command),
        Action::Place { placement, path } => place::place(&placement, &path, console),
        Action::PlaceDryRun { with, paths } => place::require_free(&with, &paths),
        Action::Aside { with, path } => place::aside(&path, &with, console),
        Action::Record { of, fact } => script::record(of, fact),
        Action::Missing { name, reason } => script::missing(&name, &reason),
        Action::Differs { of, only } => recall::differs(of, &only, console),
        Action::Known { of } => recall::known(of, console),
        Action::Recall { of, keys } => recall::recall(of.as_deref(), &keys, console),
        Action::Completions(shell) => manual::completions(&home, shell, console),
        Action::Man => manual::man(&home, console),
        Action::Show(text) => {
            console.result(text.trim_end());
            Ok(ExitCode::OK)
        }
    }
}

/// Tells whether an action of a person tells what is in the home, or needs it. Those of scripts are called by accounts that may not read it.
fn looks_into_home(action: &Action) -> bool {
    rests_on_home(action)
        || match action {
            Action::List(_) | Action::Check { .. } => true,
            Action::Restore(request) => !matches!(request.from, From::Path(_)),
            Action::Drill(request) => !matches!(request.from, From::Path(_)),
            _ => false,
        }
}

/// Tells whether an action reads or writes the state of a home, and so is refused where others could have written it. A
/// restore and a drill from a folder need no home, and decide by themselves; `check` tells of it.
fn rests_on_home(action: &Action) -> bool {
    matches!(
        action,
        Action::Run { .. }
            | Action::Enable(_)
            | Action::Disable(_)
            | Action::Init { .. }
            | Action::Accept(_)
            | Action::Backups(_)
            | Action::Purge(_)
            | Action::Pin { .. }
            | Action::Verify { .. }
            | Action::Runs
            | Action::Logs { .. }
            | Action::Attach(_)
            | Action::Cancel(_)
            | Action::Serve { .. }
            | Action::Supervise(_)
    )
}
