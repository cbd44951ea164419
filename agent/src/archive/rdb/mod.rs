//! Completeness of snapshots of Redis and Valkey (RDB): magic and version, the opcode that ends them, and the CRC-64
//! over all that precedes it. A server with `rdbchecksum no` writes a sum of zero: then only the end is known.

mod keys;
#[cfg(test)]
mod properties;
mod value;

use super::crc64::Crc64;
use super::walk::Walker;
use super::{CheckFacts, StreamCheck};
use keys::Snapshot;

/// `REDIS` and four digits, or `VALKEY` and three.
const HEADER: usize = 9;
/// The sum at the end.
const SUM: usize = 8;
/// The opcode that ends the content.
const END_OF_FILE: u8 = 0xff;
/// Enough of the beginning to find the version of the server.
const HEAD_LIMIT: usize = 128;
/// The sum came with version 5 of the format (Redis 2.6).
const FIRST_VERSION_WITH_SUM: u32 = 5;

/// The check of one snapshot.
pub(super) struct RdbCheck {
    head: Vec<u8>,
    /// What is not summed up yet, because it may be the sum itself: the last bytes of the stream.
    held: Vec<u8>,
    sum: Crc64,
    /// The last byte that was summed up.
    last: Option<u8>,
    total: u64,
    keys: Box<Walker<Snapshot>>,
}

impl Default for RdbCheck {
    fn default() -> Self {
        RdbCheck {
            head: Vec::new(),
            held: Vec::new(),
            sum: Crc64::default(),
            last: None,
            total: 0,
            keys: Box::new(keys::counting()),
        }
    }
}

impl RdbCheck {
    fn add(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.last = bytes.last().copied().or(self.last);
    }

    fn version(&self) -> Result<u32, String> {
        let digits = self
            .head
            .get(..HEADER)
            .and_then(|header| {
                header
                    .strip_prefix(b"REDIS")
                    .or_else(|| header.strip_prefix(b"VALKEY"))
            })
            .ok_or("it does not begin with `REDIS` or `VALKEY`")?;
        let text = str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| "it has no version of the format".to_owned())
    }

    /// Returns the version of the server, which stands in the first auxiliary field: opcode 0xfa, then two strings
    /// with one byte of length each.
    fn server_version(&self) -> Option<String> {
        let fields = self.head.get(HEADER..)?.strip_prefix(&[0xfa])?;
        let (key, rest) = short_string(fields)?;
        let (value, _) = short_string(rest)?;
        let known = matches!(key, b"redis-ver" | b"valkey-ver");
        known.then(|| String::from_utf8_lossy(value).into_owned())
    }
}

/// Splits off a string of less than 64 bytes.
fn short_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first().filter(|(length, _)| **length < 64)?;
    rest.split_at_checked(usize::from(*length))
}

impl StreamCheck for RdbCheck {
    fn feed(&mut self, bytes: &[u8]) {
        let missing = HEAD_LIMIT - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.total += bytes.len() as u64;
        self.keys.feed(bytes);
        if bytes.len() >= SUM {
            let held = std::mem::take(&mut self.held);
            self.add(&held);
            let (settled, held) = bytes.split_at(bytes.len() - SUM);
            self.add(settled);
            self.held.extend_from_slice(held);
        } else {
            self.held.extend_from_slice(bytes);
            let surplus = self.held.len().saturating_sub(SUM);
            let settled: Vec<u8> = self.held.drain(..surplus).collect();
            self.add(&settled);
        }
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        if self.total == 0 {
            return Err("it is empty".to_owned());
        }
        let version = self.version()?;
        let server = self.server_version();
        // What cannot be counted is no damage: whether the snapshot is whole, the sum tells.
        let mut facts = self.keys.finish().unwrap_or_else(|reason| {
            let mut facts = CheckFacts::default();
            facts.insert("keys-not-counted", &reason);
            facts
        });
        facts.insert_count("format-version", u64::from(version));
        if let Some(server) = server {
            facts.insert("server-version", &server);
        }
        if version < FIRST_VERSION_WITH_SUM {
            return match self.held.last() {
                Some(&END_OF_FILE) => {
                    facts.insert("checksum", "none");
                    Ok(facts)
                }
                _ => Err(format!(
                    "it ends after {} bytes without the mark of its end",
                    self.total
                )),
            };
        }
        let stored = <[u8; SUM]>::try_from(self.held.as_slice()).map(u64::from_le_bytes);
        match stored {
            Ok(stored) if self.last == Some(END_OF_FILE) => {
                if stored == 0 {
                    facts.insert("checksum", "disabled");
                } else if stored == self.sum.value() {
                    facts.insert("checksum", "verified");
                } else {
                    return Err("its checksum does not match its content".to_owned());
                }
                Ok(facts)
            }
            _ => Err(format!(
                "it ends after {} bytes without the mark of its end",
                self.total
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fixtures::{check, every_cut_is_incomplete, every_flip_is_noticed, fixture};

    #[test]
    fn snapshots_of_the_server_and_of_the_client_are_complete() {
        for name in ["redis-checksum.rdb", "redis-cli.rdb"] {
            let facts = check(Kind::Rdb, &fixture(name)).unwrap();
            assert_eq!(facts.get("checksum"), Some("verified"), "{name}");
            assert_eq!(facts.get("server-version"), Some("7.0.15"));
            assert_eq!(facts.get("format-version"), Some("10"));
        }
    }

    #[test]
    fn a_snapshot_without_a_sum_is_accepted_and_says_so() {
        let facts = check(Kind::Rdb, &fixture("redis-no-checksum.rdb")).unwrap();
        assert_eq!(facts.get("checksum"), Some("disabled"));
    }

    #[test]
    fn every_cut_is_noticed() {
        for name in ["redis-checksum.rdb", "redis-cli.rdb", "redis-no-checksum.rdb"] {
            every_cut_is_incomplete(Kind::Rdb, &fixture(name));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        every_flip_is_noticed(Kind::Rdb, &fixture("redis-checksum.rdb"));
    }

    #[test]
    fn what_follows_the_end_is_noticed() {
        let mut snapshot = fixture("redis-checksum.rdb");
        snapshot.push(b'\n');
        assert!(check(Kind::Rdb, &snapshot).is_err());
    }

    #[test]
    fn what_is_not_counted_is_told() {
        let mut snapshot = b"REDIS0013\x21\x01k\x01v\xff".to_vec();
        let mut sum = super::Crc64::default();
        sum.update(&snapshot);
        snapshot.extend_from_slice(&sum.value().to_le_bytes());
        let facts = check(Kind::Rdb, &snapshot).unwrap();
        assert_eq!(facts.get("keys-not-counted"), Some("the unknown type 33"));
        assert_eq!(facts.get("keys"), None);
    }

    #[test]
    fn the_magic_of_valkey_is_known() {
        let mut snapshot = b"VALKEY080\xfa\x0avalkey-ver\x059.0.1\xff".to_vec();
        let mut sum = super::Crc64::default();
        sum.update(&snapshot);
        snapshot.extend_from_slice(&sum.value().to_le_bytes());
        let facts = check(Kind::Rdb, &snapshot).unwrap();
        assert_eq!(facts.get("server-version"), Some("9.0.1"));
        assert_eq!(facts.get("checksum"), Some("verified"));
    }
}
