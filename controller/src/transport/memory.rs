//! A transport without a network, for tests: each host is an async closure that reads stdin and writes stdout and
//! stderr, or a way to fail.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::channel::{Received, Source};
use super::{
    Boxed, Channel, ConnectFailure, Connection, Deadlines, Ending, FailureClass, Lost, Observer, Phase,
    Target, Transport,
};

/// What each direction holds before its writer has to wait, as a pipe does.
const PIPE: usize = 64 * 1024;

/// The host's end of a command.
pub(crate) struct HostEnd {
    pub(crate) command: String,
    pub(crate) stdin: DuplexStream,
    pub(crate) stdout: DuplexStream,
    pub(crate) stderr: DuplexStream,
}

type Script = Arc<dyn Fn(HostEnd) -> Boxed<'static, Ending> + Send + Sync>;

enum Behaviour {
    Serve(Script),
    Refuse(ConnectFailure),
    Hang(Phase),
}

/// Hosts by name.
#[derive(Default)]
pub(crate) struct MemoryTransport {
    hosts: HashMap<String, Behaviour>,
}

impl MemoryTransport {
    /// A host that runs the closure for each command. A closure that returns `Lost` cuts the line there and then.
    pub(crate) fn host<F>(mut self, name: &str, script: impl Fn(HostEnd) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        let script: Script = Arc::new(move |end| Box::pin(script(end)));
        self.hosts.insert(name.to_string(), Behaviour::Serve(script));
        self
    }

    /// A host that cannot be reached, for this reason.
    pub(crate) fn refusing(mut self, name: &str, failure: ConnectFailure) -> Self {
        self.hosts.insert(name.to_string(), Behaviour::Refuse(failure));
        self
    }

    /// A host that never comes out of this phase.
    pub(crate) fn hanging(mut self, name: &str, phase: Phase) -> Self {
        self.hosts.insert(name.to_string(), Behaviour::Hang(phase));
        self
    }
}

impl Transport for MemoryTransport {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
        deadlines: &'a Deadlines,
        observer: Observer<'a>,
    ) -> Boxed<'a, Result<Box<dyn Connection>, ConnectFailure>> {
        Box::pin(async move {
            let Some(behaviour) = self.hosts.get(&target.name) else {
                observer(Phase::Resolve);
                return Err(ConnectFailure::new(
                    FailureClass::Resolve,
                    format!("no host `{}`", target.name),
                ));
            };
            for phase in [
                Phase::Resolve,
                Phase::Connect,
                Phase::Handshake,
                Phase::Authenticate,
            ] {
                observer(phase);
                match behaviour {
                    Behaviour::Hang(hangs) if *hangs == phase => {
                        tokio::time::sleep(deadlines.of(phase)).await;
                        return Err(ConnectFailure::timed_out(phase, deadlines.of(phase), target));
                    }
                    Behaviour::Refuse(failure) if fails_in(failure.class) == phase => {
                        return Err(failure.clone());
                    }
                    _ => {}
                }
            }
            match behaviour {
                Behaviour::Serve(script) => {
                    let connection = MemoryConnection {
                        script: script.clone(),
                        is_cut: Arc::default(),
                    };
                    Ok(Box::new(connection) as Box<dyn Connection>)
                }
                _ => Err(ConnectFailure::new(
                    FailureClass::Lost,
                    "the host let us through by mistake",
                )),
            }
        })
    }
}

fn fails_in(class: FailureClass) -> Phase {
    match class {
        FailureClass::Resolve => Phase::Resolve,
        FailureClass::Connect => Phase::Connect,
        FailureClass::HostKey | FailureClass::Lost | FailureClass::Protocol => Phase::Handshake,
        FailureClass::Authentication => Phase::Authenticate,
        FailureClass::TimedOut(phase) => phase,
    }
}

struct MemoryConnection {
    script: Script,
    /// A host whose closure returned `Lost` runs nothing more.
    is_cut: Arc<AtomicBool>,
}

impl Connection for MemoryConnection {
    fn exec<'a>(&'a mut self, command: &'a str) -> Boxed<'a, Result<Channel, Lost>> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Lost("the line is down".to_string())) });
        }
        let (stdin, host_stdin) = duplex(PIPE);
        let (stdout, host_stdout) = duplex(PIPE);
        let (stderr, host_stderr) = duplex(PIPE);
        let end = HostEnd {
            command: command.to_string(),
            stdin: host_stdin,
            stdout: host_stdout,
            stderr: host_stderr,
        };
        let (running, is_cut) = ((self.script)(end), self.is_cut.clone());
        let ending = tokio::spawn(async move {
            let ending = running.await;
            is_cut.fetch_or(matches!(ending, Ending::Lost(_)), Ordering::SeqCst);
            ending
        });
        let source = HostOutput {
            stdout: Some(stdout),
            stderr: Some(stderr),
            ending: Some(ending),
            told: false,
        };
        Box::pin(async move { Ok(Channel::new(stdin, source)) })
    }

    fn close(self: Box<Self>) -> Boxed<'static, ()> {
        Box::pin(async {})
    }
}

