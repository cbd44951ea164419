//! Giving the usual place to a backup that stands beside it, when a person has taken it as the new normal.

use batt_protocol::{BackupState, Error};

use super::{Claim, Earlier, Names, Place, Renamed, earlier, own_name, rename_new, take_place};
use crate::backup::{Destination, Manifest};

/// Gives the usual place of its service to a backup that stands under its own name, as if it were published now. A crash on the way leaves
/// both backups whole; where the catalogue does not find one then, it finds it when it is made again.
///
/// # Errors
/// A refusal when the place holds a backup of another host; an error of the disk.
pub(crate) fn promote(destination: &Destination, claim: &Claim<'_>) -> Result<Place, Error> {
    // As a person has decided, who saw that it is whole.
    let manifest = Manifest {
        state: BackupState::Good,
        verified: true,
        ..claim.manifest.clone()
    };
    let claim = Claim {
        manifest: &manifest,
        ..*claim
    };
    let usual = manifest.service.to_string();
    let own = own_name(&manifest.service, &manifest.run);
    let placed = |name: &str, beside, aside| Place {
        path: destination.path().join(name),
        beside,
        aside,
    };
    if let Renamed::Done = rename_new(destination, destination.folder(), &own, &usual)? {
        destination.sync()?;
        return Ok(placed(&usual, None, None));
    }
    match earlier(destination, &usual, &claim)? {
        Earlier::Kept(reason) => Ok(placed(&own, Some(reason), None)),
        Earlier::Moves(earlier) => {
            let names = Names {
                own: &own,
                usual: &usual,
            };
            let aside = take_place(destination, &names, &earlier)?;
            Ok(placed(&usual, None, aside))
        }
    }
}
