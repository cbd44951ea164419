//! How the controller reaches a host and runs commands on it. This module is the contract; `ssh` keeps it
//! over the network, and `memory` keeps it inside a test. The same contract tests run against both.
//!
//! What every transport promises:
//!
//! - [`Transport::connect`] ends, at the latest, when the deadlines of its phases have passed, whatever the host
//!   does, and says in which phase it failed. It changes nothing on the host, so it may be repeated. Dropping its
//!   future gives up at once and leaves neither a task nor a descriptor behind.
//! - A host is authenticated by its key before anything of ours is sent to it: a key that is unknown, changed or
//!   revoked is a failure, never a question.
//! - [`Connection::exec`] runs commands one after another. A command may have been started although `exec` or its
//!   channel failed, so only the caller knows whether it may be repeated.
//! - A command has ended well only when its [`Ending`] says `Exited`: silence, a cut line and a status without a
//!   proper end of the channel are `Lost`.
//! - Memory is bounded: a slow reader slows the host down, and so does a slow host its writer.
//! - The caller closes: [`Connection::close`] says goodbye within a bounded time; dropping cuts the line.

mod authentication;
mod channel;
#[cfg(test)]
mod contract;
mod failure;
mod foreign;
mod host_key;
mod host_pattern;
mod identity;
mod key_agent;
mod key_file;
mod known_hosts;
#[cfg(test)]
pub(crate) mod memory;
mod ssh;
#[cfg(test)]
pub(crate) mod sshd;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use self::channel::{Channel, Ending};
pub(crate) use self::failure::{ConnectFailure, FailureClass, Lost};
pub(crate) use self::identity::usual_identities;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::key_file::is_private_key;
pub(crate) use self::key_file::{Passphrase, PassphraseSource};
pub(crate) use self::known_hosts::{KnownHosts, KnownHostsError};
pub(crate) use self::ssh::{OfferedKey, SshSettings, SshTransport};

/// A future that any transport may hand out. The few that a host costs are worth having one plain trait object.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A host as the inventory describes it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The name in the inventory, for messages.
    pub(crate) name: String,
    /// A name to resolve, or an address. Host keys are looked up under it.
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The only key to log in with; without it ssh-agent, then ssh's usual files.
    pub(crate) identity: Option<PathBuf>,
    /// Host keys as in `ssh-ed25519 AAAA...`. When there are any, no other source can make a host known.
    pub(crate) pinned: Vec<String>,
}

/// What is being waited for while connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Resolve,
    Connect,
    Handshake,
    Authenticate,
}

/// How long each phase may take. A phase gets its full time however fast the ones before it were, so that a message
/// can name the one that was too slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
    pub(crate) handshake: Duration,
    pub(crate) authenticate: Duration,
}

impl Default for Deadlines {
    /// 10 s to resolve (two rounds of a resolver's usual 5 s), 10 s to connect (three SYN retransmissions: 1, 2 and
    /// 4 s), 10 s for the handshake (three round trips), 20 s to authenticate (a PAM stack may ask the network).
    fn default() -> Deadlines {
        Deadlines {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            authenticate: Duration::from_secs(20),
        }
    }
}

impl Deadlines {
    /// Returns the time of one phase.
    pub(crate) fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Resolve => self.resolve,
            Phase::Connect => self.connect,
            Phase::Handshake => self.handshake,
            Phase::Authenticate => self.authenticate,
        }
    }
}

/// Is told of each phase as it begins.
pub(crate) type Observer<'a> = &'a mut (dyn FnMut(Phase) + Send);

/// A way to reach hosts.
pub(crate) trait Transport: Send + Sync {
    /// Reaches the host, checks who it is and logs in.
    ///
    /// May be repeated; repeats nothing by itself.
    fn connect<'a>(
        &'a self,
        target: &'a Target,
        deadlines: &'a Deadlines,
        observer: Observer<'a>,
    ) -> Boxed<'a, Result<Box<dyn Connection>, ConnectFailure>>;
}

/// A host that is logged in to. Dropping it cuts the line at once.
pub(crate) trait Connection: Send {
    /// Starts a command, which the host's shell interprets. One at a time: the channel of the command before must
    /// have ended or been dropped.
    ///
    /// The command is started without waiting for the host to confirm it (a round trip); a refusal arrives as
    /// [`Ending::Lost`].
    fn exec<'a>(&'a mut self, command: &'a str) -> Boxed<'a, Result<Channel, Lost>>;

    /// Says goodbye and waits, for a bounded time, until the line is down. Drop the last channel before.
    fn close(self: Box<Self>) -> Boxed<'static, ()>;
}
