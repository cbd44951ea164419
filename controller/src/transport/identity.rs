//! The keys to log in with: files, read once and shared by all hosts, and what ssh-agent holds.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use tokio::sync::OnceCell;

use super::Boxed;
use super::key_agent::KeyAgent;

/// ssh's usual files, in its order of preference.
const USUAL_FILES: [&str; 3] = [".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa"];
/// Far above any key (an RSA key of 16384 bits takes 13 KiB).
const LONGEST_FILE: u64 = 64 * 1024;
/// As ssh: typing it wrong twice is forgiven.
const PASSPHRASE_ATTEMPTS: u32 = 3;

/// What opens an encrypted key. It has no `Debug` and is never shown.
pub(crate) struct Passphrase(pub(crate) String);

/// Where passphrases come from: a terminal, or nowhere.
pub(crate) trait PassphraseSource: Send + Sync {
    /// Asks for the passphrase of the file; `attempt` counts from 1. Nothing means that there is none to be had.
    fn ask<'a>(&'a self, file: &'a Path, attempt: u32) -> Boxed<'a, Option<Passphrase>>;
}

/// A key to log in with, and who signs.
#[derive(Clone)]
pub(crate) enum Identity {
    File { path: PathBuf, key: Arc<PrivateKey> },
    Agent { key: PublicKey },
}

impl Identity {
    pub(crate) fn key(&self) -> &KeyData {
        match self {
            Identity::File { key, .. } => key.public_key().key_data(),
            Identity::Agent { key } => key.key_data(),
        }
    }
}

/// The keys to try, in this order, and why others are not among them.
#[derive(Default)]
pub(crate) struct Candidates {
    pub(crate) identities: Vec<Identity>,
    pub(crate) notes: Vec<String>,
}

/// All keys that may be used, shared by all hosts.
pub(crate) struct Identities {
    home: Option<PathBuf>,
    agent: Option<KeyAgent>,
    passphrases: Arc<dyn PassphraseSource>,
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
    held: OnceCell<Result<Vec<PublicKey>, String>>,
}

/// A file that is read at most once, and whose passphrase is asked for at most once, however many hosts need it.
#[derive(Default)]
struct KeyFile {
    content: OnceCell<Result<Content, Unusable>>,
    opened: OnceCell<Result<Arc<PrivateKey>, String>>,
}

#[derive(Clone)]
enum Content {
    Open(Arc<PrivateKey>),
    /// The public key is known when the file tells it in the clear, as OpenSSH's own format does.
    Encrypted {
        text: Arc<str>,
        public: Option<PublicKey>,
    },
}

#[derive(Clone)]
enum Unusable {
    Missing,
    Bad(String),
}

impl Identities {
    pub(crate) fn new(
        home: Option<PathBuf>,
        agent: Option<PathBuf>,
        passphrases: Arc<dyn PassphraseSource>,
    ) -> Identities {
        Identities {
            home,
            agent: agent.map(KeyAgent::new),
            passphrases,
            files: Mutex::default(),
            held: OnceCell::new(),
        }
    }

    pub(crate) fn agent(&self) -> Option<&KeyAgent> {
        self.agent.as_ref()
    }

    /// Collects the keys to try. May wait for a person to type a passphrase; so it comes before the connection, whose
    /// deadlines a person need not meet.
    ///
    /// With an explicit file that key alone counts (signed for by the agent, where the file is encrypted and the agent
    /// holds its key). Otherwise all of the agent's, then ssh's usual files. One that is encrypted is only asked for
    /// when the agent holds no key at all: whoever uses an agent has chosen what is in it.
    ///
    /// # Errors
    ///
    /// A sentence, when the explicit file cannot be used.
    pub(crate) async fn candidates(&self, explicit: Option<&Path>) -> Result<Candidates, String> {
        match explicit {
            Some(path) => {
                let identities = vec![self.explicit(path).await?];
                Ok(Candidates {
                    identities,
                    notes: Vec::new(),
                })
            }
            None => Ok(self.usual().await),
        }
    }

    async fn explicit(&self, path: &Path) -> Result<Identity, String> {
        let file = self.file(path);
        match file.content(path).await {
            Ok(Content::Open(key)) => Ok(Identity::File {
                path: path.to_path_buf(),
                key,
            }),
            Ok(Content::Encrypted {
                public: Some(public), ..
            }) if self.holds(&public).await => Ok(Identity::Agent { key: public }),
            Ok(Content::Encrypted { text, .. }) => {
                let key = file.open(path, text, self.passphrases.as_ref()).await?;
                Ok(Identity::File {
                    path: path.to_path_buf(),
                    key,
                })
            }
            Err(Unusable::Missing) => Err(format!("the identity file `{}` does not exist", path.display())),
            Err(Unusable::Bad(why)) => Err(why),
        }
    }

