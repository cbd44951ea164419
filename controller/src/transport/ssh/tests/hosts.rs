//! Hosts that work, and hosts that cannot be reached.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::super::contract::{self, contract_tests, short};
use super::super::super::sshd::{Sshd, plain_transport, until};
use super::super::super::{Deadlines, Ending, FailureClass, Phase, SshTransport, Target, Transport};

struct Fixture {
    _server: Sshd,
    transport: SshTransport,
    target: Target,
}

fn fixture() -> Fixture {
    let server = Sshd::start();
    Fixture {
        target: server.target(),
        transport: plain_transport(),
        _server: server,
    }
}

contract_tests!(fixture);

fn at(port: u16) -> Target {
    Target {
        name: "h1".to_string(),
        address: "127.0.0.1".to_string(),
        port,
        user: "root".to_string(),
        identity: None,
        pinned: Vec::new(),
    }
}

#[tokio::test]
async fn rekeying_in_the_middle_loses_nothing() {
    let server = Sshd::with(&["ed25519"], "RekeyLimit 1M");
    let bytes = contract::noise(30_000_000);
    let mut connection = contract::connect(&plain_transport(), &server.target()).await;
    let mut channel = connection.exec("cat").await.unwrap();
    let (received, ending) = contract::echo(&mut channel, &bytes).await;
    assert!(received == bytes, "{} bytes came back", received.len());
    assert_eq!(ending, Ending::Exited(0));
}

#[tokio::test]
async fn output_after_the_exit_status_is_not_lost() {
    // The shell ends at once; the background process goes on writing, and sshd sends the status in between.
    let command = "(head -c 3000000 /dev/zero; echo end) & exit 5";
    let server = Sshd::start();
    let (stdout, ending) = contract::output(&plain_transport(), &server.target(), command).await;
    assert_eq!(stdout.len(), 3_000_004);
    assert!(stdout.ends_with(b"end\n"));
    assert_eq!(ending, Ending::Exited(5));
}

#[tokio::test]
async fn a_slow_reader_slows_the_host_down() {
    let server = Sshd::start();
    let written = server.file("written");
    let command = format!("head -c 50000000 /dev/zero; touch {}", written.display());
    let mut connection = contract::connect(&plain_transport(), &server.target()).await;
    let mut channel = connection.exec(&command).await.unwrap();
    let first = channel.stdout.recv().await.unwrap();
    // Time enough for the rest to come, if anything took it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!written.exists(), "all was taken though nobody read");
    let rest = contract::read(&mut channel).await;
    assert_eq!(first.len() + rest.len(), 50_000_000);
    assert!(written.exists());
}

#[tokio::test]
async fn a_channel_that_is_dropped_ends_its_flood() {
    let server = Sshd::start();
    let mut connection = contract::connect(&plain_transport(), &server.target()).await;
    let mut channel = connection.exec("echo $$; exec yes").await.unwrap();
    let text = String::from_utf8(channel.stdout.recv().await.unwrap().to_vec()).unwrap();
    let process = std::path::Path::new("/proc").join(text.lines().next().unwrap());
    assert!(process.exists());
    drop(channel);
    eventually("the command is gone", || !process.exists()).await;
    let mut channel = connection.exec("exit 4").await.unwrap();
    assert_eq!(channel.ending().await, Ending::Exited(4));
}

/// A socket at which nobody listens, and its port, which is nobody else's as long as the socket is there.
fn closed() -> (std::os::fd::OwnedFd, std::net::SocketAddr) {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&socket, &any).unwrap();
    let bound = rustix::net::getsockname(&socket).unwrap();
    (socket, bound.try_into().unwrap())
}

#[tokio::test]
async fn a_refused_port() {
    let (_closed, address) = closed();
    let failure = contract::fails(
        &plain_transport(),
        &at(address.port()),
        &Deadlines::default(),
        FailureClass::Connect,
    )
    .await;
    assert!(
        failure.reason.contains("connection refused from 127.0.0.1:"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let target = Target {
        address: "no-such-host.invalid".to_string(),
        ..at(22)
    };
    let failure = contract::fails(
        &plain_transport(),
        &target,
        &Deadlines::default(),
        FailureClass::Resolve,
    )
    .await;
    assert!(
        failure
            .reason
            .starts_with("the name `no-such-host.invalid` cannot be resolved: "),
        "{failure}"
    );
}

#[tokio::test]
async fn a_host_that_accepts_and_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = at(listener.local_addr().unwrap().port());
    let class = FailureClass::TimedOut(Phase::Handshake);
    let deadlines = short(Phase::Handshake, Duration::from_millis(100));
    let failure = contract::fails(&plain_transport(), &target, &deadlines, class).await;
    assert!(
        failure
            .reason
            .ends_with("answered, but did not finish the SSH handshake within 0.1 s"),
        "{failure}"
    );
}

/// A listener whose backlog is full: the kernel drops what comes then, as a firewall would.
fn black_hole() -> (TcpListener, Vec<std::net::TcpStream>) {
    let (socket, address) = closed();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let mut queue = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(stream);
    }
    (listener, queue)
}

