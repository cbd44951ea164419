//! What russh asks us while a connection lives: is this the host's key, and here is why the line went down.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{DisconnectReason, Handler};
use russh::keys::PublicKeyOrCertificate;

use super::super::foreign::escaped;
use super::super::host_key::Expected;
use super::super::{ConnectFailure, FailureClass, Target};
use super::refusal;

/// The end of a connection as russh's task saw it. It tells nobody else.
#[derive(Clone, Default)]
pub(super) struct Farewell(Arc<Mutex<Option<Goodbye>>>);

#[derive(Clone)]
enum Goodbye {
    /// The server's own words.
    Said(String),
    Broke(String),
}

impl Farewell {
    fn set(&self, goodbye: Goodbye) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(goodbye);
    }

    /// Returns what the server said before it hung up, nothing when the line is not known to be down, or why it broke.
    pub(super) fn told(&self) -> Result<Option<String>, String> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(Goodbye::Said(words)) => Ok(Some(words)),
            Some(Goodbye::Broke(why)) => Err(why),
            None => Ok(None),
        }
    }

    /// Returns a sentence on why the line is down.
    pub(super) fn reason(&self) -> String {
        match self.told() {
            Ok(Some(words)) => format!("the server hung up and said: {words}"),
            Ok(None) => "the connection was lost".to_string(),
            Err(why) => why,
        }
    }
}

/// Judges the host key, and keeps the farewell.
pub(super) struct HostHandler {
    expected: Expected,
    farewell: Farewell,
}

impl HostHandler {
    pub(super) fn new(expected: Expected, farewell: Farewell) -> HostHandler {
        HostHandler { expected, farewell }
    }
}

/// Why a connection ended, as it passes through russh.
#[derive(Debug)]
pub(super) enum Fault {
    HostKey(ConnectFailure),
    Ssh(russh::Error),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Fault {
        Fault::Ssh(error)
    }
}

impl Fault {
    /// Returns why the handshake failed.
    pub(super) fn into_failure(self, target: &Target, farewell: &Farewell) -> ConnectFailure {
        match (self, farewell.told()) {
            (Fault::HostKey(failure), _) => failure,
            (Fault::Ssh(_), Ok(Some(words))) => {
                let reason = format!("`{}` refused the connection and said: {words}", target.address);
                ConnectFailure::new(FailureClass::Lost, reason)
            }
            (Fault::Ssh(error), _) => refusal::handshake(error, target),
        }
    }
}

impl Handler for HostHandler {
    type Error = Fault;

    /// russh has verified that the server holds the key. We offer no certificates, so one is never asked about.
    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.expected.judge(key).map_err(Fault::HostKey)?;
                Ok(true)
            }
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.farewell.set(Goodbye::Said(escaped(&info.message)));
                Ok(())
            }
            DisconnectReason::Error(fault) => {
                if let Fault::Ssh(error) = &fault {
                    self.farewell.set(Goodbye::Broke(refusal::broken(error)));
                }
                Err(fault)
            }
        }
    }
}
