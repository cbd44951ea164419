//! What every transport must do, as tests that run against each of them. The commands are for a POSIX shell; the
//! double in memory plays them.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Channel, ConnectFailure, Connection, Deadlines, Ending, FailureClass, Phase, Target, Transport};

pub(crate) const CAT: &str = "cat";
/// Dies by a signal.
pub(crate) const DIE: &str = "kill -TERM $$";
/// Writes 40,000 bytes and a last line to stderr, one line to stdout.
pub(crate) const NOISE: &str = "head -c 40000 /dev/zero | tr '\\0' x >&2; echo the end >&2; echo out";
/// Writes a line, and when it has been answered takes the connection down: its parent is the server's process.
pub(crate) const VANISH: &str = "echo half; read answer; kill -KILL $PPID; read more";
/// Neither reads nor ends, as long as the connection stands.
pub(crate) const IDLE: &str = "tail --pid=$PPID -f /dev/null";

/// Runs the contract's tests on the transport and target of a fixture.
macro_rules! contract_tests {
    ($fixture:ident) => {
        $crate::transport::contract::contract_tests!($fixture:
            exit_codes_arrive, a_signal_is_no_exit, bytes_pass_both_ways, the_end_of_stderr_is_kept,
            a_cut_is_lost, commands_run_in_turn, phases_are_told_in_order, input_ends_once, a_writer_is_slowed_down);
    };
    ($fixture:ident: $($case:ident),*) => {
        $(#[tokio::test]
        async fn $case() {
            let fixture = $fixture();
            $crate::transport::contract::$case(&fixture.transport, &fixture.target).await;
        })*
    };
}
pub(crate) use contract_tests;

pub(crate) async fn connect(transport: &dyn Transport, target: &Target) -> Box<dyn Connection> {
    match transport
        .connect(target, &Deadlines::default(), &mut |_| {})
        .await
    {
        Ok(connection) => connection,
        Err(failure) => panic!("{failure}"),
    }
}

/// Connects, runs one command without input, and returns what it wrote and how it ended.
pub(crate) async fn output(transport: &dyn Transport, target: &Target, command: &str) -> (Vec<u8>, Ending) {
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(command).await.unwrap();
    channel.stdin.close().await.unwrap();
    let stdout = read(&mut channel).await;
    let ending = channel.ending().await;
    drop(channel);
    connection.close().await;
    (stdout, ending)
}

pub(crate) async fn read(channel: &mut Channel) -> Vec<u8> {
    let mut stdout = Vec::new();
    while let Some(bytes) = channel.stdout.recv().await {
        stdout.extend_from_slice(&bytes);
    }
    stdout
}

/// Fails to connect in this class, having told all phases up to the one that failed.
pub(crate) async fn fails(
    transport: &dyn Transport,
    target: &Target,
    deadlines: &Deadlines,
    class: FailureClass,
) -> ConnectFailure {
    let mut phases = Vec::new();
    let result = transport
        .connect(target, deadlines, &mut |phase| phases.push(phase))
        .await;
    let Err(failure) = result else {
        panic!("`{}` was reached", target.name)
    };
    assert_eq!(failure.class, class, "{failure}");
    if let FailureClass::TimedOut(phase) = class {
        assert_eq!(phases.last(), Some(&phase));
    }
    failure
}

/// Deadlines of which one is short.
pub(crate) fn short(phase: Phase, limit: Duration) -> Deadlines {
    let mut deadlines = Deadlines::default();
    match phase {
        Phase::Resolve => deadlines.resolve = limit,
        Phase::Connect => deadlines.connect = limit,
        Phase::Handshake => deadlines.handshake = limit,
        Phase::Authenticate => deadlines.authenticate = limit,
    }
    deadlines
}

/// Bytes without a pattern that a lost or doubled packet would leave intact.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Sends the bytes through `cat` and returns what comes back, and how it ended.
pub(crate) async fn echo(channel: &mut Channel, bytes: &[u8]) -> (Vec<u8>, Ending) {
    let Channel { stdin, stdout } = channel;
    let write = async {
        stdin.write_all(bytes).await.unwrap();
        stdin.close().await.unwrap();
    };
    let read = async {
        let mut received = Vec::new();
        while let Some(piece) = stdout.recv().await {
            received.extend_from_slice(&piece);
        }
        received
    };
    let ((), received) = tokio::join!(write, read);
    (received, stdout.ending().await)
}

