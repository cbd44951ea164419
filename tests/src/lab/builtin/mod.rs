//! A host within this process: an SSH server that hands each command to a shell, as sshd does, with a home of its own.

mod connection;
mod session;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey, load_secret_key};
use russh::server::{Config, run_stream};
use russh::{MethodKind, MethodSet};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::host::{Access, LabHost};
use connection::Connection;

/// What a connection has to know of its host.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    user: String,
    accepted: PublicKey,
    address: std::net::SocketAddr,
}

/// A running server. Dropped, it closes its port and its connections; what they started goes on.
pub(super) struct BuiltinServer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for BuiltinServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BuiltinServer").finish_non_exhaustive()
    }
}

impl BuiltinServer {
    /// Listens at the host's address; connections are served by a thread of the host's own.
    pub(super) fn start(host: &LabHost, host_key: &Path, access: &Access) -> io::Result<Self> {
        let listener = TcpListener::bind(host.address())?;
        listener.set_nonblocking(true)?;
        let key = load_secret_key(host_key, None).map_err(io::Error::other)?;
        let place = Arc::new(Place {
            folder: host.folder().to_owned(),
            user: access.user.clone(),
            accepted: access.public.clone(),
            address: host.address(),
        });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(host.name().to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, configuration(key), place) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for BuiltinServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn configuration(key: PrivateKey) -> Arc<Config> {
    Arc::new(Config {
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        // Clients begin with no method at all, to learn which there are.
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        nodelay: true,
        keys: vec![key],
        ..Config::default()
    })
}

async fn serve(listener: TcpListener, configuration: Arc<Config>, place: Arc<Place>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = Connection::new(Arc::clone(&place), peer);
                    let configuration = Arc::clone(&configuration);
                    connections.spawn(async move {
                        let _ = stream.set_nodelay(true);
                        // A client that goes away is no news.
                        if let Ok(session) = run_stream(configuration, stream, connection).await {
                            let _ = session.await;
                        }
                    });
                }
                // Out of descriptors, say: those that are open will end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
