//! Collects the keys of a host without logging in, for a person to compare and pin.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{Handler, connect_stream};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Error};

use super::super::{ConnectFailure, Deadlines, FailureClass, Observer, Phase, Target};
use super::noise::Noise;
use super::socket::Socket;
use super::{Clock, SshTransport, algorithms, dial, refusal};

/// A key that a host has offered and has proven to hold. Whether it is the right host is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedKey {
    /// As `host_key` in the inventory wants it: `ssh-ed25519 AAAA...`.
    pub(crate) line: String,
    /// As `ssh-keygen -l` prints it: `SHA256:...`.
    pub(crate) fingerprint: String,
}

impl SshTransport {
    /// Returns the host's keys: ed25519, ecdsa and rsa, as far as it has them. A server shows one per connection, so
    /// this connects up to three times and leaves without logging in; sshd may count that against us
    /// (PerSourcePenalties), so it is for a person who asks, not for each run.
    ///
    /// # Errors
    ///
    /// When the host cannot be reached or has none of these keys.
    pub(crate) async fn host_keys(
        &self,
        target: &Target,
        deadlines: &Deadlines,
        observer: Observer<'_>,
    ) -> Result<Vec<OfferedKey>, ConnectFailure> {
        let mut clock = Clock {
            target,
            deadlines,
            observer,
        };
        let addresses = clock.within(Phase::Resolve, dial::resolve(target)).await?;
        let mut offered = Vec::new();
        for kind in kinds() {
            let stream = clock
                .within(Phase::Connect, dial::connect(target, addresses.clone()))
                .await?;
            let (socket, lifeline) = Socket::new(stream, Noise::default());
            let collector = Collector::default();
            let configuration = Arc::new(algorithms::configuration(kind));
            let handshake = async {
                Ok(connect_stream(configuration, socket, collector.clone())
                    .await
                    .err())
            };
            let ended = clock.within(Phase::Handshake, handshake).await?;
            drop(lifeline);
            match (collector.taken(), ended) {
                (Some(key), _) => offered.push(show(&key)?),
                // The host has no key of this kind.
                (
                    None,
                    Some(Error::NoCommonAlgo {
                        kind: AlgorithmKind::Key,
                        ..
                    })
                    | None,
                ) => {}
                (None, Some(error)) => return Err(refusal::handshake(error, target)),
            }
        }
        match offered.is_empty() {
            true => {
                let reason = format!(
                    "`{}` has neither an ed25519, an ecdsa nor an rsa key",
                    target.address
                );
                Err(ConnectFailure::new(FailureClass::Protocol, reason))
            }
            false => Ok(offered),
        }
    }
}

/// Algorithms by kind of key.
fn kinds() -> Vec<Vec<Algorithm>> {
    let is_kind: [fn(&Algorithm) -> bool; 3] = [
        |algorithm| matches!(algorithm, Algorithm::Ed25519),
        |algorithm| matches!(algorithm, Algorithm::Ecdsa { .. }),
        |algorithm| matches!(algorithm, Algorithm::Rsa { .. }),
    ];
    is_kind
        .iter()
        .map(|is| {
            algorithms::HOST_KEYS
                .iter()
                .filter(|algorithm| is(algorithm))
                .cloned()
                .collect()
        })
        .collect()
}

fn show(key: &PublicKey) -> Result<OfferedKey, ConnectFailure> {
    let unreadable = |error| {
        ConnectFailure::new(
            FailureClass::Protocol,
            format!("the host's key is broken: {error}"),
        )
    };
    let line = PublicKey::from(key.key_data().clone())
        .to_openssh()
        .map_err(unreadable)?;
    Ok(OfferedKey {
        line,
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    })
}

/// Keeps the key and refuses it, so that nothing more is said.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Option<PublicKey>>>);

impl Collector {
    fn taken(&self) -> Option<PublicKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Handler for Collector {
    type Error = Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(offered.public_key());
        Ok(false)
    }
}