pub(crate) async fn exit_codes_arrive(transport: &dyn Transport, target: &Target) {
    for code in [0, 3, 255] {
        assert_eq!(
            output(transport, target, &format!("exit {code}")).await,
            (Vec::new(), Ending::Exited(code))
        );
    }
}

pub(crate) async fn a_signal_is_no_exit(transport: &dyn Transport, target: &Target) {
    assert_eq!(
        output(transport, target, DIE).await.1,
        Ending::Signalled("TERM".to_string())
    );
}

pub(crate) async fn bytes_pass_both_ways(transport: &dyn Transport, target: &Target) {
    let bytes = noise(10_000_000);
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(CAT).await.unwrap();
    let (received, ending) = echo(&mut channel, &bytes).await;
    assert!(received == bytes, "{} bytes came back", received.len());
    assert_eq!(ending, Ending::Exited(0));
}

pub(crate) async fn the_end_of_stderr_is_kept(transport: &dyn Transport, target: &Target) {
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(NOISE).await.unwrap();
    assert_eq!(read(&mut channel).await, b"out\n");
    assert_eq!(channel.ending().await, Ending::Exited(0));
    let kept = channel.stderr();
    assert_eq!(kept.len(), 16 * 1024);
    assert!(kept.ends_with(b"xxxthe end\n"));
}

pub(crate) async fn a_cut_is_lost(transport: &dyn Transport, target: &Target) {
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(VANISH).await.unwrap();
    assert_eq!(channel.stdout.recv().await.as_deref(), Some(b"half\n".as_slice()));
    channel.stdin.write_all(b"\n").await.unwrap();
    assert_eq!(channel.stdout.recv().await, None);
    let ending = channel.ending().await;
    assert!(matches!(ending, Ending::Lost(_)), "{ending:?}");
    drop(channel);
    assert!(connection.exec(CAT).await.is_err());
}

pub(crate) async fn commands_run_in_turn(transport: &dyn Transport, target: &Target) {
    let mut connection = connect(transport, target).await;
    for code in [7, 0] {
        let mut channel = connection.exec(&format!("exit {code}")).await.unwrap();
        assert_eq!(channel.ending().await, Ending::Exited(code));
    }
    let mut channel = connection.exec(CAT).await.unwrap();
    assert_eq!(
        echo(&mut channel, b"third").await,
        (b"third".to_vec(), Ending::Exited(0))
    );
    drop(channel);
    connection.close().await;
}

pub(crate) async fn phases_are_told_in_order(transport: &dyn Transport, target: &Target) {
    let mut phases = Vec::new();
    let result = transport
        .connect(target, &Deadlines::default(), &mut |phase| phases.push(phase))
        .await;
    assert!(result.is_ok());
    assert_eq!(
        phases,
        [
            Phase::Resolve,
            Phase::Connect,
            Phase::Handshake,
            Phase::Authenticate
        ]
    );
}

pub(crate) async fn input_ends_once(transport: &dyn Transport, target: &Target) {
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(CAT).await.unwrap();
    assert_eq!(channel.stdin.write(b"").await.unwrap(), 0);
    channel.stdin.write_all(b"x").await.unwrap();
    channel.stdin.close().await.unwrap();
    channel.stdin.close().await.unwrap();
    assert!(channel.stdin.write_all(b"y").await.is_err());
    assert_eq!(read(&mut channel).await, b"x");
    assert_eq!(channel.ending().await, Ending::Exited(0));
}

pub(crate) async fn a_writer_is_slowed_down(transport: &dyn Transport, target: &Target) {
    let mut connection = connect(transport, target).await;
    let mut channel = connection.exec(IDLE).await.unwrap();
    let bytes = vec![0; 64 * 1024];
    let mut taken = 0;
    // The host reads nothing: at some point a write no longer returns.
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(500), channel.stdin.write(&bytes)).await
    {
        taken += written.unwrap();
        assert!(
            taken < 16 * 1024 * 1024,
            "{taken} bytes were taken for a host that reads none"
        );
    }
    assert!(taken > 0);
}