    async fn usual(&self) -> Candidates {
        let mut found = Candidates::default();
        match self.held().await {
            Ok(keys) => found
                .identities
                .extend(keys.iter().map(|key| Identity::Agent { key: key.clone() })),
            Err(why) => found.notes.push(why.clone()),
        }
        let agent_is_used = !found.identities.is_empty();
        for path in self
            .home
            .iter()
            .flat_map(|home| USUAL_FILES.map(|file| home.join(file)))
        {
            let file = self.file(&path);
            let key = match file.content(&path).await {
                Ok(Content::Open(key)) => key,
                Ok(Content::Encrypted { public, text }) => {
                    let held = match &public {
                        Some(public) => self.holds(public).await,
                        None => false,
                    };
                    match file.open(&path, text, self.passphrases.as_ref()) {
                        _ if held => continue,
                        _ if agent_is_used => {
                            let path = path.display();
                            found.notes.push(format!(
                                "`{path}` is encrypted and not in ssh-agent: add it by `ssh-add {path}`"
                            ));
                            continue;
                        }
                        open => match open.await {
                            Ok(key) => key,
                            Err(why) => {
                                found.notes.push(why);
                                continue;
                            }
                        },
                    }
                }
                Err(Unusable::Missing) => continue,
                Err(Unusable::Bad(why)) => {
                    found.notes.push(why);
                    continue;
                }
            };
            if !found
                .identities
                .iter()
                .any(|identity| identity.key() == key.public_key().key_data())
            {
                found.identities.push(Identity::File { path, key });
            }
        }
        found
    }

    async fn held(&self) -> &Result<Vec<PublicKey>, String> {
        let ask = || async {
            match &self.agent {
                Some(agent) => agent.keys().await,
                None => Ok(Vec::new()),
            }
        };
        self.held.get_or_init(ask).await
    }

    async fn holds(&self, public: &PublicKey) -> bool {
        let held = self.held().await;
        held.iter()
            .flatten()
            .any(|key| key.key_data() == public.key_data())
    }

    fn file(&self, path: &Path) -> Arc<KeyFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry(path.to_path_buf()).or_default().clone()
    }
}

impl KeyFile {
    async fn content(&self, path: &Path) -> Result<Content, Unusable> {
        self.content.get_or_init(|| async { read(path) }).await.clone()
    }

    async fn open(
        &self,
        path: &Path,
        text: Arc<str>,
        source: &dyn PassphraseSource,
    ) -> Result<Arc<PrivateKey>, String> {
        self.opened
            .get_or_init(|| unlock(path, text, source))
            .await
            .clone()
    }
}

fn read(path: &Path) -> Result<Content, Unusable> {
    let bad = |why: String| Unusable::Bad(format!("the identity file `{}` {why}", path.display()));
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unusable::Missing,
        _ => bad(format!("cannot be read: {error}")),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // As ssh: a key of another owner (root's, lent to a group) is that owner's business.
    let ours = metadata.uid() == rustix::process::getuid().as_raw();
    if ours && metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(bad(format!(
            "has mode {mode:04o}, so that others can use it: `chmod 600 {}`",
            path.display()
        )));
    }
    let mut text = String::new();
    file.take(LONGEST_FILE)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    // OpenSSH's own format tells the public key of an encrypted one; the older PEM formats do not.
    if let Ok(key) = PrivateKey::from_openssh(&text) {
        let public = key.public_key().clone();
        return Ok(match key.is_encrypted() {
            true => Content::Encrypted {
                text: text.into(),
                public: Some(public),
            },
            false => Content::Open(Arc::new(key)),
        });
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(Content::Open(Arc::new(key))),
        Err(russh::keys::Error::KeyIsEncrypted) => Ok(Content::Encrypted {
            text: text.into(),
            public: None,
        }),
        Err(error) => Err(bad(format!("holds no private key that can be used: {error}"))),
    }
}

async fn unlock(
    path: &Path,
    text: Arc<str>,
    source: &dyn PassphraseSource,
) -> Result<Arc<PrivateKey>, String> {
    for attempt in 1..=PASSPHRASE_ATTEMPTS {
        let Some(passphrase) = source.ask(path, attempt).await else {
            return Err(format!(
                "the identity file `{}` is encrypted, and there is no passphrase",
                path.display()
            ));
        };
        let text = text.clone();
        // The key derivation is made to be slow: not on the thread that serves all hosts.
        let decode = move || decode_secret_key(&text, Some(&passphrase.0));
        if let Ok(Ok(key)) = tokio::task::spawn_blocking(decode).await {
            return Ok(Arc::new(key));
        }
    }
    Err(format!(
        "the passphrase for the identity file `{}` is wrong",
        path.display()
    ))
}
