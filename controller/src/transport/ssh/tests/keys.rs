//! Host keys against a real server: each verdict comes before anything of ours is sent.

use super::super::super::contract::{connect, fails};
use super::super::super::sshd::{Sshd, key_line, keygen, plain_transport, public, settings};
use super::super::super::{Deadlines, FailureClass, SshSettings, SshTransport, Target};

/// A transport that reads its host keys from this text.
fn knowing(server: &Sshd, text: &str) -> SshTransport {
    let file = server.file("known_hosts");
    std::fs::write(&file, text).unwrap();
    SshTransport::new(SshSettings {
        known_hosts: vec![file],
        ..settings()
    })
    .unwrap()
}

fn unpinned(server: &Sshd) -> Target {
    Target {
        pinned: Vec::new(),
        ..server.target()
    }
}

fn stranger(server: &Sshd) -> String {
    let file = server.file("stranger");
    if !file.exists() {
        keygen("ed25519", "", &file);
    }
    key_line(&public(&file))
}

async fn refused(transport: &SshTransport, target: &Target) -> String {
    fails(transport, target, &Deadlines::default(), FailureClass::HostKey)
        .await
        .to_string()
}

fn fingerprint(server: &Sshd, file: &str) -> String {
    let file = server.file(file);
    let told = super::super::super::sshd::run(std::process::Command::new("ssh-keygen").arg("-lf").arg(file));
    told.split_whitespace().nth(1).unwrap().to_string()
}

#[tokio::test]
async fn known_from_a_file() {
    let server = Sshd::start();
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key("ed25519"));
    connect(&knowing(&server, &line), &unpinned(&server))
        .await
        .close()
        .await;
}

#[tokio::test]
async fn unknown() {
    let server = Sshd::with(&["ed25519"], "LogLevel VERBOSE");
    let told = refused(&knowing(&server, ""), &unpinned(&server)).await;
    let expected = format!(
        "the host key of `[127.0.0.1]:{}` is unknown: it offers ssh-ed25519 {}, neither the inventory nor `{}` has a key for it",
        server.port,
        fingerprint(&server, "host_ed25519.pub"),
        server.file("known_hosts").display(),
    );
    assert!(told.starts_with(&expected), "{told}");
    // Nobody tried to log in.
    assert!(
        !std::fs::read_to_string(server.file("log"))
            .unwrap()
            .contains("for root from")
    );
}

#[tokio::test]
async fn changed() {
    let server = Sshd::start();
    let text = format!("# first\n[127.0.0.1]:{} {}\n", server.port, stranger(&server));
    let told = refused(&knowing(&server, &text), &unpinned(&server)).await;
    let expected = format!(
        "the host key of `[127.0.0.1]:{}` has changed: it offers ssh-ed25519 {}, but known is ssh-ed25519 {} in `{}:2`\nhint: ",
        server.port,
        fingerprint(&server, "host_ed25519.pub"),
        fingerprint(&server, "stranger.pub"),
        server.file("known_hosts").display(),
    );
    assert!(told.starts_with(&expected), "{told}");
}

#[tokio::test]
async fn revoked_though_listed_and_pinned() {
    let server = Sshd::start();
    let key = server.host_key("ed25519");
    let text = format!("[127.0.0.1]:{} {key}\n@revoked * {key}\n", server.port);
    for target in [unpinned(&server), server.target()] {
        let told = refused(&knowing(&server, &text), &target).await;
        let expected = format!(
            "the host key of `[127.0.0.1]:{}` is revoked: ssh-ed25519 {}, by `{}:2`",
            server.port,
            fingerprint(&server, "host_ed25519.pub"),
            server.file("known_hosts").display(),
        );
        assert!(told.starts_with(&expected), "{told}");
    }
}

#[tokio::test]
async fn pinned_keys_are_exclusive() {
    let server = Sshd::start();
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key("ed25519"));
    let target = Target {
        pinned: vec![stranger(&server)],
        ..server.target()
    };
    let told = refused(&knowing(&server, &line), &target).await;
    assert!(
        told.contains("has changed") && told.contains(" in the inventory"),
        "{told}"
    );

    // Several may be pinned: that is how a key is replaced.
    let target = Target {
        pinned: vec![stranger(&server), server.host_key("ed25519")],
        ..server.target()
    };
    connect(&plain_transport(), &target).await.close().await;

    let target = Target {
        pinned: vec!["ssh-ed25519 oops".to_string()],
        ..server.target()
    };
    let told = refused(&plain_transport(), &target).await;
    assert!(
        told.starts_with("the `host_key` of `h1` in the inventory is no public key"),
        "{told}"
    );
}

#[tokio::test]
async fn a_host_with_several_keys_shows_the_one_that_is_known() {
    let server = Sshd::with(&["ed25519", "ecdsa", "rsa"], "");
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let target = Target {
            pinned: vec![server.host_key(kind)],
            ..server.target()
        };
        connect(&plain_transport(), &target).await.close().await;
        let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key(kind));
        connect(&knowing(&server, &line), &unpinned(&server))
            .await
            .close()
            .await;
    }
}

#[tokio::test]
async fn the_keys_can_be_shown_without_logging_in() {
    let server = Sshd::with(&["ed25519", "rsa"], "");
    let shown = plain_transport()
        .host_keys(&unpinned(&server), &Deadlines::default(), &mut |_| {})
        .await
        .unwrap();
    let lines: Vec<&str> = shown.iter().map(|key| key.line.as_str()).collect();
    assert_eq!(lines, [server.host_key("ed25519"), server.host_key("rsa")]);
    assert_eq!(shown[1].fingerprint, fingerprint(&server, "host_rsa.pub"));

    let target = Target {
        pinned: lines.iter().map(|line| line.to_string()).collect(),
        ..server.target()
    };
    connect(&plain_transport(), &target).await.close().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error() {
    let server = Sshd::start();
    let known_hosts = vec![server.folder.path().to_path_buf()];
    let error = SshTransport::new(SshSettings {
        known_hosts,
        ..settings()
    })
    .err()
    .unwrap()
    .to_string();
    assert!(error.starts_with("cannot read the host keys in `"), "{error}");
}
