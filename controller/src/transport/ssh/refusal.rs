//! russh's errors, in words that tell a person what happened.

use std::io;

use russh::{AlgorithmKind, Error};

use super::super::foreign::escaped;
use super::super::{ConnectFailure, FailureClass, Target};

/// Says why the handshake failed.
pub(super) fn handshake(error: Error, target: &Target) -> ConnectFailure {
    let Target { address, port, .. } = target;
    match error {
        Error::NoCommonAlgo { kind, theirs, .. } => {
            let what = match kind {
                AlgorithmKind::Kex => "key exchange",
                AlgorithmKind::Key => "host key algorithm",
                AlgorithmKind::Cipher => "cipher",
                AlgorithmKind::Compression => "compression",
                AlgorithmKind::Mac => "message authentication",
            };
            let offered = escaped(&theirs.join(", "));
            let reason = format!("`{address}` offers no {what} that is safe to use, only {offered}");
            ConnectFailure::new(FailureClass::Protocol, reason)
                .with_hint("update the SSH server on that host")
        }
        Error::IO(_) | Error::Disconnect | Error::HUP | Error::RecvError | Error::SendError => {
            let reason = format!("`{address}` port {port} closed the connection during the SSH handshake");
            ConnectFailure::new(FailureClass::Lost, reason).with_hint(
                "sshd does so when too many connections wait for it (MaxStartups, PerSourcePenalties): use fewer forks",
            )
        }
        other => {
            let reason = format!(
                "`{address}` port {port} does not speak SSH as it should: {}",
                escaped(&other.to_string())
            );
            ConnectFailure::new(FailureClass::Protocol, reason)
        }
    }
}

/// Says why a connection that stood is down.
pub(super) fn broken(error: &Error) -> String {
    match error {
        Error::KeepaliveTimeout => "the host has not answered for a minute".to_string(),
        Error::IO(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the host closed the connection".to_string()
        }
        Error::IO(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            "the host reset the connection".to_string()
        }
        Error::IO(error) => format!("the connection broke: {error}"),
        Error::Disconnect | Error::HUP => "the host closed the connection".to_string(),
        other => format!("the connection broke: {}", escaped(&other.to_string())),
    }
}
