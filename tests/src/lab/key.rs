//! Keys of the lab: one for each host, and one that opens them all. Made in-process, so nothing has to be installed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// Makes an ed25519 key.
pub(super) fn make() -> io::Result<PrivateKey> {
    let mut seed = [0u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

/// Returns the public half as `ssh-ed25519 AAAA...`.
pub(super) fn public_line(key: &PrivateKey) -> io::Result<String> {
    let line = key.public_key().to_openssh().map_err(io::Error::other)?;
    // A comment may follow; a pinned key has none.
    Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Writes a key as `ssh-keygen` would: the private half for its owner alone, and `PATH.pub` beside it.
pub(super) fn write(key: &PrivateKey, path: &Path) -> io::Result<()> {
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    fs::remove_file(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    fs::write(path.with_extension("pub"), public_line(key)? + "\n")
}
