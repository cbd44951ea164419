//! The transport over the network: SSH 2 by russh. Nothing of russh is seen outside of `transport`.
//!
//! One connection takes this way: `dial` (resolve, connect) -> `socket` (a stream that can be cut) -> `handler` (the
//! handshake, which judges the host key) -> `authentication` -> `connection`.

mod algorithms;
mod connection;
mod dial;
mod handler;
mod noise;
mod refusal;
mod show_keys;
mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::connect_stream;

use self::connection::SshConnection;
use self::handler::{Farewell, HostHandler};
use self::noise::Noise;
use self::socket::Socket;
use super::authentication::authenticate;
use super::host_key::Expected;
use super::identity::Identities;
use super::{
    Boxed, ConnectFailure, Connection, Deadlines, FailureClass, KnownHosts, KnownHostsError, Observer,
    PassphraseSource, Phase, Target, Transport,
};

pub(crate) use self::show_keys::OfferedKey;

/// Where the transport finds what it needs; nothing is read from the environment.
pub(crate) struct SshSettings {
    /// Files of host keys, in order: usually `~/.ssh/known_hosts`, `~/.ssh/known_hosts2`, and the same in `/etc/ssh`
    /// as `ssh_known_hosts` and `ssh_known_hosts2`.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// The folder that holds `.ssh/id_ed25519` and its like.
    pub(crate) home: Option<PathBuf>,
    /// The socket of ssh-agent: `SSH_AUTH_SOCK`.
    pub(crate) agent: Option<PathBuf>,
    pub(crate) passphrases: Arc<dyn PassphraseSource>,
}

/// SSH to any number of hosts. Host keys and identities are read once and shared.
pub(crate) struct SshTransport {
    known_hosts: KnownHosts,
    identities: Identities,
}

impl SshTransport {
    /// Reads the files of host keys.
    ///
    /// # Errors
    ///
    /// When one of them exists and cannot be read.
    pub(crate) fn new(settings: SshSettings) -> Result<SshTransport, KnownHostsError> {
        let SshSettings {
            known_hosts,
            home,
            agent,
            passphrases,
        } = settings;
        Ok(SshTransport {
            known_hosts: KnownHosts::read(&known_hosts)?,
            identities: Identities::new(home, agent, passphrases),
        })
    }

    /// The lines of the files of host keys that could not be read, each with its place.
    pub(crate) fn warnings(&self) -> &[String] {
        self.known_hosts.warnings()
    }

    /// Asks for the passphrases that these identity files need; none stands for ssh-agent and ssh's usual files. It comes
    /// before anything else is drawn on the terminal. What cannot be used is told by each host that needs it.
    pub(crate) async fn ask_passphrases(&self, identities: impl IntoIterator<Item = Option<&Path>>) {
        for identity in identities {
            let _ = self.identities.candidates(identity).await;
        }
    }

    async fn reach(
        &self,
        target: &Target,
        deadlines: &Deadlines,
        observer: Observer<'_>,
    ) -> Result<Box<dyn Connection>, ConnectFailure> {
        let expected = Expected::of(target, &self.known_hosts)?;
        let unusable = |why| ConnectFailure::new(FailureClass::Authentication, why);
        let candidates = self
            .identities
            .candidates(target.identity.as_deref())
            .await
            .map_err(unusable)?;

        let mut clock = Clock {
            target,
            deadlines,
            observer,
        };
        let addresses = clock.within(Phase::Resolve, dial::resolve(target)).await?;
        let stream = clock
            .within(Phase::Connect, dial::connect(target, addresses))
            .await?;

        // From here on, leaving by any way drops the lifeline, and that ends russh's task and closes the socket. A
        // deadline alone would leave both behind: russh does not notice that nobody waits for its handshake any more.
        let noise = Noise::default();
        let (socket, lifeline) = Socket::new(stream, noise.clone());
        let farewell = Farewell::default();
        let configuration = algorithms::configuration(expected.order(&algorithms::HOST_KEYS));
        let handler = HostHandler::new(expected, farewell.clone(), noise);
        let handshake = async {
            let greeted = connect_stream(Arc::new(configuration), socket, handler).await;
            greeted.map_err(|fault| fault.into_failure(target, &farewell))
        };
        let mut handle = clock.within(Phase::Handshake, handshake).await?;

        let login = authenticate(&mut handle, &target.user, &candidates, &self.identities, || {
            farewell.told()
        });
        clock.within(Phase::Authenticate, login).await?;
        Ok(Box::new(SshConnection::new(handle, farewell, lifeline)))
    }
}

impl Transport for SshTransport {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
        deadlines: &'a Deadlines,
        observer: Observer<'a>,
    ) -> Boxed<'a, Result<Box<dyn Connection>, ConnectFailure>> {
        Box::pin(self.reach(target, deadlines, observer))
    }
}

/// Holds each phase to its deadline, and tells the observer of it.
struct Clock<'a> {
    target: &'a Target,
    deadlines: &'a Deadlines,
    observer: Observer<'a>,
}

impl Clock<'_> {
    async fn within<T>(
        &mut self,
        phase: Phase,
        work: impl Future<Output = Result<T, ConnectFailure>>,
    ) -> Result<T, ConnectFailure> {
        (self.observer)(phase);
        let limit = self.deadlines.of(phase);
        match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(ConnectFailure::timed_out(phase, limit, self.target)),
        }
    }
}