#[tokio::test]
async fn a_host_that_does_not_accept() {
    let (listener, _queue) = black_hole();
    let class = FailureClass::TimedOut(Phase::Connect);
    let deadlines = short(Phase::Connect, Duration::from_millis(100));
    contract::fails(
        &plain_transport(),
        &at(listener.local_addr().unwrap().port()),
        &deadlines,
        class,
    )
    .await;
}

#[tokio::test]
async fn all_addresses_are_tried_and_a_dead_one_does_not_hold_up_the_next() {
    let (dead, _queue) = black_hole();
    let good = TcpListener::bind("127.0.0.1:0").unwrap();
    let ((_first, first), (_second, second)) = (closed(), closed());
    let addresses = vec![first, dead.local_addr().unwrap(), good.local_addr().unwrap()];
    let stream = super::super::dial::connect(&at(22), addresses).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good.local_addr().unwrap());

    let failure = super::super::dial::connect(&at(22), vec![first, second])
        .await
        .unwrap_err();
    let expected = format!("connection refused from {first}, connection refused from {second}");
    assert!(failure.reason.ends_with(&expected), "{failure}");
}

#[tokio::test]
async fn a_host_that_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = at(listener.local_addr().unwrap().port());
    std::thread::spawn(move || drop(listener.accept()));
    let failure = contract::fails(
        &plain_transport(),
        &target,
        &Deadlines::default(),
        FailureClass::Lost,
    )
    .await;
    assert!(failure.hint.unwrap().contains("MaxStartups"));
}

#[tokio::test]
async fn a_host_that_speaks_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = at(listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let flood = "HTTP/1.1 400 Bad Request\r\n".repeat(10_000);
        let _ = std::io::Write::write_all(&mut stream, flood.as_bytes());
    });
    let failure = match plain_transport()
        .connect(&target, &Deadlines::default(), &mut |_| {})
        .await
    {
        Err(failure) => failure,
        Ok(_) => panic!("a web server let us in"),
    };
    assert_eq!(failure.class, FailureClass::Protocol, "{failure}");
}

#[tokio::test]
async fn forty_silent_hosts_leave_no_descriptor() {
    // They greet as a server does and fall silent, which is where a mere deadline leaves russh's task and its socket.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = std::thread::spawn(move || {
        let greet = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            // Who was not greeted in time has gone.
            let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-silent\r\n");
            stream
        };
        (0..40).map(greet).collect::<Vec<_>>()
    });
    let transport = Arc::new(plain_transport());
    let mut attempts = JoinSet::new();
    for _ in 0..40 {
        let transport = transport.clone();
        attempts.spawn(async move {
            let deadlines = short(Phase::Handshake, Duration::from_secs(2));
            let class = FailureClass::TimedOut(Phase::Handshake);
            contract::fails(transport.as_ref(), &at(port), &deadlines, class).await;
        });
    }
    while let Some(attempt) = attempts.join_next().await {
        attempt.unwrap();
    }
    let _still_open_on_their_side = accepting.join().unwrap();
    eventually("none is open", || sockets_to(port) == 0).await;
}

#[tokio::test]
async fn a_connect_that_is_given_up_leaves_no_descriptor() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"SSH-2.0-silent\r\n").unwrap();
        stream
    });
    let attempt = tokio::spawn(async move {
        contract::connect(&plain_transport(), &at(port)).await;
    });
    eventually("it is open", || sockets_to(port) == 1).await;
    let _still_open_on_their_side = accepting.join().unwrap();
    attempt.abort();
    eventually("it is closed", || sockets_to(port) == 0).await;
}

/// Waits for the condition and lets other tasks run meanwhile.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

#[tokio::test]
async fn a_connection_that_is_dropped_closes_its_socket() {
    let server = Sshd::start();
    let mut connection = contract::connect(&plain_transport(), &server.target()).await;
    let channel = connection.exec("cat").await.unwrap();
    assert_eq!(sockets_to(server.port), 1);
    drop(connection);
    drop(channel);
    eventually("it is closed", || sockets_to(server.port) == 0).await;
}

#[tokio::test]
async fn closing_leaves_nothing_and_the_server_is_told() {
    let server = Sshd::with(&["ed25519"], "LogLevel VERBOSE");
    let (_, ending) = contract::output(&plain_transport(), &server.target(), "exit 0").await;
    assert_eq!(ending, Ending::Exited(0));
    assert_eq!(sockets_to(server.port), 0);
    let log = server.file("log");
    until("sshd was told", || {
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("Received disconnect from 127.0.0.1")
    });
}

/// Counts the sockets of this process that are connected to the port.
fn sockets_to(port: u16) -> usize {
    let ours: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_string(),
            )
        })
        .collect();
    let remote = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let connected = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&remote) && ours.iter().any(|inode| inode == fields[9])
    };
    table.lines().skip(1).filter(connected).count()
}
