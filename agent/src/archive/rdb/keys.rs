//! Counting the keys of a snapshot while it passes, by walking its opcodes. Strings are passed over, whatever their
//! length, so memory is bounded. Redis up to version 12 of the format (8.0), and Valkey up to version 80 (9.0; `rdb.h` of both).
//!
//! What is not known ends the walk: then nothing was counted, which is told, and nothing is wrong with the snapshot.

use std::collections::BTreeMap;

use super::super::CheckFacts;
use super::super::walk::{Format, Walker, Want};
use super::HEADER;
use super::value::{Field, MODULE_VALUE, Maker, Meaning, NUMBER, TEXT, has_ending_fields, value_of};

/// More databases than a server is set up with.
const DATABASES_LIMIT: usize = 4096;

/// Databases of which it can be told that their keys are not compared.
const NOT_COMPARED_LIMIT: usize = 20;

/// In place of a number that depends on the hour.
const NOT_COMPARED: &str = "not compared";

/// The walk through one snapshot.
pub(super) struct Snapshot {
    maker: Maker,
    /// What is still to be read, the next one last. No more than one value has fields, however many elements.
    pending: Vec<Field>,
    database: u64,
    /// The next key has an end of life.
    expires: bool,
    counts: BTreeMap<u64, Count>,
    libraries: u64,
    /// The highest database that was named, and one more.
    databases: u64,
}

/// The keys of one database.
#[derive(Default)]
struct Count {
    /// Those that stay until somebody deletes them.
    lasting: u64,
    /// Those with an end of life: how many of them are there again depends on the hour.
    expiring: u64,
    /// Hashes whose fields end by themselves, with an end of life or without.
    with_ending_fields: u64,
}

/// Returns the walk that counts.
pub(super) fn counting() -> Walker<Snapshot> {
    let snapshot = Snapshot {
        maker: Maker::Redis,
        pending: vec![Field::Header],
        database: 0,
        expires: false,
        counts: BTreeMap::new(),
        libraries: 0,
        databases: 0,
    };
    Walker::new(snapshot, Want::Take(HEADER))
}

impl Snapshot {
    /// Puts fields in front of what is still to be read.
    fn expect(&mut self, fields: &[Field]) {
        self.pending.extend(fields.iter().rev());
    }

    fn opcode(&mut self, opcode: u8) -> Result<(), String> {
        self.pending.push(Field::Opcode);
        match opcode {
            0xff => self.pending.clear(),
            0xfe => self.expect(&[Field::Length(Meaning::Database)]),
            0xfd | 0xfc => {
                self.expires = true;
                self.expect(&[Field::Bytes(if opcode == 0xfd { 4 } else { 8 })]);
            }
            // How many keys are to come.
            0xfb => self.expect(&[NUMBER, NUMBER]),
            0xfa => self.expect(&[TEXT, TEXT]),
            // How often the next key is used, and how long it was not.
            0xf9 => self.expect(&[Field::Bytes(1)]),
            0xf8 => self.expect(&[NUMBER]),
            // What a module keeps beside the keys, behind its id.
            0xf7 => self.expect(&[NUMBER, MODULE_VALUE]),
            0xf5 => {
                self.libraries += 1;
                self.expect(&[TEXT]);
            }
            // A slot of a cluster, and how many keys are in it.
            0xf4 => self.expect(&[NUMBER, NUMBER, NUMBER]),
            kind => {
                let value = value_of(kind, self.maker).ok_or_else(|| format!("the unknown type {kind}"))?;
                self.expect(value);
                self.expect(&[TEXT]);
                self.count_key(has_ending_fields(kind))?;
            }
        }
        Ok(())
    }

    fn count_key(&mut self, has_ending_fields: bool) -> Result<(), String> {
        if self.counts.len() >= DATABASES_LIMIT && !self.counts.contains_key(&self.database) {
            return Err(format!("more than {DATABASES_LIMIT} databases"));
        }
        self.databases = self.databases.max(self.database.saturating_add(1));
        let count = self.counts.entry(self.database).or_default();
        count.with_ending_fields += u64::from(has_ending_fields);
        if std::mem::take(&mut self.expires) {
            count.expiring += 1;
        } else {
            count.lasting += 1;
        }
        Ok(())
    }

