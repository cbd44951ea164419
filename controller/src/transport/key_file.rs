//! A file with a private key: read once, opened once, whatever the number of hosts it is for.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use tokio::sync::OnceCell;

use super::Boxed;

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

/// A file that is read at most once, and whose passphrase is asked for at most once, however many hosts need it.
#[derive(Default)]
pub(crate) struct KeyFile {
    content: OnceCell<Result<Content, Unusable>>,
    opened: OnceCell<Result<Arc<PrivateKey>, String>>,
}

#[derive(Clone)]
pub(crate) enum Content {
    Open(Arc<PrivateKey>),
    /// The public key is known when the file tells it in the clear, as OpenSSH's own format does.
    Encrypted {
        text: Arc<str>,
        public: Option<PublicKey>,
    },
}

#[derive(Clone)]
pub(crate) enum Unusable {
    Missing,
    Bad(String),
}

impl KeyFile {
    /// Returns what is in the file.
    pub(crate) async fn content(&self, path: &Path) -> Result<Content, Unusable> {
        self.content.get_or_init(|| async { read(path) }).await.clone()
    }

    /// Returns the key of an encrypted file, whose text this is.
    ///
    /// # Errors
    ///
    /// A sentence, when there is no passphrase or a wrong one.
    pub(crate) async fn open(
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
    parse(text, path, bad)
}

/// Tells whether this is the content of a file with a private key, encrypted or not.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn is_private_key(bytes: &[u8]) -> bool {
    let path = Path::new("key");
    std::str::from_utf8(bytes).is_ok_and(|text| parse(text.to_owned(), path, Unusable::Bad).is_ok())
}

fn parse(text: String, path: &Path, bad: impl Fn(String) -> Unusable) -> Result<Content, Unusable> {
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
    match old_encryption(&text) {
        Some(true) => {
            return Ok(Content::Encrypted {
                text: text.into(),
                public: None,
            });
        }
        Some(false) => {
            return Err(bad(format!(
                "is encrypted in a way that is too old: `ssh-keygen -p -f {}` renews it",
                path.display()
            )));
        }
        None => {}
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(Content::Open(Arc::new(key))),
        Err(error) => Err(bad(format!("holds no private key that can be used: {error}"))),
    }
}

/// Whether a file in an older format (PKCS #8, or PEM as of OpenSSL) is encrypted, and whether we can open it then.
fn old_encryption(text: &str) -> Option<bool> {
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return Some(true);
    }
    let cipher = text.lines().find_map(|line| line.strip_prefix("DEK-Info: "))?;
    Some(cipher.starts_with("AES-128-CBC,"))
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
