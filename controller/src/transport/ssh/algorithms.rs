//! What we offer to servers, and the limits of a connection. russh's defaults are not ours: they list SHA-1 for host
//! keys, never notice a dead peer, and let Nagle delay each further command.

use std::borrow::Cow;
use std::time::Duration;

use russh::client::Config;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, SshId, cipher, compression, kex, mac};

/// The first that the server has too is taken (RFC 4253, 7.1). X25519 comes before the hybrid with ML-KEM: the hybrid
/// costs one and a half times the CPU per host, and nothing passes here that must stay secret for decades (archives do
/// not travel by this connection). A server that has only the hybrid is still reached, and so is one in FIPS mode.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::MLKEM768X25519_SHA256,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    // Strict key exchange, against the truncation known as Terrapin (CVE-2023-48795).
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// Never plain `ssh-rsa`, which signs with SHA-1.
pub(super) const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// AES in hardware is twice as fast as ChaCha20 on bulk. CTR goes with the encrypt-then-MAC modes below only.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM];

/// None: a compressed stream may expand without end, and what travels is small.
const COMPRESSIONS: &[compression::Name] = &[compression::NONE];

/// A peer that answers nothing for about a minute is gone (three keepalives, and the time until the fourth is due).
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_UNANSWERED: usize = 3;

/// What a host may send before its reader takes anything: 16 messages of 32 KiB. russh opens the window anew as soon
/// as a message has come in, so it is this queue, and behind it TCP, that slows a host down.
const MESSAGES_QUEUED: usize = 16;
const LARGEST_PACKET: u32 = 32 * 1024;
/// One window per round trip: 20 MB/s at 50 ms.
const WINDOW: u32 = 1024 * 1024;

/// Returns the settings for a connection to a host, with these host key algorithms.
pub(super) fn configuration(host_keys: Vec<Algorithm>) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-batt_", env!("CARGO_PKG_VERSION")))),
        preferred: Preferred {
            kex: Cow::Borrowed(KEY_EXCHANGES),
            key: Cow::Owned(host_keys),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(COMPRESSIONS),
        },
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        keepalive_max: KEEPALIVE_UNANSWERED,
        // A long backup is silent for hours; keepalives tell a live host from a dead one.
        inactivity_timeout: None,
        window_size: WINDOW,
        maximum_packet_size: LARGEST_PACKET,
        channel_buffer_size: MESSAGES_QUEUED,
        nodelay: true,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_weak_is_offered() {
        let preferred = configuration(HOST_KEYS.to_vec()).preferred;
        assert!(!preferred.key.contains(&Algorithm::Rsa { hash: None }));
        assert!(!preferred.key.contains(&Algorithm::Dsa));
        assert!(preferred.kex.iter().all(|kex| !kex.as_ref().contains("sha1")));
        assert!(preferred.mac.iter().all(|mac| mac.as_ref().contains("-etm@")));
        assert!(
            preferred
                .cipher
                .iter()
                .all(|cipher| !cipher.as_ref().contains("cbc"))
        );
        assert_eq!(preferred.compression.as_ref(), [compression::NONE]);
        assert!(
            preferred
                .kex
                .contains(&kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT)
        );
    }
}