    /// Takes the first byte of a length: its first two bits tell how it goes on.
    fn length(&mut self, first: u8, meaning: Meaning) -> Result<(), String> {
        let low = first & 0x3f;
        match (first >> 6, low) {
            (0, number) => self.number(u64::from(number), meaning)?,
            (1, high) => self.pending.push(Field::LengthRest(1, high, meaning)),
            (2, 0) => self.pending.push(Field::LengthRest(4, 0, meaning)),
            (2, 1) => self.pending.push(Field::LengthRest(8, 0, meaning)),
            (3, 0..=2) if matches!(meaning, Meaning::Text) => self.expect(&[Field::Bytes(1 << low)]),
            (3, 3) if matches!(meaning, Meaning::Text) => {
                self.expect(&[Field::Length(Meaning::Compressed)]);
            }
            _ => return Err(format!("the unknown encoding {first} of a length")),
        }
        Ok(())
    }

    fn number(&mut self, number: u64, meaning: Meaning) -> Result<(), String> {
        match meaning {
            Meaning::Number => {}
            Meaning::Database => self.database = number,
            Meaning::Text => self.expect(&[Field::Bytes(number)]),
            Meaning::Compressed => self.expect(&[NUMBER, Field::Bytes(number)]),
            Meaning::Times(fields) => self.expect(&[Field::Repeated(number, fields)]),
            Meaning::ModulePart => match number {
                0 => {}
                1 | 2 => self.expect(&[NUMBER, MODULE_VALUE]),
                3 => self.expect(&[Field::Bytes(4), MODULE_VALUE]),
                4 => self.expect(&[Field::Bytes(8), MODULE_VALUE]),
                5 => self.expect(&[TEXT, MODULE_VALUE]),
                _ => return Err(format!("the unknown part {number} of a module's value")),
            },
        }
        Ok(())
    }

    /// Returns what the next field wants of the stream.
    fn want(&mut self) -> Want {
        while let Some(Field::Repeated(times, fields)) = self.pending.last_mut() {
            let fields = *fields;
            if *times == 0 {
                self.pending.pop();
            } else {
                *times -= 1;
                self.expect(fields);
            }
        }
        match self.pending.last() {
            Some(Field::Bytes(length)) => Want::Skip(*length),
            Some(Field::Header) => Want::Take(HEADER),
            Some(Field::LengthRest(length, ..)) => Want::Take(usize::from(*length)),
            Some(_) => Want::Take(1),
            // The sum is left.
            None => Want::Rest,
        }
    }
}

