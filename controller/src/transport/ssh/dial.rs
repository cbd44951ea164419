//! From a name to a TCP connection. All addresses of a name are tried; a dead one delays the next by a moment, not by
//! its whole deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use super::super::{ConnectFailure, FailureClass, Target};

/// How long an address is alone before the next one is tried beside it (RFC 8305, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

/// Returns the addresses of the host, in the resolver's order.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, ConnectFailure> {
    let name = target.address.as_str();
    let failed = |why: &str| {
        ConnectFailure::new(
            FailureClass::Resolve,
            format!("the name `{name}` cannot be resolved: {why}"),
        )
        .with_hint("set `address` in the inventory, or correct the name")
    };
    match lookup_host((name, target.port)).await {
        Ok(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            match addresses.is_empty() {
                true => Err(failed("it has no address")),
                false => Ok(addresses),
            }
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// Connects to the first of the addresses that answers.
pub(super) async fn connect(
    target: &Target,
    addresses: Vec<SocketAddr>,
) -> Result<TcpStream, ConnectFailure> {
    let stream = match addresses.as_slice() {
        [address] => TcpStream::connect(address)
            .await
            .map_err(|error| vec![(*address, error)]),
        _ => race(&addresses).await,
    };
    match stream {
        // Without it each further command waits for the server's delayed acknowledgement.
        Ok(stream) => match stream.set_nodelay(true) {
            Ok(()) => Ok(stream),
            Err(error) => Err(refused(target, &error.to_string())),
        },
        Err(errors) => {
            let each: Vec<String> = errors
                .iter()
                .map(|(address, error)| format!("{} from {address}", words(error)))
                .collect();
            Err(refused(target, &each.join(", ")))
        }
    }
}

/// Starts the addresses one by one, each after the head start of the one before or as soon as that has failed.
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, Vec<(SocketAddr, io::Error)>> {
    let mut waiting = addresses.iter().copied();
    let mut running = JoinSet::new();
    let mut errors = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            running.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        let ended = match waiting.len() {
            0 => running.join_next().await,
            _ => match tokio::time::timeout(HEAD_START, running.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            // Dropping the set gives up the others.
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => errors.push((address, error)),
            Some(Err(_)) => {}
            None => return Err(errors),
        }
    }
}

fn refused(target: &Target, why: &str) -> ConnectFailure {
    let reason = format!(
        "cannot connect to `{}` port {}: {why}",
        target.address, target.port
    );
    ConnectFailure::new(FailureClass::Connect, reason)
}

/// The system's sentence without its number: "connection refused".
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_string(),
        io::ErrorKind::HostUnreachable => "no route to the host".to_string(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_string(),
        io::ErrorKind::TimedOut => "no answer".to_string(),
        _ => error.to_string(),
    }
}
