//! The keys to log in with: files, read once and shared by all hosts, and what ssh-agent holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{PrivateKey, PublicKey};
use tokio::sync::OnceCell;

use super::key_agent::KeyAgent;
use super::key_file::{Content, KeyFile, PassphraseSource, Unusable};

/// ssh's usual files, in its order of preference.
const USUAL_FILES: [&str; 3] = [".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa"];

/// Returns ssh's usual files in the folder of a person.
pub(crate) fn usual_identities(home: &Path) -> impl Iterator<Item = PathBuf> {
    USUAL_FILES.map(|file| home.join(file)).into_iter()
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

impl Candidates {
    fn has(&self, key: &PrivateKey) -> bool {
        self.identities
            .iter()
            .any(|identity| identity.key() == key.public_key().key_data())
    }
}

/// All keys that may be used, shared by all hosts.
pub(crate) struct Identities {
    home: Option<PathBuf>,
    agent: Option<KeyAgent>,
    passphrases: Arc<dyn PassphraseSource>,
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
    held: OnceCell<Result<Vec<PublicKey>, String>>,
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
        for path in self.home.as_deref().into_iter().flat_map(usual_identities) {
            match self.usual_file(&path, agent_is_used).await {
                Ok(Some(key)) if found.has(&key) => {}
                Ok(Some(key)) => found.identities.push(Identity::File { path, key }),
                Ok(None) => {}
                Err(note) => found.notes.push(note),
            }
        }
        found
    }

    /// Returns the key of one of ssh's usual files; nothing when there is none, or when the agent signs for it.
    async fn usual_file(&self, path: &Path, agent_is_used: bool) -> Result<Option<Arc<PrivateKey>>, String> {
        let file = self.file(path);
        match file.content(path).await {
            Ok(Content::Open(key)) => Ok(Some(key)),
            Ok(Content::Encrypted {
                public: Some(public), ..
            }) if self.holds(&public).await => Ok(None),
            Ok(Content::Encrypted { .. }) if agent_is_used => {
                let path = path.display();
                Err(format!(
                    "`{path}` is encrypted and not in ssh-agent: add it by `ssh-add {path}`"
                ))
            }
            Ok(Content::Encrypted { text, .. }) => {
                file.open(path, text, self.passphrases.as_ref()).await.map(Some)
            }
            Err(Unusable::Missing) => Ok(None),
            Err(Unusable::Bad(why)) => Err(why),
        }
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