impl Format for Snapshot {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        // Nothing was taken: what was passed over is done, or it is the header.
        if let [first, ..] = taken {
            match self.pending.pop() {
                Some(Field::Header) => {
                    if taken.starts_with(b"VALKEY") {
                        self.maker = Maker::Valkey;
                    }
                    self.expect(&[Field::Opcode]);
                }
                Some(Field::Opcode) => self.opcode(*first)?,
                Some(Field::Length(meaning)) => self.length(*first, meaning)?,
                Some(Field::LengthRest(_, high, meaning)) => {
                    let number = taken
                        .iter()
                        .fold(u64::from(high), |number, byte| number << 8 | u64::from(*byte));
                    self.number(number, meaning)?;
                }
                // Of the infinities and what is no number there is but the byte.
                Some(Field::Score) if *first < 253 => self.expect(&[Field::Bytes(u64::from(*first))]),
                _ => {}
            }
        } else if let Some(Field::Bytes(_)) = self.pending.last() {
            self.pending.pop();
        }
        Ok(self.want())
    }

    fn part(&self) -> &'static str {
        "its keys"
    }

    /// Keys that stay are content, which a restore is held to. Of the others the number is told alone. In a database with hashes
    /// whose fields end by themselves it depends on the hour, too, which hashes stay.
    fn finish(self, _: u64) -> Result<CheckFacts, String> {
        let mut facts = CheckFacts::default();
        let mut not_compared = Vec::new();
        for (database, count) in &self.counts {
            if count.with_ending_fields > 0 {
                not_compared.push(format!("db{database}"));
                facts.insert_content("keys", &format!("db{database}"), NOT_COMPARED);
            } else if count.lasting > 0 {
                facts.insert_content("keys", &format!("db{database}"), count.lasting);
            }
        }
        if not_compared.len() > NOT_COMPARED_LIMIT {
            return Err(format!(
                "more than {NOT_COMPARED_LIMIT} databases with hashes whose fields end by themselves"
            ));
        }
        if !not_compared.is_empty() {
            facts.insert("databases-not-compared", &not_compared.join(" "));
        }
        if self.libraries > 0 {
            facts.insert_content("functions", "libraries", self.libraries);
        }
        let all = |count: &Count| count.lasting + count.expiring;
        facts.count_keys(
            self.counts
                .iter()
                .map(|(database, count)| (*database, all(count)))
                .collect(),
        );
        let sum = |of: fn(&Count) -> u64| self.counts.values().map(of).sum();
        facts.insert_count("keys", sum(|count| count.lasting));
        facts.insert_count("keys-expiring", sum(|count| count.expiring));
        facts.insert_count("keys-with-ending-fields", sum(|count| count.with_ending_fields));
        facts.insert_count("databases", self.databases);
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::fixture;
    use super::super::super::{CheckFacts, StreamCheck};
    use super::*;

    fn count(snapshot: &[u8], piece: usize) -> Result<CheckFacts, String> {
        let mut walker = Box::new(counting());
        snapshot.chunks(piece).for_each(|piece| walker.feed(piece));
        walker.finish()
    }

    /// A snapshot of these opcodes, with a sum.
    fn snapshot(opcodes: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"REDIS0012".to_vec();
        opcodes.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.extend_from_slice(&[0xff; 9]);
        bytes
    }

    fn lasting(opcodes: &[&[u8]]) -> Result<String, String> {
        let bytes = snapshot(opcodes);
        let facts = count(&bytes, bytes.len());
        assert_eq!(facts.is_ok(), count(&bytes, 1).is_ok());
        facts.map(|facts| facts.get("keys").unwrap_or_default().to_owned())
    }

    #[test]
    fn keys_of_a_servers_snapshots_are_counted_by_database() {
        for name in ["redis-checksum.rdb", "redis-cli.rdb", "redis-no-checksum.rdb"] {
            for piece in [1, 7, 100_000] {
                let facts = count(&fixture(name), piece).unwrap();
                let content: Vec<_> = facts.content().iter().collect();
                assert_eq!(
                    content,
                    [
                        (&"keys.db0".to_owned(), &"202".to_owned()),
                        (&"keys.db3".to_owned(), &"1".to_owned())
                    ],
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn every_type_of_a_server_and_its_functions_are_counted() {
        let facts = count(&fixture("redis-types.rdb"), 100_000).unwrap();
        let content: Vec<_> = facts
            .content()
            .iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        assert_eq!(content, ["functions.libraries 2", "keys.db0 18", "keys.db9 1"]);
        assert_eq!(facts.get("keys-expiring"), Some("3"));
    }

    #[test]
    fn lengths_and_strings_of_every_encoding_are_passed_over() {
        for value in [
            b"\x01v".as_slice(),
            b"\x40\x01v",
            b"\x80\0\0\0\x01v",
            b"\x81\0\0\0\0\0\0\0\x01v",
            b"\xc0\x07",
            b"\xc1\x07\x00",
            b"\xc2\x07\0\0\0",
            b"\xc3\x02\x05\x00v",
            b"\0",
        ] {
            assert_eq!(
                lasting(&[b"\0\x01k", value, b"\0\x01k\x01v"]),
                Ok("2".to_owned()),
                "{value:?}"
            );
        }
    }

    #[test]
    fn old_and_rare_types_are_passed_over() {
        for value in [
            // A list, a sorted set with scores as text and without a number, an empty hash.
            b"\x01\x01k\x02\x01a\x01b".as_slice(),
            b"\x03\x01k\x03\x01a\x031.5\x01b\xfe\x01c\xff",
            b"\x04\x01k\0",
            // A module's value: numbers of both kinds, a float, a double, a string.
            b"\x07\x01k\x81\0\0\0\0\0\0\0\x07\x01\x05\x02\x40\x05\x03abcd\x04abcdefgh\x05\x02xy\0",
            // What a module keeps beside the keys, a slot, and how a key is used.
            b"\xf7\x09\x02\x01\x05\x02xy\0\xf4\x01\x02\x03\xf9\x07\xf8\x08\0\x01k\x01v",
            // A stream with a group: its unacknowledged entry, and its consumer with that entry.
            b"\x0f\x01k\x01\x02id\x02lp\x01\x01\x01\x01\x01g\x01\x01\x01iiiiiiiiiiiiiiiitttttttt\x01\x01\x01cssssssss\x01iiiiiiiiiiiiiiii",
        ] {
            assert_eq!(lasting(&[value, b"\0\x01k\x01v"]), Ok("2".to_owned()), "{value:?}");
        }
    }

    #[test]
    fn hashes_whose_fields_end_are_counted_and_their_database_is_not_compared() {
        let fields = b"\x01f\x01v";
        let ending = |header: &[u8], value: &[&[u8]]| {
            let value = value.concat();
            let all = [
                header,
                b"\0\x01k\x01v\xfe\x05",
                &value,
                b"\0\x01l\x01v",
                &[0xff; 9],
            ]
            .concat();
            for piece in [1, all.len()] {
                let facts = count(&all, piece).unwrap();
                let content: Vec<_> = facts
                    .content()
                    .iter()
                    .map(|(key, value)| format!("{key} {value}"))
                    .collect();
                assert_eq!(content, ["keys.db0 1", "keys.db5 not compared"], "{value:?}");
                assert_eq!(facts.get("databases-not-compared"), Some("db5"));
                assert_eq!(facts.get("keys-with-ending-fields"), Some("1"));
                assert_eq!(facts.get("databases"), Some("6"));
            }
        };
        let redis: [&[&[u8]]; 4] = [
            &[b"\x16\x01h\x02\x05", fields, b"\0", fields],
            &[b"\x17\x01h\x02lp"],
            &[b"\x18\x01htttttttt\x02\x40\xff", fields, b"\0", fields],
            &[b"\x19\x01htttttttt\x02lp"],
        ];
        for value in redis {
            ending(b"REDIS0012", value);
        }
        ending(
            b"VALKEY080",
            &[b"\x16\x01h\x02", fields, b"tttttttt", fields, &[0xff; 8]],
        );
    }

    #[test]
    fn what_only_the_other_maker_knows_is_not_counted() {
        for kind in [0x17, 0x18, 0x19] {
            let bytes = [b"VALKEY080".as_slice(), &[kind], b"\x01h\x02lp", &[0xff; 9]].concat();
            assert!(count(&bytes, 3).unwrap_err().contains("unknown type"), "{kind}");
        }
    }

    #[test]
    fn an_unknown_type_or_encoding_is_not_counted() {
        for value in [
            b"\x1a\x01k\x01v".as_slice(),
            b"\xc8\x01k\x01v",
            b"\0\x82",
            b"\0\xc5",
            b"\x01\x01k\xc3",
        ] {
            assert!(lasting(&[value]).is_err(), "{value:?}");
        }
    }

    #[test]
    fn many_databases_are_not_counted() {
        let keys: Vec<Vec<u8>> = (0..5000_u32)
            .map(|database| [b"\xfe\x80".as_slice(), &database.to_be_bytes(), b"\0\x01k\x01v"].concat())
            .collect();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        assert!(lasting(&keys).unwrap_err().contains("databases"));
        assert_eq!(lasting(&keys[..4000]), Ok("4000".to_owned()));
    }
}
