//! Servers that misuse the connection: they open channels, and flood it with what carries nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::keys::decode_secret_key;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId};
use tokio::net::TcpListener;

use super::super::super::sshd::{key_line, keygen, plain_transport};
use super::super::super::{Connection, Deadlines, Ending, Target, Transport};

/// What the server does beside running a command that ends well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Misuse {
    /// It asks for one channel of each kind, once.
    OneOfEach,
    /// It asks for channels without end.
    Channels,
    /// It sends global requests without end.
    Requests,
    /// It prints to stderr without end.
    Stderr,
}

#[derive(Clone)]
struct Hostile {
    misuse: Misuse,
    accepted: Arc<AtomicUsize>,
}

impl server::Handler for Hostile {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        let (handle, misuse, accepted) = (session.handle(), self.misuse, self.accepted.clone());
        tokio::spawn(async move {
            let note = |opened: bool| accepted.fetch_add(usize::from(opened), Ordering::SeqCst);
            match misuse {
                Misuse::OneOfEach => {
                    note(handle.channel_open_session().await.is_ok());
                    note(handle.channel_open_agent().await.is_ok());
                    note(handle.channel_open_x11("x", 6000).await.is_ok());
                    note(
                        handle
                            .channel_open_direct_tcpip("10.0.0.1", 22, "x", 1)
                            .await
                            .is_ok(),
                    );
                    note(
                        handle
                            .channel_open_forwarded_tcpip("10.0.0.1", 22, "x", 1)
                            .await
                            .is_ok(),
                    );
                    note(handle.channel_open_direct_streamlocal("/s").await.is_ok());
                    note(handle.channel_open_forwarded_streamlocal("/s").await.is_ok());
                    let _ = handle.exit_status_request(channel, 0).await;
                    let _ = handle.close(channel).await;
                }
                Misuse::Channels => loop {
                    match handle.channel_open_forwarded_tcpip("10.0.0.1", 22, "x", 1).await {
                        Ok(_) => drop(note(true)),
                        Err(russh::Error::ChannelOpenFailure(_)) => {}
                        Err(_) => break,
                    }
                },
                Misuse::Requests => {
                    let address = "a".repeat(16 << 10);
                    while handle.forward_tcpip(address.clone(), 1).await.is_err() {
                        if handle.extended_data(channel, 1, Vec::new()).await.is_err() {
                            break;
                        }
                    }
                }
                Misuse::Stderr => {
                    let words = vec![b'x'; 32 << 10];
                    while handle.extended_data(channel, 1, words.clone()).await.is_ok() {}
                }
            }
        });
        Ok(())
    }
}

/// Serves one connection; returns where, and the number of channels that the client let the server open.
async fn serve(misuse: Misuse) -> (Target, Arc<AtomicUsize>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    keygen("ed25519", "", &folder.path().join("user"));
    keygen("ed25519", "", &folder.path().join("host"));
    let key = decode_secret_key(
        &std::fs::read_to_string(folder.path().join("host")).unwrap(),
        None,
    )
    .unwrap();
    let pinned = key_line(&folder.path().join("host.pub"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let hostile = Hostile {
        misuse,
        accepted: accepted.clone(),
    };
    let configuration = Arc::new(server::Config {
        keys: vec![key],
        ..Default::default()
    });
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let session = server::run_stream(configuration, stream, hostile).await.unwrap();
        let _ = session.await;
    });
    let target = Target {
        name: "h1".to_string(),
        address: "127.0.0.1".to_string(),
        port,
        user: "root".to_string(),
        identity: Some(folder.path().join("user")),
        pinned: vec![pinned],
    };
    (target, accepted, folder)
}

async fn ending(misuse: Misuse) -> (Ending, usize) {
    let (target, accepted, _folder) = serve(misuse).await;
    let transport = plain_transport();
    let mut connection: Box<dyn Connection> = transport
        .connect(&target, &Deadlines::default(), &mut |_| {})
        .await
        .unwrap();
    let mut channel = connection.exec("true").await.unwrap();
    let ending = tokio::time::timeout(Duration::from_secs(120), channel.ending())
        .await
        .unwrap_or_else(|_| panic!("{misuse:?} goes on for ever"));
    (ending, accepted.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_host_opens_no_channel_of_any_kind() {
    assert_eq!(ending(Misuse::OneOfEach).await, (Ending::Exited(0), 0));
}

#[tokio::test]
async fn a_host_that_keeps_opening_channels_is_cut() {
    let (ending, accepted) = ending(Misuse::Channels).await;
    assert_eq!(accepted, 0);
    assert!(
        matches!(&ending, Ending::Lost(why) if why.contains("keeps opening channels")),
        "{ending:?}"
    );
}

#[tokio::test]
async fn floods_that_carry_nothing_are_cut() {
    for misuse in [Misuse::Requests, Misuse::Stderr] {
        let (ending, _) = ending(misuse).await;
        assert!(
            matches!(&ending, Ending::Lost(why) if why.contains("floods")),
            "{misuse:?}: {ending:?}"
        );
    }
}
