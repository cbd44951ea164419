//! Whether an archive may be unpacked: no member of it may land anywhere but below the folder it is unpacked in. What a
//! backup of our own never holds is refused, though some reader might put up with it: two programs that read an archive
//! differently are how a check is led past what it checks.
//!
//! Symbolic links may lead anywhere, as those of a system do; but nothing may be unpacked through one.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::member::{Member, MemberKind};

/// As many symbolic links as can be remembered in 32 MiB, by eight bytes each. (The hash is keyed anew in each process:
/// nobody can make names that collide.)
const LINKS_LIMIT: usize = 7 << 18;
/// No tree is as deep. What is longer than a path (4,095 bytes) passes: the system refuses it, whatever unpacks it, and all else comes
/// back.
const NAME_LIMIT: usize = 1 << 20;

/// What was seen of an archive so far.
#[derive(Debug, Default)]
pub(super) struct Vetting {
    keys: RandomState,
    /// Members that are symbolic links, also under a second name.
    links: HashSet<u64>,
}

impl Vetting {
    /// Judges the next member.
    ///
    /// # Errors
    /// What is wrong with it, and its name.
    pub(super) fn member(&mut self, member: &Member) -> Result<(), String> {
        let named = |what: &str| format!("`{}` {what}", shown(&member.name));
        if member.is_ambiguous {
            return Err(named("has a header that can be read in two ways"));
        }
        let path = parts(&member.name).map_err(&named)?;
        if let MemberKind::Other(flag) = member.kind {
            return Err(named(&format!("is of a type that no backup holds, {flag}")));
        }
        if member.kind == MemberKind::File && member.name.ends_with(b"/") {
            return Err(named("is a file by its type and a folder by its name"));
        }
        if path.is_empty() && member.kind != MemberKind::Folder {
            return Err(named("would take the place of the folder itself"));
        }
        if self.leads_through_a_link(&path) {
            return Err(named("would be unpacked through a symbolic link"));
        }
        let key = self.key(&path);
        if self.links.contains(&key) {
            return Err(named("comes again after a symbolic link of that name"));
        }
        let is_link = match member.kind {
            MemberKind::SymbolicLink => true,
            MemberKind::HardLink => {
                let to = parts(&member.link).map_err(|what| {
                    named(&format!(
                        "is a hard link to `{}`, which {what}",
                        shown(&member.link)
                    ))
                })?;
                if self.leads_through_a_link(&to) {
                    return Err(named("is a hard link that leads through a symbolic link"));
                }
                self.links.contains(&self.key(&to))
            }
            _ => false,
        };
        if is_link {
            if self.links.len() >= LINKS_LIMIT {
                return Err(format!(
                    "it holds more than {LINKS_LIMIT} symbolic links, and no more can be watched"
                ));
            }
            self.links.insert(key);
        }
        Ok(())
    }

    fn key(&self, path: &[&[u8]]) -> u64 {
        self.keys.hash_one(path)
    }

    /// Returns whether one of the folders on the way is a symbolic link.
    fn leads_through_a_link(&self, path: &[&[u8]]) -> bool {
        !self.links.is_empty()
            && (1..path.len()).any(|length| self.links.contains(&self.key(&path[..length])))
    }
}

/// Splits a name into its parts, or tells why it is no name below a folder.
fn parts(name: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if name.is_empty() {
        return Err("has no name");
    }
    if name.len() > NAME_LIMIT {
        return Err("has a name longer than a path can be");
    }
    if name.contains(&0) {
        return Err("has a zero byte in its name");
    }
    if name.starts_with(b"/") {
        return Err("is an absolute name");
    }
    let parts: Vec<&[u8]> = name
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    if parts.contains(&b"..".as_slice()) {
        return Err("goes through `..`");
    }
    Ok(parts)
}

/// Returns a name for a message: its beginning, with what a terminal would obey escaped.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
