//! Logging in: kinds of keys, files, ssh-agent, and why it fails.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::super::contract::{connect, fails};
use super::super::super::sshd::{Agent, Passphrases, Sshd, keygen, plain_transport, public, run, settings};
use super::super::super::{ConnectFailure, Deadlines, FailureClass, SshSettings, SshTransport, Target};

async fn refused(transport: &SshTransport, target: &Target) -> ConnectFailure {
    fails(
        transport,
        target,
        &Deadlines::default(),
        FailureClass::Authentication,
    )
    .await
}

fn with(identity: PathBuf, server: &Sshd) -> Target {
    Target {
        identity: Some(identity),
        ..server.target()
    }
}

#[tokio::test]
async fn keys_of_all_kinds() {
    let server = Sshd::start();
    for kind in ["ecdsa", "rsa"] {
        let identity = server.user_key(kind, "");
        connect(&plain_transport(), &with(identity, &server))
            .await
            .close()
            .await;
    }
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know() {
    let server = Sshd::with(
        &["ed25519"],
        "PasswordAuthentication no\nKbdInteractiveAuthentication no",
    );
    let identity = server.file("stranger");
    keygen("ed25519", "", &identity);
    let failure = refused(&plain_transport(), &with(identity.clone(), &server)).await;
    let start = format!(
        "the server refused `root`; tried `{}` (ssh-ed25519 SHA256:",
        identity.display()
    );
    assert!(failure.reason.starts_with(&start), "{failure}");
    assert!(failure.reason.ends_with("; it accepts publickey"), "{failure}");
}

#[tokio::test]
async fn no_key_at_all() {
    let server = Sshd::start();
    let failure = refused(
        &plain_transport(),
        &Target {
            identity: None,
            ..server.target()
        },
    )
    .await;
    assert_eq!(failure.reason, "there is no key to log in with as `root`");
}

#[tokio::test]
async fn a_server_that_asks_for_more() {
    let server = Sshd::with(&["ed25519"], "AuthenticationMethods publickey,password");
    let failure = refused(&plain_transport(), &server.target()).await;
    assert!(
        failure
            .reason
            .starts_with("the server took a key of `root` but asks for more: password"),
        "{failure}"
    );
}

#[tokio::test]
async fn an_encrypted_key_is_asked_for_once_for_all_hosts() {
    let server = Sshd::start();
    for kind in ["ed25519", "rsa"] {
        let identity = server.user_key(kind, "correct horse");
        let passphrases = Arc::new(Passphrases {
            answers: vec!["wrong", "correct horse"],
            ..Passphrases::default()
        });
        let transport = SshTransport::new(SshSettings {
            passphrases: passphrases.clone(),
            ..settings()
        })
        .unwrap();
        let target = with(identity, &server);
        let (first, second) = tokio::join!(connect(&transport, &target), connect(&transport, &target));
        first.close().await;
        second.close().await;
        assert_eq!(
            passphrases.asked.load(Ordering::SeqCst),
            2,
            "one wrong answer, one right"
        );
    }
}

#[tokio::test]
async fn a_passphrase_that_was_asked_for_before_is_not_asked_for_by_a_host() {
    let server = Sshd::start();
    let identity = server.user_key("ed25519", "correct horse");
    let passphrases = Arc::new(Passphrases {
        answers: vec!["correct horse"],
        ..Passphrases::default()
    });
    let transport = SshTransport::new(SshSettings {
        passphrases: passphrases.clone(),
        ..settings()
    })
    .unwrap();
    transport.ask_passphrases([Some(identity.as_path())]).await;
    assert_eq!(passphrases.asked.load(Ordering::SeqCst), 1);
    connect(&transport, &with(identity, &server)).await.close().await;
    assert_eq!(passphrases.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn older_formats_of_files() {
    let server = Sshd::start();
    for format in ["PEM", "PKCS8"] {
        for passphrase in ["", "correct horse"] {
            let identity = server.user_key("rsa", "");
            let mut convert = std::process::Command::new("ssh-keygen");
            convert.args(["-q", "-p", "-P", "", "-N", passphrase, "-m", format, "-f"]);
            run(convert.arg(&identity));
            assert!(!std::fs::read_to_string(&identity).unwrap().contains("OPENSSH"));
            let passphrases = Arc::new(Passphrases {
                answers: vec!["correct horse"],
                ..Passphrases::default()
            });
            let transport = SshTransport::new(SshSettings {
                passphrases,
                ..settings()
            })
            .unwrap();
            connect(&transport, &with(identity.clone(), &server))
                .await
                .close()
                .await;
            std::fs::remove_file(&identity).unwrap();
        }
    }
}

#[tokio::test]
async fn a_wrong_passphrase_or_none() {
    let server = Sshd::start();
    let identity = server.user_key("ed25519", "correct horse");
    let target = with(identity.clone(), &server);
    for (answers, expected) in [
        (
            vec!["a", "b", "c"],
            format!(
                "the passphrase for the identity file `{}` is wrong",
                identity.display()
            ),
        ),
        (
            vec![],
            format!(
                "the identity file `{}` is encrypted, and there is no passphrase",
                identity.display()
            ),
        ),
    ] {
        let passphrases = Arc::new(Passphrases {
            answers,
            ..Passphrases::default()
        });
        let transport = SshTransport::new(SshSettings {
            passphrases,
            ..settings()
        })
        .unwrap();
        assert_eq!(refused(&transport, &target).await.reason, expected);
    }
}

#[tokio::test]
async fn files_that_cannot_be_used() {
    let server = Sshd::start();
    let missing = server.file("missing");
    let failure = refused(&plain_transport(), &with(missing.clone(), &server)).await;
    assert_eq!(
        failure.reason,
        format!("the identity file `{}` does not exist", missing.display())
    );

    let open = server.user_key("ecdsa", "");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    let failure = refused(&plain_transport(), &with(open, &server)).await;
    assert!(
        failure
            .reason
            .contains("has mode 0644, so that others can use it: `chmod 600 "),
        "{failure}"
    );

    let broken = server.file("broken");
    std::fs::write(&broken, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
    std::fs::set_permissions(&broken, PermissionsExt::from_mode(0o600)).unwrap();
    let failure = refused(&plain_transport(), &with(broken, &server)).await;
    assert!(
        failure.reason.contains("holds no private key that can be used"),
        "{failure}"
    );
}

#[tokio::test]
async fn the_agent_signs() {
    let server = Sshd::start();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let agent = Agent::start();
        let key = match kind {
            "ed25519" => server.file("user_ed25519"),
            kind => server.user_key(kind, ""),
        };
        agent.add(&key);
        let transport = SshTransport::new(SshSettings {
            agent: Some(agent.socket()),
            ..settings()
        })
        .unwrap();
        let target = Target {
            identity: None,
            ..server.target()
        };
        connect(&transport, &target).await.close().await;
    }
}

#[tokio::test]
async fn an_encrypted_file_whose_key_the_agent_holds_is_not_asked_for() {
    let server = Sshd::start();
    let agent = Agent::start();
    let identity = server.user_key("ed25519", "");
    agent.add(&identity);
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "secret", "-f"])
        .arg(&identity));
    let passphrases = Arc::new(Passphrases::default());
    let settings = SshSettings {
        agent: Some(agent.socket()),
        passphrases: passphrases.clone(),
        ..settings()
    };
    let transport = SshTransport::new(settings).unwrap();
    connect(&transport, &with(identity, &server)).await.close().await;
    assert_eq!(passphrases.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_usual_files_come_after_the_agent() {
    let server = Sshd::start();
    let home = server.file("home");
    std::fs::create_dir_all(home.join(".ssh")).unwrap();
    let agent = Agent::start();
    let stranger = server.file("stranger");
    keygen("ed25519", "", &stranger);
    agent.add(&stranger);
    let settings = || SshSettings {
        home: Some(home.clone()),
        agent: Some(agent.socket()),
        ..settings()
    };
    let target = Target {
        identity: None,
        ..server.target()
    };

    let failure = refused(&SshTransport::new(settings()).unwrap(), &target).await;
    assert!(failure.reason.contains(" from ssh-agent"), "{failure}");

    std::fs::copy(server.file("user_ed25519"), home.join(".ssh/id_ed25519")).unwrap();
    connect(&SshTransport::new(settings()).unwrap(), &target)
        .await
        .close()
        .await;

    keygen("rsa", "secret", &home.join(".ssh/id_rsa"));
    std::fs::remove_file(home.join(".ssh/id_ed25519")).unwrap();
    let failure = refused(&SshTransport::new(settings()).unwrap(), &target).await;
    assert!(
        failure
            .hint
            .unwrap()
            .contains("/.ssh/id_rsa` is encrypted and not in ssh-agent")
    );
}

#[tokio::test]
async fn six_keys_are_tried_and_no_more() {
    let server = Sshd::start();
    let agent = Agent::start();
    for index in 0..8 {
        let key = server.file(&format!("stranger{index}"));
        keygen("ed25519", "", &key);
        agent.add(&key);
    }
    let transport = SshTransport::new(SshSettings {
        agent: Some(agent.socket()),
        ..settings()
    })
    .unwrap();
    let failure = refused(
        &transport,
        &Target {
            identity: None,
            ..server.target()
        },
    )
    .await;
    assert_eq!(failure.reason.matches("from ssh-agent").count(), 6, "{failure}");
    assert!(
        failure
            .reason
            .contains("and said: Too many authentication failures"),
        "{failure}"
    );
    assert_eq!(
        failure.hint.as_deref(),
        Some("2 more keys were not tried: set `identity` for this host")
    );
    assert!(public(&server.file("stranger0")).exists());
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_told() {
    let server = Sshd::start();
    let agent = Some(server.file("no-socket"));
    let transport = SshTransport::new(SshSettings { agent, ..settings() }).unwrap();
    let failure = refused(
        &transport,
        &Target {
            identity: None,
            ..server.target()
        },
    )
    .await;
    assert!(failure.hint.unwrap().starts_with("ssh-agent at `"));
}
