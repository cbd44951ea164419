//! Files of host keys, judged by us and by the real `ssh`: what it refuses we must refuse, and where we differ, on
//! purpose and to the safe side, the case says so.

use std::process::{Command, Stdio};

use super::super::super::sshd::{Sshd, key_line, keygen, public, run, settings};
use super::super::super::{Deadlines, SshSettings, SshTransport, Target, Transport};

/// Whether `ssh` gets in with this file of host keys.
fn ssh_accepts(server: &Sshd, address: &str) -> bool {
    let status = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .args([
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "IdentityAgent=none",
            "-o",
            "UpdateHostKeys=no",
        ])
        .args([
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "CheckHostIP=no",
            "-o",
            "KexAlgorithms=curve25519-sha256",
        ])
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            server.file("known_hosts").display()
        ))
        .arg("-i")
        .arg(server.file("user_ed25519"))
        .args(["-p", &server.port.to_string(), "-l", "root", address, "exit 0"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.unwrap().success()
}

async fn we_accept(server: &Sshd, address: &str) -> bool {
    let known_hosts = vec![server.file("known_hosts")];
    let transport = SshTransport::new(SshSettings {
        known_hosts,
        ..settings()
    })
    .unwrap();
    let target = Target {
        pinned: Vec::new(),
        address: address.to_string(),
        ..server.target()
    };
    let result = transport
        .connect(&target, &Deadlines::default(), &mut |_| {})
        .await;
    match result {
        Ok(connection) => {
            connection.close().await;
            true
        }
        Err(failure) => {
            assert_eq!(
                failure.class,
                super::super::super::FailureClass::HostKey,
                "{failure}"
            );
            false
        }
    }
}

#[tokio::test]
async fn the_same_verdicts() {
    let server = Sshd::with(&["ed25519", "rsa"], "");
    let good = server.host_key("ed25519");
    let rsa = server.host_key("rsa");
    let other_file = server.file("other");
    keygen("ed25519", "", &other_file);
    let other = key_line(&public(&other_file));
    let port = server.port;
    let here = format!("[127.0.0.1]:{port}");

    let cases: Vec<(&str, String, bool)> = vec![
        ("empty", String::new(), false),
        ("plain", format!("{here} {good}\n"), true),
        ("no newline at the end", format!("{here} {good}"), true),
        ("carriage returns", format!("{here} {good}\r\n"), true),
        ("a comment", format!("{here} {good} root@h1 and more\n"), true),
        (
            "tabs and blanks",
            format!("\t {here} \t {}  x\n", good.replace(' ', "\t")),
            true,
        ),
        ("commented out", format!("# {here} {good}\n"), false),
        ("among others", format!("a,{here},b {good}\n"), true),
        ("another port", format!("[127.0.0.1]:1 {good}\n"), false),
        ("without the port", format!("127.0.0.1 {good}\n"), true),
        (
            "without the port, other key",
            format!("127.0.0.1 {other}\n"),
            false,
        ),
        (
            "other key with the port, good one without",
            format!("{here} {other}\n127.0.0.1 {good}\n"),
            false,
        ),
        ("wildcards", format!("[127.0.0.*]:{port} {good}\n"), true),
        ("a question mark", format!("[127.0.0.?]:{port} {good}\n"), true),
        ("everything", format!("* {good}\n"), true),
        ("negated", format!("!{here},!127.0.0.1,* {good}\n"), false),
        (
            "negated behind",
            format!("*,![127.0.0.*]:*,!127.* {good}\n"),
            false,
        ),
        // The name without the port is another name, which `*` means too.
        ("negated with the port only", format!("!{here},* {good}\n"), true),
        ("other key", format!("{here} {other}\n"), false),
        (
            "other key, then the good one",
            format!("{here} {other}\n{here} {good}\n"),
            true,
        ),
        ("other kind of key that it has", format!("{here} {rsa}\n"), true),
        (
            "other kind of key in the wrong",
            format!("{here} {}\n", rsa.replace("AAAAB3", "AAAAB2")),
            false,
        ),
        ("revoked only", format!("@revoked {here} {good}\n"), false),
        (
            "revoked and listed",
            format!("{here} {good}\n@revoked {here} {good}\n"),
            false,
        ),
        (
            "revoked everywhere",
            format!("{here} {good}\n@revoked * {good}\n"),
            false,
        ),
        (
            "another key revoked",
            format!("{here} {good}\n@revoked * {other}\n"),
            true,
        ),
        ("an authority", format!("@cert-authority {here} {good}\n"), false),
        (
            "an authority for all, and listed",
            format!("@cert-authority * {other}\n{here} {good}\n"),
            true,
        ),
        ("an unknown marker", format!("@trusted {here} {good}\n"), false),
        (
            "a broken line before",
            format!("{here}\n{here} ssh-ed25519\n{here} {good}\n"),
            true,
        ),
        ("a broken key", format!("{here} ssh-ed25519 AAAA\n"), false),
        (
            "a wrong kind",
            format!("{here} {}\n", good.replace("ssh-ed25519", "ssh-rsa")),
            false,
        ),
        (
            "bytes that are no text",
            format!("{here} {good} \u{fffd}\n"),
            true,
        ),
        (
            "a broken hash before",
            format!("|1|x|y {other}\n{here} {good}\n"),
            true,
        ),
    ];
    for (name, text, expected) in cases {
        std::fs::write(server.file("known_hosts"), &text).unwrap();
        assert_eq!(ssh_accepts(&server, "127.0.0.1"), expected, "ssh: {name}: {text}");
        assert_eq!(
            we_accept(&server, "127.0.0.1").await,
            expected,
            "we: {name}: {text}"
        );
    }
}

#[tokio::test]
async fn hashed_by_ssh_keygen() {
    let server = Sshd::start();
    let (good, port) = (server.host_key("ed25519"), server.port);
    let file = server.file("known_hosts");
    let text = format!(
        "[db1.example.net]:{port} {good}\n[127.0.0.1]:{port} {good}\n[db2.example.net]:{port} {good}\n"
    );
    std::fs::write(&file, text).unwrap();
    run(Command::new("ssh-keygen").arg("-H").arg("-f").arg(&file));
    let hashed = std::fs::read_to_string(&file).unwrap();
    assert_eq!(hashed.matches("|1|").count(), 3, "{hashed}");
    assert!(ssh_accepts(&server, "127.0.0.1") && we_accept(&server, "127.0.0.1").await);

    // The host's line away: the others must not match.
    let others: Vec<&str> = hashed
        .lines()
        .enumerate()
        .filter(|(index, _)| *index != 1)
        .map(|(_, line)| line)
        .collect();
    std::fs::write(&file, others.join("\n")).unwrap();
    assert!(!ssh_accepts(&server, "127.0.0.1") && !we_accept(&server, "127.0.0.1").await);

    // Revoked by a hashed name.
    let line = hashed.lines().nth(1).unwrap();
    std::fs::write(&file, format!("{line}\n@revoked {line}\n")).unwrap();
    assert!(!ssh_accepts(&server, "127.0.0.1") && !we_accept(&server, "127.0.0.1").await);
}

#[tokio::test]
async fn upper_and_lower_case() {
    let server = Sshd::start();
    let (good, port) = (server.host_key("ed25519"), server.port);
    for (line, address) in [("[LocalHost]", "localhost"), ("[localhost]", "LOCALHOST")] {
        std::fs::write(server.file("known_hosts"), format!("{line}:{port} {good}\n")).unwrap();
        assert!(ssh_accepts(&server, address), "ssh: {line} {address}");
        assert!(we_accept(&server, address).await, "we: {line} {address}");
    }
}

/// `ssh` skips such lines (also the one whose only fault is a tab), and with them a revocation that somebody meant. We
/// do not.
#[tokio::test]
async fn a_broken_revocation_fails_closed() {
    let server = Sshd::start();
    let (good, port) = (server.host_key("ed25519"), server.port);
    for bad in [
        "@revoked * ssh-ed25519 AAAA".to_string(),
        format!("@Revoked * {good}"),
        format!("@revoked |1|broken|broken {good}"),
        "@revoked".to_string(),
        format!("@revoked\t*\t{good}"),
        format!("@cert-authority @revoked * {good}"),
    ] {
        std::fs::write(
            server.file("known_hosts"),
            format!("[127.0.0.1]:{port} {good}\n{bad}\n"),
        )
        .unwrap();
        assert!(ssh_accepts(&server, "127.0.0.1"), "{bad}");
        assert!(!we_accept(&server, "127.0.0.1").await, "{bad}");
    }
    // One that can only mean another host does no harm here.
    let text = format!("[127.0.0.1]:{port} {good}\n@revoked db1 ssh-ed25519 AAAA\n");
    std::fs::write(server.file("known_hosts"), text).unwrap();
    assert!(we_accept(&server, "127.0.0.1").await);
}
