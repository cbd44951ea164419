//! The floor of the benchmarks: a client that connects, checks the host key, logs in with a key, runs a command, reads to
//! the end of its channel, and does nothing else. What `batt-fleet` costs is told as a ratio to it.
//!
//! `bare_client FORKS USER IDENTITY HOST_KEY [SAY UNTIL] < HOSTS`, where a line of HOSTS is `ADDRESS:PORT COMMAND`. With SAY
//! and UNTIL it answers the first line of a command's output with SAY, and ends the input when UNTIL has come: a
//! conversation without understanding. The same crate, runtime and algorithms as the controller's.
#![allow(clippy::print_stdout, reason = "it tells how many hosts succeeded")]

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use russh::client::{self, Config, Handler, Msg};
use russh::keys::{
    Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_public_key,
    load_secret_key,
};
use russh::{Channel, ChannelMsg, Disconnect, Preferred, cipher, compression, kex, mac};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// What all connections share.
struct Login {
    config: Arc<Config>,
    user: String,
    identity: Arc<PrivateKey>,
    host_key: PublicKey,
    conversation: Option<Conversation>,
}

/// What is answered to the first line, and what the end is known by.
struct Conversation {
    say: String,
    until: String,
}

struct Check(PublicKey);

impl Handler for Check {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.key_data() == self.0.key_data(),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }
}

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [forks, user, identity, host_key, conversation @ ..] = arguments.as_slice() else {
        return Err("usage: bare_client FORKS USER IDENTITY HOST_KEY [SAY UNTIL] < HOSTS".into());
    };
    let conversation = match conversation {
        [] => None,
        [say, until] => Some(Conversation {
            say: say.clone(),
            until: until.clone(),
        }),
        _ => return Err("SAY and UNTIL come together, and nothing after them".into()),
    };
    let login = Arc::new(Login {
        config: Arc::new(config()),
        user: user.clone(),
        identity: Arc::new(load_secret_key(identity, None)?),
        host_key: load_public_key(host_key)?,
        conversation,
    });
    let hosts = io::stdin().lines().collect::<Result<Vec<_>, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let failed = runtime.block_on(all(&login, hosts.clone(), forks.parse()?));
    println!("{} of {} hosts succeeded", hosts.len() - failed, hosts.len());
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn config() -> Config {
    Config {
        preferred: Preferred {
            kex: Cow::Borrowed(&[
                kex::CURVE25519,
                kex::EXTENSION_SUPPORT_AS_CLIENT,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            ]),
            key: Cow::Borrowed(&[Algorithm::Ed25519]),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(&[cipher::AES_256_GCM]),
            mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM]),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        nodelay: true,
        ..Config::default()
    }
}

/// Serves all hosts, `forks` at once, and returns how many failed.
async fn all(login: &Arc<Login>, hosts: Vec<String>, forks: usize) -> usize {
    let mut waiting = hosts.into_iter();
    let mut running: JoinSet<Result<u32, Failure>> = JoinSet::new();
    let mut failed = 0;
    loop {
        while running.len() < forks
            && let Some(host) = waiting.next()
        {
            let login = login.clone();
            running.spawn(async move { one(&login, &host).await });
        }
        match running.join_next().await {
            None => return failed,
            Some(Ok(Ok(0))) => {}
            Some(_) => failed += 1,
        }
    }
}

/// Runs the command on a host and returns its exit code.
async fn one(login: &Login, host: &str) -> Result<u32, Failure> {
    let (address, command) = host
        .split_once(' ')
        .ok_or("a host is an address, a blank and a command")?;
    let check = Check(login.host_key.clone());
    let mut handle = client::connect(login.config.clone(), address, check).await?;
    let key = PrivateKeyWithHashAlg::new(login.identity.clone(), None);
    if !handle
        .authenticate_publickey(login.user.as_str(), key)
        .await?
        .success()
    {
        return Err("the key was not taken".into());
    }
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, command).await?;
    let status = to_the_end(&mut channel, login.conversation.as_ref()).await?;
    handle.disconnect(Disconnect::ByApplication, "", "").await?;
    let _ = handle.await;
    status.ok_or_else(|| "there was no exit status".into())
}

/// Reads to the end of the channel: the exit status may come before the rest of the output.
async fn to_the_end(
    channel: &mut Channel<Msg>,
    conversation: Option<&Conversation>,
) -> Result<Option<u32>, Failure> {
    let mut status = None;
    let mut output = Vec::new();
    let (mut answered, mut over) = (false, false);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::Data { data } => {
                let Some(Conversation { say, until }) = conversation else {
                    continue;
                };
                output.extend_from_slice(&data);
                if !answered && output.contains(&b'\n') {
                    answered = true;
                    channel.data(say.as_bytes()).await?;
                }
                if !over
                    && output
                        .windows(until.len())
                        .any(|window| window == until.as_bytes())
                {
                    over = true;
                    channel.eof().await?;
                }
            }
            _ => {}
        }
    }
    match conversation {
        Some(_) if !over => Err("the conversation ended too early".into()),
        _ => Ok(status),
    }
}
