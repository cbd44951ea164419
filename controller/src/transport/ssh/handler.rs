//! What russh asks us while a connection lives: is this the host's key, may the host open a channel (never), and here is why
//! the line went down.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, ChannelOpenFailure};

use super::super::foreign::escaped;
use super::super::host_key::Expected;
use super::super::{ConnectFailure, FailureClass, Target};
use super::noise::Noise;
use super::refusal;

/// How many channels a host may ask for before its line is cut. We forward nothing, so it has no reason for one.
const MOST_CHANNELS: u32 = 16;

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
    noise: Noise,
    channels_refused: u32,
}

impl HostHandler {
    pub(super) fn new(expected: Expected, farewell: Farewell, noise: Noise) -> HostHandler {
        HostHandler {
            expected,
            farewell,
            noise,
            channels_refused: 0,
        }
    }

    /// Refuses a channel that the host wants to open: of whatever kind, it would lead into our network, to our ssh-agent or
    /// to nothing.
    ///
    /// # Errors
    /// A host that asks again and again.
    async fn refuse(&mut self, reply: ChannelOpenHandle) -> Result<(), Fault> {
        self.count_refusal()?;
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    fn count_refusal(&mut self) -> Result<(), Fault> {
        self.channels_refused = self.channels_refused.saturating_add(1);
        match self.channels_refused > MOST_CHANNELS {
            true => Err(Fault::Channels),
            false => Ok(()),
        }
    }
}

/// What is said of a host that opens channels.
const OPENS_CHANNELS: &str = "the host keeps opening channels that nobody asked for";

/// Why a connection ended, as it passes through russh.
#[derive(Debug)]
pub(super) enum Fault {
    HostKey(ConnectFailure),
    /// The host opens channels, again and again.
    Channels,
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
            (Fault::Channels, _) => ConnectFailure::new(FailureClass::Protocol, OPENS_CHANNELS),
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

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Fault> {
        self.noise.carried(data.len());
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Fault> {
        self.refuse(reply).await
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.farewell.set(Goodbye::Said(escaped(&info.message)));
                Ok(())
            }
            DisconnectReason::Error(fault) => {
                match &fault {
                    Fault::Ssh(error) => self.farewell.set(Goodbye::Broke(refusal::broken(error))),
                    Fault::Channels => self.farewell.set(Goodbye::Broke(OPENS_CHANNELS.to_string())),
                    Fault::HostKey(_) => {}
                }
                Err(fault)
            }
        }
    }
}
