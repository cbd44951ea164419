//! One connection to a built-in host: who may come in, and what may be asked for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};

use super::Place;
use super::session::{self, Order};

/// The server's side of a connection.
pub(super) struct Connection {
    place: Arc<Place>,
    peer: SocketAddr,
    /// Channels that nothing was asked for yet.
    open: HashMap<ChannelId, Channel<Msg>>,
}

impl Connection {
    pub(super) fn new(place: Arc<Place>, peer: SocketAddr) -> Self {
        Self {
            place,
            peer,
            open: HashMap::new(),
        }
    }

    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        if user == self.place.user && key.key_data() == self.place.accepted.key_data() {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    fn start(
        &mut self,
        id: ChannelId,
        command: Option<&[u8]>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        // RFC 4254, 6.5: only one of these requests can succeed per channel.
        let Some(channel) = self.open.remove(&id) else {
            return session.channel_failure(id);
        };
        let order = Order {
            folder: self.place.folder.clone(),
            user: self.place.user.clone(),
            client: self.peer,
            address: self.place.address,
            command: command.map(<[u8]>::to_vec),
        };
        match session::start(&order) {
            Ok(child) => {
                session.channel_success(id)?;
                tokio::spawn(session::carry(child, channel, session.handle()));
                Ok(())
            }
            Err(_) => session.channel_failure(id),
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.open.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, Some(data), session)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.start(channel, None, session)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // No terminals here; ssh says so and goes on without.
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