/// What the closure writes, until it has returned and both streams are empty.
struct HostOutput {
    stdout: Option<DuplexStream>,
    stderr: Option<DuplexStream>,
    ending: Option<JoinHandle<Ending>>,
    told: bool,
}

impl Source for HostOutput {
    fn next(&mut self) -> Boxed<'_, Result<Received, String>> {
        Box::pin(async move {
            while self.stdout.is_some() || self.stderr.is_some() {
                let received = tokio::select! {
                    bytes = read(&mut self.stdout), if self.stdout.is_some() => bytes.map(Received::Stdout),
                    bytes = read(&mut self.stderr), if self.stderr.is_some() => bytes.map(Received::Stderr),
                };
                if let Some(received) = received {
                    return Ok(received);
                }
            }
            let Some(ending) = &mut self.ending else {
                return match self.told {
                    true => Ok(Received::Closed),
                    false => Err("the host's closure has no ending".to_string()),
                };
            };
            let ended = ending.await;
            self.ending = None;
            match ended {
                Ok(Ending::Lost(why)) => Err(why),
                Ok(ending) => {
                    self.told = true;
                    Ok(Received::Status(ending))
                }
                Err(error) => Err(format!("the host's closure failed: {error}")),
            }
        })
    }
}

/// A channel that is dropped gives up its host's closure.
impl Drop for HostOutput {
    fn drop(&mut self) {
        if let Some(ending) = &self.ending {
            ending.abort();
        }
    }
}

/// Reads a piece; nothing, and no stream any more, when it has ended.
async fn read(stream: &mut Option<DuplexStream>) -> Option<Bytes> {
    let mut bytes = BytesMut::with_capacity(PIPE);
    if let Some(open) = stream
        && matches!(open.read_buf(&mut bytes).await, Ok(1..))
    {
        return Some(bytes.freeze());
    }
    *stream = None;
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;

    use super::super::contract::{self, contract_tests};
    use super::*;

    /// Plays the shell for the commands of the contract.
    async fn shell(mut end: HostEnd) -> Ending {
        match end.command.as_str() {
            contract::CAT => {
                let copied = tokio::io::copy(&mut end.stdin, &mut end.stdout).await;
                copied.map_or(Ending::Exited(1), |_| Ending::Exited(0))
            }
            contract::DIE => Ending::Signalled("TERM".to_string()),
            contract::NOISE => {
                end.stderr.write_all(&vec![b'x'; 40_000]).await.unwrap();
                end.stderr.write_all(b"the end\n").await.unwrap();
                end.stdout.write_all(b"out\n").await.unwrap();
                Ending::Exited(0)
            }
            contract::VANISH => {
                end.stdout.write_all(b"half\n").await.unwrap();
                let _ = end.stdin.read_u8().await;
                Ending::Lost("the host vanished".to_string())
            }
            contract::IDLE => std::future::pending().await,
            other => Ending::Exited(other.strip_prefix("exit ").unwrap().parse().unwrap()),
        }
    }

    struct Fixture {
        transport: MemoryTransport,
        target: Target,
    }

    fn fixture() -> Fixture {
        Fixture {
            transport: MemoryTransport::default().host("h1", shell),
            target: target("h1"),
        }
    }

    fn target(name: &str) -> Target {
        Target {
            name: name.to_string(),
            address: name.to_string(),
            port: 22,
            user: "root".to_string(),
            identity: None,
            pinned: Vec::new(),
        }
    }

    contract_tests!(fixture);

    #[tokio::test]
    async fn every_class_can_be_played() {
        for class in [
            FailureClass::Resolve,
            FailureClass::Connect,
            FailureClass::HostKey,
            FailureClass::Authentication,
            FailureClass::Lost,
            FailureClass::Protocol,
        ] {
            let transport = MemoryTransport::default().refusing("h1", ConnectFailure::new(class, "no"));
            contract::fails(&transport, &target("h1"), &Deadlines::default(), class).await;
        }
        for phase in [
            Phase::Resolve,
            Phase::Connect,
            Phase::Handshake,
            Phase::Authenticate,
        ] {
            let transport = MemoryTransport::default().hanging("h1", phase);
            let deadlines = contract::short(phase, Duration::from_millis(20));
            contract::fails(
                &transport,
                &target("h1"),
                &deadlines,
                FailureClass::TimedOut(phase),
            )
            .await;
        }
    }
}
