//! One command on a built-in host: a shell with pipes, its streams carried over the channel, its end told as it was.
//!
//! It behaves as sshd does where that can be seen from outside: the exit status is sent when the shell ends, the channel is
//! closed when nobody holds its pipes any more, and a client that goes away closes the pipes and kills nothing.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, Sig};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::processes::MARK;

/// As much as is read of a command at a time: one packet.
const CHUNK: usize = 32 << 10;
/// The stream of errors in a channel (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// A command that somebody has asked for; none is a shell that reads commands.
pub(super) struct Order {
    pub(super) folder: PathBuf,
    pub(super) user: String,
    /// The client's address and port.
    pub(super) client: SocketAddr,
    /// The host's own.
    pub(super) address: SocketAddr,
    pub(super) command: Option<Vec<u8>>,
}

/// Starts the command by the shell, in a process group of its own.
pub(super) fn start(order: &Order) -> io::Result<Child> {
    let home = order.folder.join("user");
    let (client, own) = (order.client, order.address);
    let mut shell = Command::new("/bin/sh");
    if let Some(command) = &order.command {
        shell.arg("-c").arg(OsString::from_vec(command.clone()));
    }
    let path = format!(
        "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        order.folder.join("bin").display()
    );
    shell
        .env_clear()
        .env("HOME", &home)
        .env("USER", &order.user)
        .env("LOGNAME", &order.user)
        .env("SHELL", "/bin/sh")
        .env("PATH", path)
        .env(
            "SSH_CONNECTION",
            format!("{} {} {} {}", client.ip(), client.port(), own.ip(), own.port()),
        )
        .env(
            "SSH_CLIENT",
            format!("{} {} {}", client.ip(), client.port(), own.port()),
        )
        .env(MARK, &order.folder)
        .current_dir(home)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Carries the streams of the command until it has ended and its pipes are closed, or the client is gone.
pub(super) async fn carry(mut child: Child, channel: Channel<Msg>, handle: Handle) {
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let id = channel.id();
    let (mut incoming, outgoing) = channel.split();
    let mut outputs = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        outputs.spawn(pump(stdout, outgoing.make_writer()));
    }
    if let Some(stderr) = child.stderr.take() {
        outputs.spawn(pump(stderr, outgoing.make_writer_ext(Some(STDERR))));
    }
    let mut input = child.stdin.take().map(feed);
    let mut ended = false;
    while !(ended && outputs.is_empty()) {
        tokio::select! {
            message = incoming.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    // A command that has closed its stdin does not want it.
                    if let Some(input) = &input {
                        let _ = input.send(data.to_vec());
                    }
                }
                Some(ChannelMsg::Eof) => input = None,
                Some(ChannelMsg::Signal { signal }) => {
                    if let (Some(group), Some(signal)) = (group, number_of(&signal)) {
                        let _ = kill_process_group(group, signal);
                    }
                }
                Some(ChannelMsg::Close) | None => break,
                Some(_) => {}
            },
            status = child.wait(), if !ended => {
                ended = true;
                if let Ok(status) = status {
                    tell(&handle, id, status).await;
                }
            }
            _ = outputs.join_next(), if !outputs.is_empty() => {}
        }
    }
    if ended && outputs.is_empty() {
        let _ = outgoing.eof().await;
        let _ = outgoing.close().await;
        return;
    }
    // The client is gone. Its pipes close, and the command learns of it as from any pipe; it is only waited for.
    drop(input);
    outputs.shutdown().await;
    let _ = child.wait().await;
}

/// Hands what comes to the command's stdin. The queue has no bound: one that waited would hold up the whole connection,
/// and with it the output that the command wants to be rid of before it reads on.
fn feed(mut stdin: ChildStdin) -> mpsc::UnboundedSender<Vec<u8>> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Some(bytes) = receiver.recv().await {
            if stdin.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    sender
}

async fn pump(mut from: impl AsyncRead + Unpin, to: impl AsyncWrite) {
    let mut to = std::pin::pin!(to);
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

async fn tell(handle: &Handle, id: ChannelId, status: ExitStatus) {
    // A client that is gone is told nothing.
    let _ = match (status.code(), status.signal()) {
        (Some(code), _) => {
            handle
                .exit_status_request(id, u32::try_from(code).unwrap_or(255))
                .await
        }
        (None, signal) => {
            let name = signal.map_or_else(|| Sig::Custom("UNKNOWN".to_owned()), name_of);
            let core = status.core_dumped();
            handle
                .exit_signal_request(id, name, core, String::new(), String::new())
                .await
        }
    };
}

/// The signals that have a name in the protocol (RFC 4254, 6.10) and that somebody would send.
const SIGNALS: &[Sig] = &[
    Sig::ABRT,
    Sig::ALRM,
    Sig::FPE,
    Sig::HUP,
    Sig::ILL,
    Sig::INT,
    Sig::KILL,
    Sig::PIPE,
    Sig::QUIT,
    Sig::SEGV,
    Sig::TERM,
    Sig::USR1,
];

fn number_of(name: &Sig) -> Option<Signal> {
    Some(match name {
        Sig::ABRT => Signal::ABORT,
        Sig::ALRM => Signal::ALARM,
        Sig::FPE => Signal::FPE,
        Sig::HUP => Signal::HUP,
        Sig::ILL => Signal::ILL,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::PIPE => Signal::PIPE,
        Sig::QUIT => Signal::QUIT,
        Sig::SEGV => Signal::SEGV,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        Sig::Custom(_) => return None,
    })
}

fn name_of(number: i32) -> Sig {
    let is_it = |name: &&Sig| number_of(name).is_some_and(|signal| signal.as_raw() == number);
    SIGNALS
        .iter()
        .find(is_it)
        .cloned()
        .unwrap_or_else(|| Sig::Custom(format!("{number}@lab")))
}
