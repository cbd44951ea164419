//! `batt aside`: what is in the way is kept beside.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use batt_protocol::Error;
use rustix::io::Errno;

use super::rename::rename_new;
use super::target::{Found, Target};
use crate::safe_path::Missing;

/// Where something is kept.
pub(crate) type Kept = PathBuf;

/// So many can be kept within one second.
const MOST_IN_A_SECOND: u32 = 100;

/// Renames what is at a path to `PATH.batt-TIME`, and what has one of the endings `with` to `PATH.batt-TIME` with that
/// ending. What is not there needs no other name.
///
/// # Errors
/// A link in its place, a file system that is mounted there, and what the system says.
pub(crate) fn aside(path: &Path, with: &[OsString], tell: &mut dyn FnMut(Kept)) -> Result<(), Error> {
    let target = Target::find(path, Missing::End)?;
    aside_all(&target, with, tell)
}

pub(super) fn aside_all(target: &Target, with: &[OsString], tell: &mut dyn FnMut(Kept)) -> Result<(), Error> {
    let mut present = Vec::new();
    for ending in std::iter::once(OsStr::new("")).chain(with.iter().map(OsString::as_os_str)) {
        let one = target.with_ending(ending);
        match one.found()? {
            Found::Nothing => {}
            found => {
                // An empty folder is no less in the way.
                one.require_movable(found, true)?;
                present.push((one, ending));
            }
        }
    }
    if present.is_empty() {
        return Ok(());
    }
    let stamp = format!(".batt-{}", chrono::Utc::now().format("%Y%m%dT%H%M%SZ"));
    let base = free_name(target, &stamp, with)?;
    for (one, ending) in present {
        let mut name = base.clone();
        name.push(ending);
        let kept = target.named(name);
        match rename_new(one.folder(), one.name(), kept.folder(), kept.name()) {
            Ok(()) => tell(kept.path()),
            // Somebody took it away meanwhile.
            Err(Errno::NOENT) => {}
            Err(cause) => return Err(one.fail(&format!("cannot keep as `{kept}`"), cause)),
        }
    }
    target.sync()
}

/// Returns as much of a name as leaves room for so many bytes more: a name of its own has at most 255.
fn beginning(name: &OsStr, more: usize) -> &OsStr {
    const LONGEST: usize = 255;
    let bytes = name.as_bytes();
    let room = LONGEST.saturating_sub(more);
    if bytes.len() <= room {
        return name;
    }
    // No character of UTF-8 is cut in two.
    let is_within = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    let end = (0..=room).rev().find(|end| !is_within(bytes[*end]));
    OsStr::from_bytes(&bytes[..end.unwrap_or(room)])
}

/// Returns a name that nothing has yet, with none of the endings.
fn free_name(target: &Target, stamp: &str, with: &[OsString]) -> Result<OsString, Error> {
    let longest = with.iter().map(|ending| ending.len()).max().unwrap_or(0);
    let beginning = beginning(target.name(), stamp.len() + ".99".len() + longest);
    for number in 0..MOST_IN_A_SECOND {
        let mut name = beginning.to_owned();
        name.push(stamp);
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let kept = target.named(name);
        let mut taken = kept.found()? != Found::Nothing;
        for ending in with {
            taken |= kept.with_ending(ending).found()? != Found::Nothing;
        }
        if !taken {
            return Ok(kept.name().to_owned());
        }
    }
    Err(target.fail("there is no name left to keep", Errno::EXIST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_so_that_more_fits_behind_it() {
        let cut = |name: &str, more: usize| beginning(OsStr::new(name), more).to_str().unwrap().to_owned();
        assert_eq!(cut("app.db", 30), "app.db");
        assert_eq!(cut(&"n".repeat(250), 5), "n".repeat(250));
        assert_eq!(cut(&"n".repeat(251), 5), "n".repeat(250));
        assert_eq!(
            cut(&"б".repeat(127), 22),
            "б".repeat(116),
            "233 bytes would end within a letter"
        );
        assert_eq!(cut("n", 300), "");
    }
}
