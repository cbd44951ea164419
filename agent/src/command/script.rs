//! `batt store`, `batt load` and `batt record`: what scripts call.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;

use batt_protocol::text::escaped;
use batt_protocol::{Error, ExitCode};

use crate::archive::{Kind, Stage, UnknownKind};
use crate::cancellation::Cancellation;
use crate::cli::Action;
use crate::console::Console;
use crate::hatch::Desk;
use crate::interleave::{self, InterleaveRequest};
use crate::ledger::{Entry, EnvironmentError, ScriptEnvironment};
use crate::load::{self, LoadRequest, Seekable};
use crate::record::{self, RecordRequest};
use crate::store::{self, StoreRequest};

/// Runs a dump command and keeps what it prints, checked.
pub(crate) fn store(
    check: Option<&str>,
    vet: Option<&str>,
    inventories: Vec<PathBuf>,
    recorded: Vec<PathBuf>,
    retries: u8,
    name: OsString,
    command: Vec<OsString>,
) -> Result<ExitCode, Error> {
    let environment = ScriptEnvironment::from_variables(|name| std::env::var_os(name)).map_err(no_script)?;
    let refused = |error: Error| {
        store::refuse(&name, error.message(), &environment);
        error
    };
    let check = kind(check).map_err(refused)?;
    let vet = kind(vet).map_err(refused)?;
    if vet.is_some_and(|vet| !matches!(vet, Kind::Mysql | Kind::MysqlAccounts))
        || vet.is_some() && check != Some(Kind::Mysql)
    {
        return Err(refused(Error::usage(
            "what is checked as `mysql` can be vetted as `mysql` or `mysql-accounts`, and nothing else",
        )));
    }
    if !inventories.is_empty() && !matches!(check, Some(Kind::Mysql | Kind::Rdb)) {
        return Err(refused(Error::usage(
            "only what is checked as `mysql` or `rdb` can be held to an inventory",
        )));
    }
    if !recorded.is_empty() && check != Some(Kind::Mysql) {
        return Err(refused(Error::usage(
            "only of what is checked as `mysql` an inventory can be recorded",
        )));
    }
    let mut words = command.into_iter();
    let command = words
        .next()
        .ok_or_else(|| refused(Error::usage("there is no command after `--`")))?;
    let request = StoreRequest {
        name,
        check,
        vet,
        inventories,
        recorded,
        retries,
        command,
        arguments: words.collect(),
    };
    store::store(request, &environment)
        .map(|()| ExitCode::OK)
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))
}

/// Prints what an archive needs to be restored besides rights on its own database, a line each.
pub(crate) fn needs(check: Option<&str>, name: &OsStr, console: &mut Console) -> Result<ExitCode, Error> {
    let desk = desk()?;
    if kind(check)? != Some(Kind::Mysql) {
        return Err(Error::usage(
            "only of what is checked as `mysql` is known what it needs",
        ));
    }
    let needs = load::needs(name, Kind::Mysql, &desk)
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))?;
    for line in needs {
        console.result(&line);
    }
    Ok(ExitCode::OK)
}

/// Returns what is asked for of a dump.
///
/// # Errors
/// Words that name no part, and parts of what is made of none.
pub(crate) fn stage(
    part: Option<&str>,
    mark: Option<String>,
    behind: Vec<u64>,
    check: Option<&str>,
) -> Result<Stage, Error> {
    match part.map(str::parse::<Stage>) {
        None => Ok(Stage::WHOLE),
        Some(Ok(stage)) if kind(check)? == Some(Kind::Mysql) => {
            Ok(stage.behind(behind).marked(mark.unwrap_or_default()))
        }
        Some(_) => Err(Error::usage(
            "`sequences`, `tables`, `programs`, `views` and `names` are parts of what is checked as `mysql`, and of nothing else",
        )),
    }
}

