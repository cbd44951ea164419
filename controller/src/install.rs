//! Puts the agent's binary on a bare host, over the connection that is there: no SFTP, no file left half-written.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use batt_protocol::HostClass;

use crate::agent_binary::AgentBinary;
use crate::event::Installed;
use crate::shell::AgentPlace;
use crate::transport::{Connection, Ending};
use crate::trouble::{Trouble, foreign, last_line};

/// For each command: 64 MiB over a line of 4 Mbit/s take two minutes.
const LIMIT: Duration = Duration::from_secs(180);
/// What a command may print: the longest line is a digest and a path.
const MAX_OUTPUT: usize = 16 << 10;

/// Tells the machine, and the digest of what is there already.
const LOOK: &str = r#"uname -m && if [ -f "$1" ]; then sha256sum -- "$1"; fi"#;
/// Takes the binary beside its place; in a folder of others nobody else may write, so nobody swaps it.
const TAKE: &str = r#"umask 022 && mkdir -p -- "${1%/*}" && cat > "$1.partial" && sha256sum -- "$1.partial""#;
/// Puts it in place at once: whoever runs the old one keeps it.
const PLACE: &str = r#"chmod 755 -- "$1.partial" && mv -f -- "$1.partial" "$1""#;
const CLEAN: &str = r#"rm -f -- "$1.partial""#;

/// Installs the binary unless the same one is there, and lays out its home.
///
/// # Errors
/// A machine that cannot run it, a digest that differs, a command that failed, a line that broke.
pub(crate) async fn install(
    connection: &mut dyn Connection,
    place: &AgentPlace,
    agent: &AgentBinary,
) -> Result<Installed, Trouble> {
    if !place.path.starts_with('/') {
        return Err(Trouble::new(
            HostClass::Failed,
            format!("the agent's path {} is not absolute", foreign(&place.path)),
        ));
    }
    let script = |text: &str| place.script(text, &[&place.path]);
    let look = succeed(connection, &script(LOOK), b"", place, "look for the agent").await?;
    let mut lines = look.lines();
    let machine = lines.next().unwrap_or_default().trim();
    if !agent.runs_on(machine) {
        return Err(Trouble::new(
            HostClass::Failed,
            format!(
                "the host is a `{}`, and the agent is for `{}`",
                foreign(machine),
                agent.machine()
            ),
        )
        .hint("Name one for this machine with `--agent-file`."));
    }
    let there = lines.next().and_then(digest_of);
    let installed = if there == Some(agent.sha256.as_str()) {
        Installed::Already
    } else {
        let took = succeed(connection, &script(TAKE), &agent.bytes, place, "take the agent").await?;
        if took.lines().last().and_then(digest_of) != Some(agent.sha256.as_str()) {
            // It is told first; a host that broke the file may break this too.
            let _ = command(connection, &script(CLEAN), b"").await;
            return Err(Trouble::protocol(
                "what arrived on the host is not what was sent: the digests differ",
            ));
        }
        succeed(connection, &script(PLACE), b"", place, "put the agent in place").await?;
        Installed::New
    };
    succeed(connection, &place.init(), b"", place, "lay out the agent's home").await?;
    Ok(installed)
}

/// Returns the digest that begins a line of `sha256sum`; a line about an odd file name begins with a backslash.
fn digest_of(line: &str) -> Option<&str> {
    line.trim_start_matches('\\').split_whitespace().next()
}

async fn succeed(
    connection: &mut dyn Connection,
    line: &str,
    input: &[u8],
    place: &AgentPlace,
    doing: &str,
) -> Result<String, Trouble> {
    let Output {
        stdout,
        stderr,
        ending,
    } = command(connection, line, input).await?;
    let words = last_line(&stderr).or_else(|| last_line(&stdout));
    let told = |how: String| match &words {
        Some(words) => format!("the host did not {doing}: {how}; its last words: {words}"),
        None => format!("the host did not {doing}: {how}"),
    };
    match ending {
        Ending::Exited(0) => Ok(String::from_utf8_lossy(&stdout).into_owned()),
        Ending::Exited(code) => {
            let from_sudo = String::from_utf8_lossy(&stderr)
                .lines()
                .any(|line| line.starts_with("sudo:"));
            Err(if place.sudo && from_sudo {
                Trouble::new(HostClass::Become, told(format!("exit code {code}")))
                    .hint("Installing needs more of sudo than a backup: `sh`, as root, without a password.")
            } else {
                Trouble::new(HostClass::Failed, told(format!("exit code {code}")))
            })
        }
        Ending::Signalled(signal) => Err(Trouble::new(
            HostClass::Failed,
            told(format!("signal {}", foreign(&signal))),
        )),
        Ending::Lost(reason) => Err(Trouble::lost(told(foreign(&reason)))),
    }
}

struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    ending: Ending,
}

async fn command(connection: &mut dyn Connection, line: &str, input: &[u8]) -> Result<Output, Trouble> {
    let work = async {
        let mut channel = connection
            .exec(line)
            .await
            .map_err(|lost| Trouble::lost(lost.to_string()))?;
        // Nothing is printed while the input is taken, so the one may follow the other. A command that does not take
        // it tells why at its end.
        if channel.stdin.write_all(input).await.is_ok() {
            let _ = channel.stdin.close().await;
        }
        let mut stdout = Vec::new();
        while let Some(bytes) = channel.stdout.recv().await {
            if stdout.len() + bytes.len() > MAX_OUTPUT {
                return Err(Trouble::protocol(
                    "the host printed far more than it was asked for",
                ));
            }
            stdout.extend_from_slice(&bytes);
        }
        let ending = channel.ending().await;
        Ok(Output {
            stdout,
            stderr: channel.stderr(),
            ending,
        })
    };
    timeout(LIMIT, work).await.unwrap_or_else(|_| {
        Err(Trouble::new(
            HostClass::TimedOut,
            format!(
                "a command of the installation took longer than {} s",
                LIMIT.as_secs()
            ),
        ))
    })
}

#[cfg(test)]
mod tests;
