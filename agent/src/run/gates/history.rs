//! What is usual for a service: the last good backups, and whether a number has fallen like that before.

use crate::backup::{ArchiveRecord, Manifest};
use crate::settings::Share;

/// As many of the last good backups tell what is usual.
pub(in crate::run) const REMEMBERED: usize = 8;

/// The last good backups, the newest first.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    backups: &'a [Manifest],
}

impl<'a> History<'a> {
    pub(super) fn of(backups: &'a [Manifest]) -> Self {
        Self { backups }
    }

    /// Returns the backups, oldest first.
    fn oldest_first(self) -> impl Iterator<Item = &'a Manifest> {
        self.backups.iter().rev()
    }

    /// Tells whether one of them says this of itself.
    pub(super) fn knows(self, key: &str, value: &str) -> bool {
        self.backups
            .iter()
            .any(|backup| backup.facts.get(key).is_some_and(|known| known == value))
    }

    /// Tells whether a number of whole backups has fallen to about this one before.
    pub(super) fn has_fallen(self, to: u64, share: Share, number: impl Fn(&Manifest) -> u64) -> bool {
        has_fallen(self.oldest_first().map(number), to, share, 1)
    }

    /// Tells whether a number in the content of one archive, which counts from `least` on, has fallen to about this one before.
    pub(super) fn has_fallen_in(
        self,
        file: &str,
        to: u64,
        share: Share,
        least: u64,
        number: impl Fn(&ArchiveRecord) -> Option<u64>,
    ) -> bool {
        let of_file = |backup: &'a Manifest| backup.archives.iter().find(|archive| archive.file == file);
        let numbers = self.oldest_first().filter_map(of_file).filter_map(number);
        has_fallen(numbers, to, share, least)
    }
}

/// Tells whether one of these numbers, oldest first, has fallen by more than the share from one that counts, and to no more than about this
/// one. What has but grown until now is no excuse for what is lost.
fn has_fallen(numbers: impl Iterator<Item = u64>, to: u64, share: Share, least: u64) -> bool {
    let mut most = 0;
    for number in numbers {
        let fell = most >= least && share.is_exceeded_by(most.saturating_sub(number), most);
        if fell && !share.is_exceeded_by(number.saturating_sub(to), number) {
            return true;
        }
        most = most.max(number);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_fallen_before_is_usual_and_what_has_but_grown_is_not() {
        let half = crate::settings::share("50%");
        let fallen = |numbers: &[u64], to: u64| has_fallen(numbers.iter().copied(), to, half, 1000);
        assert!(fallen(&[5000, 0, 5000, 6000], 0), "it is empty now and then");
        assert!(fallen(&[5000, 0, 5000], 3), "and hardly more than that");
        assert!(fallen(&[5000, 40, 5000], 30));
        assert!(!fallen(&[5000, 40, 5000], 3), "far less than ever");
        assert!(!fallen(&[0, 10, 5000, 40_000], 3), "it has grown until now");
        assert!(
            !fallen(&[900, 0, 40_000], 0),
            "what has fallen was too little to count"
        );
        assert!(!fallen(&[40_000, 39_000], 3) && !fallen(&[], 0));
    }
}