/// Hands an archive to a command.
pub(crate) fn load(
    check: Option<&str>,
    stage: Stage,
    seekable: Option<u64>,
    name: OsString,
    command: Vec<OsString>,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let desk = desk()?;
    let check = kind(check)?;
    if seekable.is_some() && check != Some(Kind::Postgresql) {
        return Err(Error::usage(
            "only what is checked as `postgresql` can be handed over as a file",
        ));
    }
    let folder = std::env::var_os("BATT_SCRATCH").map(PathBuf::from);
    let seekable = seekable.zip(folder);
    let mut words = command.into_iter();
    let command = words
        .next()
        .ok_or_else(|| Error::usage("there is no command after `--`"))?;
    let request = LoadRequest {
        name,
        check,
        stage,
        seekable: seekable.map(|(bytes, folder)| Seekable { bytes, folder }),
        command,
        arguments: words.collect(),
    };
    load::load(&request, &desk, &mut |remark| {
        console.remark(&format!("batt: {}", escaped(remark)));
    })
    .map(|()| ExitCode::OK)
    .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))
}

/// Records a fact about the content, or those that come as lines.
pub(crate) fn record(of: Option<OsString>, fact: Option<(OsString, OsString)>) -> Result<ExitCode, Error> {
    let desk = desk()?;
    let mut request = RecordRequest {
        of,
        facts: Vec::new(),
    };
    let read = match fact {
        Some(fact) => {
            request.facts.push(fact);
            Ok(())
        }
        None => request.read_lines(std::io::stdin()),
    };
    read.and_then(|()| record::record(&request, &desk))
        .map(|()| ExitCode::OK)
        .map_err(|error| {
            if let Some(of) = &request.of {
                record::refuse(of, &error, &desk);
            }
            Error::new(ExitCode::from_code(error.exit_code()), error.to_string())
        })
}

/// Runs several dumps at once, and prints the one that they are together.
pub(crate) fn interleave(request: &InterleaveRequest) -> Result<ExitCode, Error> {
    let cancellation = Cancellation::by_signals()?;
    // That of the library looks for lines.
    let output = rustix::stdio::stdout()
        .try_clone_to_owned()
        .map_err(|cause| Error::system("cannot write to stdout", cause))?;
    interleave::interleave(request, File::from(output), &cancellation)
        .map(|()| ExitCode::OK)
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))
}

/// Remembers what of an item the script could not have.
pub(crate) fn missing(name: &OsStr, reason: &OsStr) -> Result<ExitCode, Error> {
    const LENGTH: usize = 4096;
    let short = |text: &OsStr| text.to_string_lossy().chars().take(LENGTH).collect();
    let missing = Entry::Missing {
        name: short(name),
        reason: short(reason),
    };
    desk()?
        .note(&missing)
        .map(|()| ExitCode::OK)
        .map_err(|cause| Error::system("cannot write the ledger of the run", cause))
}

/// Tells whether a call remembers by itself that it was refused, since it is about one archive and no other.
pub(crate) fn is_about_one_archive(action: &Action) -> bool {
    matches!(action, Action::Store { .. } | Action::Record { of: Some(_), .. })
}

/// Remembers a call that a script made and that has no meaning, as by a mistyped option: the script may go on after our
/// exit code, and what it wanted to store is not there. Nothing is done where no script calls.
pub(crate) fn remember_refusal(arguments: &[OsString], error: &Error) {
    const WORDS: usize = 3;
    const LENGTH: usize = 200;
    let in_a_run = ["BATT_RUN_ID", "BATT_VERB"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let Some(desk) = desk().ok().filter(|_| in_a_run) else {
        return;
    };
    // Not the dump command: it is long, and may hold what nobody is to see.
    let words: Vec<String> = arguments
        .iter()
        .skip(1)
        .take_while(|word| *word != "--")
        .take(WORDS)
        .map(|word| word.to_string_lossy().chars().take(LENGTH).collect())
        .collect();
    let refused = Entry::CallRefused {
        words: words.join(" "),
        reason: error.message().chars().take(LENGTH).collect(),
    };
    // When this line cannot be written, nothing can.
    let _ = desk.note(&refused);
}

fn kind(word: Option<&str>) -> Result<Option<Kind>, Error> {
    word.map(str::parse)
        .transpose()
        .map_err(|error: UnknownKind| Error::usage(error.to_string()))
}

fn desk() -> Result<Desk, Error> {
    Desk::of_this_script().map_err(no_script)
}

fn no_script(error: EnvironmentError) -> Error {
    Error::usage(error.to_string())
}
