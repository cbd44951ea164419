//! Properties: what may be unpacked stays below its folder, though the program that unpacks it is as careless as one can be.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::super::Kind;
use super::tests::{archive, entry, pax};

/// One member, by its kind, name and target.
#[derive(Debug, Clone)]
struct Planted {
    kind: u8,
    name: String,
    link: String,
    /// Whether the name stands in a pax header, and another one in the header block.
    extended: bool,
}

/// What a careless program has made of a name.
#[derive(Debug, Clone)]
enum Node {
    Folder,
    File,
    Link(String),
}

/// A file system in which a folder is unpacked by a program that follows every link, and takes every name.
#[derive(Default)]
struct Careless {
    nodes: HashMap<Vec<String>, Node>,
}

/// Something was written outside.
#[derive(Debug)]
struct Escaped;

impl Careless {
    /// Returns where a path leads, links followed, the last one too when that is asked for.
    fn resolve(&self, path: &str, follow_last: bool) -> Result<Vec<String>, Escaped> {
        let mut place: Vec<String> = Vec::new();
        if path.starts_with('/') {
            return Err(Escaped);
        }
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        for _ in 0..200 {
            let Some(part) = rest.pop() else {
                return Ok(place);
            };
            match part.as_str() {
                "" | "." => {}
                ".." => {
                    place.pop().ok_or(Escaped)?;
                }
                _ => {
                    place.push(part);
                    let last = rest.iter().all(|part| part.is_empty() || part == ".");
                    if let Some(Node::Link(to)) = self.nodes.get(&place)
                        && (!last || follow_last)
                    {
                        if to.starts_with('/') {
                            return Err(Escaped);
                        }
                        place.pop();
                        rest.extend(to.split('/').rev().map(str::to_owned));
                    }
                }
            }
        }
        // Links in a circle lead nowhere.
        Ok(Vec::new())
    }

    fn unpack(&mut self, member: &Planted) -> Result<(), Escaped> {
        match member.kind {
            b'2' => {
                let place = self.resolve(&member.name, false)?;
                self.nodes.insert(place, Node::Link(member.link.clone()));
            }
            b'1' => {
                let target = self.resolve(&member.link, false)?;
                let place = self.resolve(&member.name, false)?;
                if let Some(node) = self.nodes.get(&target).cloned() {
                    self.nodes.insert(place, node);
                }
            }
            b'5' => {
                let place = self.resolve(&member.name, true)?;
                self.nodes.insert(place, Node::Folder);
            }
            _ => {
                let place = self.resolve(&member.name, true)?;
                self.nodes.insert(place, Node::File);
            }
        }
        Ok(())
    }
}

fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(&["a", "b", "c", ".", "..", "", "a b", "..a"][..]);
    // Mostly harmless: a hazard in each would leave nothing to let pass.
    let harmless = prop::sample::select(&["a", "b", "c", "a/b", "b/c", "a/b/c", "./a", "c/./b"][..]);
    prop_oneof![
        6 => harmless.prop_map(str::to_owned),
        1 => vec(part, 1..5).prop_map(|parts| parts.join("/")),
    ]
}

fn member() -> impl Strategy<Value = Planted> {
    let target = prop_oneof![path(), Just("/etc".to_owned()), Just("../..".to_owned())];
    let kind = prop::sample::select(&[b'0', b'1', b'2', b'2', b'5', b'6'][..]);
    (kind, path(), target, any::<bool>()).prop_map(|(kind, name, link, extended)| Planted {
        kind,
        name,
        link: if matches!(kind, b'1' | b'2') {
            link
        } else {
            String::new()
        },
        extended,
    })
}

fn bytes(members: &[Planted]) -> Vec<u8> {
    let mut entries = Vec::new();
    for member in members {
        let mut name = member.name.as_str();
        if member.extended {
            entries.push(pax(format!("path={name}").as_bytes()));
            name = "a/harmless/name";
        }
        entries.push(entry(member.kind, name.as_bytes(), member.link.as_bytes(), b""));
    }
    archive(&entries)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_passes_stays_below_its_folder(members in vec(member(), 1..7)) {
        let mut check = Kind::Tar.restore_check();
        check.feed(&bytes(&members));
        if check.objection().is_none() {
            let mut careless = Careless::default();
            for member in &members {
                prop_assert!(careless.unpack(member).is_ok(), "{member:?} got out");
            }
        }
    }

    #[test]
    fn no_bytes_break_it_and_pieces_make_no_difference(
        members in vec(member(), 1..5),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        piece in 1..2000_usize,
    ) {
        let mut stream = bytes(&members);
        for (place, value) in flips {
            let place = place.index(stream.len());
            stream[place] = value;
        }
        let verdict = |piece: usize| {
            let mut check = Kind::Tar.restore_check();
            stream.chunks(piece).for_each(|piece| check.feed(piece));
            check.finish().is_ok()
        };
        prop_assert_eq!(verdict(piece), verdict(stream.len()));
    }
}

/// The property would hold of a vetting that lets nothing pass.
#[test]
fn what_is_harmless_passes() {
    let members = [
        (b'5', "a/", ""),
        (b'0', "a/b", ""),
        (b'2', "a/c", "/etc"),
        (b'1', "c", "a/b"),
        (b'6', "b", ""),
    ];
    let members = members.map(|(kind, name, link)| Planted {
        kind,
        name: name.to_owned(),
        link: link.to_owned(),
        extended: false,
    });
    let mut check = Kind::Tar.restore_check();
    check.feed(&bytes(&members));
    check.finish().unwrap();
}
