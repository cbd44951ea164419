//! An agent for tests: it speaks the wire from the types of the protocol, keeps what it was asked, and can fail in
//! every way that a host can.

mod conversation;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;

use batt_protocol::wire::{Greeting, Hello, HomeState, PROTOCOL, ProtocolRange, Refusal, Request, encode};
use batt_protocol::{BundleFile, Event, FileChange, Outcome, RunId};

use self::conversation::Conversation;
use crate::bundle::sha256;
use crate::transport::Ending;
use crate::transport::memory::HostEnd;

/// How the agent behaves.
#[derive(Clone)]
pub(crate) struct Script {
    /// What the login shell prints before.
    pub(crate) noise: Vec<u8>,
    /// Ends instead of greeting: stderr and exit code.
    pub(crate) absent: Option<(&'static str, u32)>,
    /// What it says of itself.
    pub(crate) hello: Hello,
    /// What it answers to `compare`, beside added files.
    pub(crate) conflicts: Vec<FileChange>,
    /// What it backs up when nothing is asked for by name, and how that ends.
    pub(crate) services: Vec<(&'static str, Outcome)>,
    /// What it answers to `run`.
    pub(crate) refusal: Option<Refusal>,
    /// Whether its script runs until somebody cancels it.
    pub(crate) endless: bool,
    /// Whether it goes on although it was cancelled.
    pub(crate) stubborn: bool,
    /// What goes wrong while a run is followed: one for each conversation, in order.
    pub(crate) faults: VecDeque<Fault>,
}

/// What goes wrong while a run is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The line goes down after so many events.
    CutAfter(usize),
    /// The agent ends well, but says nothing of the run's end.
    NoEnd,
    /// A line that is no JSON.
    Garbage,
    /// A line of more than 64 KiB.
    LongLine,
    /// Events of another run.
    OtherRun,
    /// Nothing more comes, and nothing ends.
    Silence,
    /// An end of the run whose services have not ended.
    NoProof,
    /// Replies and events of a later version, and `alive`, in between.
    Grease,
    /// It says that it is alive, for ever, and heeds nothing.
    Alive,
    /// Numbers and texts that no host can mean.
    Absurd,
    /// The log comes before the event that says what is run.
    LogFirst,
}

/// What the agent was asked, and what it did.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) commands: Vec<String>,
    pub(crate) requests: Vec<Request>,
    /// Each run that was executed, and its journal so far.
    pub(crate) runs: BTreeMap<RunId, Vec<Event>>,
    /// How often a run was executed, not attached to.
    pub(crate) executed: usize,
    pub(crate) bundle: Vec<BundleFile>,
    pub(crate) received: BTreeMap<String, Vec<u8>>,
}

/// One host's agent. Clones are the same host.
#[derive(Clone)]
pub(crate) struct FakeAgent {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Seen>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            noise: Vec::new(),
            absent: None,
            hello: Hello {
                version: "0.1.0".into(),
                protocol: ProtocolRange {
                    oldest: PROTOCOL,
                    newest: PROTOCOL,
                },
                host_id: String::new(),
                host: "fake".into(),
                home: HomeState::Ready,
                bundle: sha256(b""),
                time: "2026-01-31T02:30:00Z".parse().unwrap(),
            },
            conflicts: Vec::new(),
            services: vec![("file", Outcome::Succeeded)],
            refusal: None,
            endless: false,
            stubborn: false,
            faults: VecDeque::new(),
        }
    }
}

impl FakeAgent {
    /// Returns an agent whose host has this id.
    pub(crate) fn new(host_id: &str, change: impl FnOnce(&mut Script)) -> Self {
        let mut script = Script::default();
        script.hello.host_id = host_id.into();
        change(&mut script);
        Self {
            script: Arc::new(Mutex::new(script)),
            seen: Arc::default(),
        }
    }

    /// Returns what `f` finds in what the agent saw.
    pub(crate) fn seen<T>(&self, f: impl FnOnce(&Seen) -> T) -> T {
        f(&self.seen.lock().unwrap())
    }

    /// Serves one command, as the closure of a host in memory.
    pub(crate) async fn serve(self, mut end: HostEnd) -> Ending {
        self.seen.lock().unwrap().commands.push(end.command.clone());
        let script = self.script.lock().unwrap().clone();
        if let Some((words, code)) = script.absent {
            end.stderr.write_all(words.as_bytes()).await.unwrap();
            return Ending::Exited(code);
        }
        let _ = end.stdout.write_all(&script.noise).await;
        let _ = end
            .stdout
            .write_all(
                &encode(&Greeting {
                    batt: script.hello.clone(),
                })
                .unwrap(),
            )
            .await;
        let mut conversation = Conversation {
            agent: self,
            script,
            end,
            offered: Vec::new(),
            files: BTreeMap::new(),
        };
        conversation.talk().await
    }
}
