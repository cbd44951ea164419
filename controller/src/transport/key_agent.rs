//! ssh-agent, which holds keys and signs with them (draft-miller-ssh-agent).

use std::path::PathBuf;
use std::time::Duration;

use russh::Signer;
use russh::keys::agent::client::AgentClient;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use tokio::net::UnixStream;

/// An agent answers from memory; one that does not within this time is stuck.
const LIST_DEADLINE: Duration = Duration::from_secs(10);

/// The agent behind a socket.
pub(crate) struct KeyAgent {
    socket: PathBuf,
}

impl KeyAgent {
    pub(crate) fn new(socket: PathBuf) -> KeyAgent {
        KeyAgent { socket }
    }

    /// Returns the public keys that the agent holds. Certificates and DSA keys are left out.
    ///
    /// # Errors
    ///
    /// A sentence, when the agent cannot be asked.
    pub(crate) async fn keys(&self) -> Result<Vec<PublicKey>, String> {
        let ask = async { self.connect().await?.request_identities().await };
        let socket = self.socket.display();
        let identities = match tokio::time::timeout(LIST_DEADLINE, ask).await {
            Ok(Ok(identities)) => identities,
            Ok(Err(error)) => return Err(format!("ssh-agent at `{socket}` cannot be asked: {error}")),
            Err(_) => return Err(format!("ssh-agent at `{socket}` does not answer")),
        };
        let plain = |identity| match identity {
            AgentIdentity::PublicKey { key, .. } => is_usable(&key.algorithm()).then_some(key),
            AgentIdentity::Certificate { .. } => None,
        };
        Ok(identities.into_iter().filter_map(plain).collect())
    }

    /// Returns what lets the agent sign for one host. `binding` tells the agent which host that is: keys that were
    /// added for certain hosts only (`ssh-add -h`) need it.
    pub(crate) fn signer<'a>(&'a self, binding: Option<&'a AgentSessionBinding>) -> AgentSigner<'a> {
        AgentSigner { agent: self, binding }
    }

    /// Each request has a connection of its own: one that is given up halfway must not leave its answer to the next.
    async fn connect(&self) -> Result<AgentClient<UnixStream>, russh::keys::Error> {
        AgentClient::connect_uds(&self.socket).await
    }
}

/// Servers of today take no DSA; trying such a key would only use up an attempt.
fn is_usable(algorithm: &Algorithm) -> bool {
    !matches!(algorithm, Algorithm::Dsa | Algorithm::Other(_))
}

pub(crate) struct AgentSigner<'a> {
    agent: &'a KeyAgent,
    binding: Option<&'a AgentSessionBinding>,
}

/// Why there is no signature.
#[derive(Debug)]
pub(crate) enum SignFailure {
    Agent(String),
    ConnectionGone,
}

impl From<russh::SendError> for SignFailure {
    fn from(_: russh::SendError) -> SignFailure {
        SignFailure::ConnectionGone
    }
}

impl Signer for AgentSigner<'_> {
    type Error = SignFailure;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignFailure> {
        let refused = |error: russh::keys::Error| SignFailure::Agent(error.to_string());
        let mut client = self.agent.connect().await.map_err(refused)?;
        if let Some(binding) = self.binding {
            // Agents before OpenSSH 8.9 do not know the request; they have no keys that need it either.
            let _ = client.bind_session(binding, false).await;
        }
        client.sign_request(key, hash, to_sign).await.map_err(refused)
    }
}
