//! Properties: whatever keys a snapshot holds, they are counted, wherever its pieces are cut.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{CheckFacts, StreamCheck};
use super::keys::counting;

/// One key: its database, whether it ends, the type of its value, and how many elements that has.
type Key = (u8, bool, u8, u8);

/// A length, in one of the ways to write it.
fn length(number: u64, way: u8) -> Vec<u8> {
    match way % 4 {
        0 if number < 64 => vec![number as u8],
        0 | 1 if number < 1 << 14 => vec![0x40 | (number >> 8) as u8, number as u8],
        2 => [&[0x80], &(number as u32).to_be_bytes()[..]].concat(),
        _ => [&[0x81], &number.to_be_bytes()[..]].concat(),
    }
}

/// A string, in one of the ways to write it. Its bytes look like opcodes.
fn string(seed: u8) -> Vec<u8> {
    match seed % 6 {
        0 => vec![0xc0, seed],
        1 => vec![0xc1, seed, 0xff],
        2 => vec![0xc2, 0xff, 0xfe, 0xfd, seed],
        3 => {
            let bytes = vec![0xff; usize::from(seed) + 1];
            [
                vec![0xc3],
                length(bytes.len() as u64, seed),
                length(9000, seed / 3),
                bytes,
            ]
            .concat()
        }
        way => {
            let bytes = vec![0xfe; usize::from(seed) * usize::from(way)];
            [length(bytes.len() as u64, seed / 2), bytes].concat()
        }
    }
}

fn value(kind: u8, elements: u8) -> Vec<u8> {
    let strings = |each: u8| -> Vec<u8> {
        (0..elements)
            .flat_map(|n| (0..each).flat_map(move |part| string(n.wrapping_mul(7).wrapping_add(part))))
            .collect()
    };
    let count = length(u64::from(elements), elements);
    match kind {
        1 | 2 => [count, strings(1)].concat(),
        4 => [count, strings(2)].concat(),
        5 => {
            let scored = (0..elements).flat_map(|n| [string(n), vec![0xff; 8]].concat());
            [count, scored.collect()].concat()
        }
        7 => {
            let parts = (0..elements).flat_map(|n| [vec![0x05], string(n), vec![0x04], vec![0; 8]].concat());
            [length(1 << 60, 3), parts.collect(), vec![0]].concat()
        }
        18 => {
            let packed = (0..elements).flat_map(|n| [vec![2], string(n)].concat());
            [count, packed.collect()].concat()
        }
        _ => string(elements),
    }
}

fn snapshot(keys: &[Key]) -> Vec<u8> {
    let mut bytes = b"REDIS0011\xfa\x09redis-ver\x057.2.4".to_vec();
    for (database, ends, kind, elements) in keys {
        bytes.extend([0xfe, *database]);
        if *ends {
            bytes.extend([0xfc, 0xff, 0xfe, 0xfd, 0, 1, 2, 3, 4]);
        }
        bytes.push(*kind);
        bytes.extend(string(*elements));
        bytes.extend(value(*kind, *elements));
    }
    bytes.extend([0xff; 9]);
    bytes
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    let kind = prop::sample::select(&[0, 1, 2, 4, 5, 7, 10, 11, 13, 17, 18, 20_u8][..]);
    vec((0..16_u8, any::<bool>(), kind, any::<u8>()), 0..12)
}

fn counted(bytes: &[u8], piece: usize) -> Result<CheckFacts, String> {
    let mut walker = Box::new(counting());
    bytes.chunks(piece).for_each(|piece| walker.feed(piece));
    walker.finish()
}

proptest! {
    #[test]
    fn every_key_is_counted_in_its_database(keys in keys(), piece in 1..300_usize) {
        let mut expected = BTreeMap::new();
        for (database, ends, _, _) in &keys {
            if !ends {
                *expected.entry(format!("keys.db{database}")).or_insert(0) += 1;
            }
        }
        let facts = counted(&snapshot(&keys), piece).unwrap();
        let found: BTreeMap<String, i32> = facts
            .content()
            .iter()
            .map(|(key, value)| (key.clone(), value.parse().unwrap()))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_break_it(keys in keys(), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), piece in 1..300_usize) {
        let mut bytes = snapshot(&keys);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        prop_assert_eq!(counted(&bytes, piece).ok(), counted(&bytes, bytes.len()).ok());
    }
}
