//! `batt-lab`, the lab for people and for the demo: hosts that live as long as the program does.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use super::{Blueprint, Database, Kind, Lab, LabHost, Network, Pace};

const USAGE: &str = "\
Throw-away hosts on this machine, with an inventory for batt-fleet. They live until Ctrl-C.

usage: batt-lab up [--kind builtin|openssh] [--hosts N] [--folder DIR] [--agent FILE] [--bare] [--healthy] [--dead-host]
                   [--quick] [--network loopback|namespaces] [--until-stdin-closes]

  --kind builtin         SSH servers within this program; needs nothing installed (default)
  --kind openssh         sshd in namespaces, each host with its own /opt/batt and /opt/backup; needs root
  --hosts N              how many (default: 5)
  --folder DIR           where; it must be empty, and stays (default: a temporary folder that goes)
  --agent FILE           the `batt` to install (default: the one beside this program)
  --bare                 install none: `batt-fleet push --agent` brings it
  --healthy              without it the last db host has a damaged database, and its dump dies on the way
  --dead-host            a host `db0` more in the inventory, which is down
  --quick                small databases, dumped at once: for many hosts, or for measuring
  --network namespaces   a network for each OpenSSH host (default: loopback addresses)
  --until-stdin-closes   end when stdin does
";

/// What was asked for.
enum Request {
    Help,
    Up(Blueprint, Until),
}

/// When the lab ends, beside by a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Signalled,
    StdinCloses,
}

/// Runs `batt-lab` with the arguments of this process.
pub fn run_main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments) {
        Ok(Request::Help) => say(USAGE),
        Ok(Request::Up(blueprint, until)) => up(&blueprint, until),
        Err(wrong) => {
            complain(&format!("{wrong}\nhint: `batt-lab --help` shows what there is."));
            ExitCode::from(64)
        }
    }
}

fn up(blueprint: &Blueprint, until: Until) -> ExitCode {
    // Before anything is started, so that no signal finds it unprepared.
    let end = match end_of(until) {
        Ok(end) => end,
        Err(error) => return failed(&error),
    };
    let lab = match Lab::start(blueprint) {
        Ok(lab) => lab,
        Err(error) => return failed(&error),
    };
    let told = say(&welcome(&lab));
    let _ = end.recv();
    drop(lab);
    told
}

fn welcome(lab: &Lab) -> String {
    let names: Vec<&str> = lab.hosts().iter().map(LabHost::name).collect();
    let inventory = lab.inventory();
    let inventory = inventory.display();
    let mut text = format!("inventory: {inventory}\nhosts: {}\n\n", names.join(" "));
    text += &format!("try: batt-fleet push -i {inventory}\n     batt-fleet run -i {inventory} --group db\n");
    if let Some(host) = lab.hosts().first() {
        text += &format!(
            "     ssh -o UserKnownHostsFile={} -i {} -p {} {}@{}\n",
            lab.known_hosts().display(),
            host.identity().display(),
            host.address().port(),
            host.user(),
            host.address().ip(),
        );
    }
    text
}

/// Returns what says when it is time to end: SIGINT, SIGTERM, SIGHUP, or the end of stdin where that was asked for.
fn end_of(until: Until) -> io::Result<mpsc::Receiver<()>> {
    let (ended, end) = mpsc::channel();
    if until == Until::StdinCloses {
        let ended = ended.clone();
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
            let _ = ended.send(());
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate, mut hang_up) = {
        let _within = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        let _ = ended.send(());
    });
    Ok(end)
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut words = arguments.iter().map(String::as_str);
    match words.next() {
        Some("up") => {}
        Some("--help" | "-h" | "help") => return Ok(Request::Help),
        Some(other) => return Err(format!("unknown command `{other}`")),
        None => return Err("a command is missing: `batt-lab up`".to_owned()),
    }
    let (mut kind, mut hosts, mut folder, mut agent) = (Kind::Builtin, 5, None, None);
    let (mut network, mut database, mut pace) = (Network::Loopback, Database::Damaged, Pace::Watchable);
    let (mut bare, mut dead_host, mut until) = (false, false, Until::Signalled);
    while let Some(option) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{option}` needs a value"));
        match option {
            "--kind" => {
                kind = match value()? {
                    "builtin" => Kind::Builtin,
                    "openssh" => Kind::OpenSsh,
                    other => return Err(format!("unknown kind `{other}`")),
                };
            }
            "--network" => {
                network = match value()? {
                    "loopback" => Network::Loopback,
                    "namespaces" => Network::Namespaces,
                    other => return Err(format!("unknown network `{other}`")),
                };
            }
            "--hosts" => {
                let text = value()?;
                hosts = text
                    .parse()
                    .map_err(|_| format!("`{text}` is no number of hosts"))?;
            }
            "--folder" => folder = Some(PathBuf::from(value()?)),
            "--agent" => agent = Some(PathBuf::from(value()?)),
            "--bare" => bare = true,
            "--healthy" => database = Database::Sound,
            "--quick" => pace = Pace::Quick,
            "--dead-host" => dead_host = true,
            "--until-stdin-closes" => until = Until::StdinCloses,
            "--help" | "-h" => return Ok(Request::Help),
            other => return Err(format!("unknown option `{other}`")),
        }
    }
    let agent = match agent {
        Some(agent) => agent,
        None => beside().map_err(|error| format!("the `batt` beside this program is not known: {error}"))?,
    };
    let mut blueprint = Blueprint::new(kind, hosts, agent)
        .folder(folder)
        .network(network)
        .last_database(database)
        .pace(pace);
    if bare {
        blueprint = blueprint.without_agent();
    }
    if dead_host {
        blueprint = blueprint.with_dead_host();
    }
    Ok(Request::Up(blueprint, until))
}

fn beside() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("batt"))
}

fn say(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn failed(error: &io::Error) -> ExitCode {
    complain(&error.to_string());
    ExitCode::FAILURE
}

fn complain(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "batt-lab: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused() {
        for arguments in [
            &["down"][..],
            &["up", "--kind", "docker"],
            &["up", "--hosts", "many"],
            &["up", "--hosts"],
            &["up", "-x"],
            &[],
        ] {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
    }
}
