//! What `batt check` says of backups: their age, the room for the next ones, what keeps them, and the clock that tells.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use batt_protocol::text::count;
use batt_protocol::{Error, ExitCode, HumanBytes, Service};
use chrono::Utc;

use super::Findings;
use crate::backup::{Catalogue, Found, Mark, present};
use crate::home::Home;
use crate::purge::{Clock, Purge, Totals};
use crate::scope::Scope;
use crate::settings::Settings;

/// What of a host is looked at.
pub(super) struct Backups<'a> {
    home: &'a Home,
    settings: &'a Settings,
    enabled: &'a [Service],
    /// What is there, oldest first.
    found: Vec<Found>,
}

impl<'a> Backups<'a> {
    /// Looks at what is there. A catalogue that is broken is a finding.
    pub(super) fn look(
        home: &'a Home,
        settings: &'a Settings,
        enabled: &'a [Service],
        findings: &mut Findings<'_>,
    ) -> Self {
        let (catalogue, trouble) = Catalogue::read_or_tell(home);
        if let Some(error) = trouble {
            findings.problem(&error);
        }
        if catalogue.broken_lines() > 0 {
            findings.warn(&format!(
                "{} of the catalogue cannot be understood; the next run makes it again from the manifests",
                count(catalogue.broken_lines(), "line")
            ));
        }
        for entry in catalogue.entries() {
            let is_pinned = fs::symlink_metadata(entry.path.join(Mark::Pinned.file_name())).is_ok();
            if is_pinned && fs::symlink_metadata(entry.path.join(crate::backup::MANIFEST)).is_err() {
                findings.warn(&format!(
                    "`{}` is pinned, and no backup is there any more",
                    entry.path.display()
                ));
            }
        }
        Self {
            home,
            settings,
            enabled,
            found: present(home, catalogue, &[]),
        }
    }

    /// Holds the last good backup of each service to `max_age`.
    pub(super) fn check_ages(&self, findings: &mut Findings<'_>) {
        for service in self.enabled {
            let Some(most) = self.settings.service(service).max_age else {
                continue;
            };
            let promise = self.settings.promise(service);
            let last = (self.found.iter().rev()).find(|found| {
                let entry = &found.entry;
                entry.service == *service && entry.counts() && entry.scope().covers(&promise)
            });
            match last.map(|found| (Utc::now() - found.entry.time).to_std().unwrap_or_default()) {
                Some(age) if age <= most => {}
                Some(age) => findings.problem(&Error::new(
                    ExitCode::FAILED,
                    format!(
                        "the last good backup of `{service}`, {}, is {} old, `max_age` is {}",
                        promise.words(),
                        shown(age),
                        shown(most)
                    ),
                )),
                None => findings.problem(&self.without_good(service, &promise)),
            }
        }
    }

    /// Returns what is wrong where no backup counts: that there is none, or that the drill of the newest has failed.
    fn without_good(&self, service: &Service, promise: &Scope) -> Error {
        let failed = self.found.iter().rev().find_map(|Found { entry, .. }| {
            let covers = entry.service == *service && entry.can_be_drilled() && entry.scope().covers(promise);
            covers
                .then(|| Some((entry.id(), entry.failure_of_drill()?)))
                .flatten()
        });
        let promised = promise.words();
        match failed {
            None => Error::new(
                ExitCode::FAILED,
                format!("there is no good backup of `{service}`, {promised}"),
            ),
            Some((id, failure)) => Error::new(
                ExitCode::FAILED,
                format!("the newest whole backup of `{service}`, {promised}, is `{id}`, and {failure}"),
            )
            .hint(format!("`batt restore --from {id}` takes it all the same.")),
        }
    }

    /// Asks whether the next backup of each service, as large as the last one, and all of them together fit beside the
    /// reserve. What the rules of retention would let go counts as room for the service itself.
    pub(super) fn check_room(&self, room: u64, folder: &Path, findings: &mut Findings<'_>) {
        let mut all = 0u64;
        let mut one_has_none = false;
        for service in self.enabled {
            let last = (self.found.iter().rev()).find(|found| found.entry.service == *service);
            let Some(bytes) = last.map(|found| found.entry.bytes) else {
                continue;
            };
            all = all.saturating_add(bytes);
            let needed = bytes.saturating_add(self.settings.reserve);
            if room.saturating_add(self.may_go(service)) < needed {
                one_has_none = true;
                findings.problem(
                    &Error::new(
                        ExitCode::FAILED,
                        format!(
                            "no room in `{}` for the next backup of `{service}`: {} are free, {} are needed for one as \
                             the last and the reserve",
                            folder.display(),
                            HumanBytes(room),
                            HumanBytes(needed)
                        ),
                    )
                    .hint("`batt purge` removes what `[retention]` in batt.toml does not keep."),
                );
            }
        }
        if !one_has_none && room < all.saturating_add(self.settings.reserve) {
            findings.warn(&format!(
                "the next backups of all enabled services together may not fit into `{}`: {} are free, the last ones \
                 had {}",
                folder.display(),
                HumanBytes(room),
                HumanBytes(all)
            ));
        }
    }

    /// Returns the bytes that the rules of a service would let go now.
    fn may_go(&self, service: &Service) -> u64 {
        let rules = self.settings.service(service).retention.unwrap_or_default();
        if rules.is_empty() {
            return 0;
        }
        let own: Vec<Found> = (self.found.iter())
            .filter(|found| found.entry.service == *service)
            .cloned()
            .collect();
        let purge = Purge::prepare(self.home, self.settings.path.as_ref(), Clock::read());
        purge.map_or(0, |purge| Totals::of(&purge.judge(&own, &rules)).bytes)
    }

    /// Looks at the rules of retention: whether they can be meant, and whether a purge could run by them.
    pub(super) fn check_retention(&self, findings: &mut Findings<'_>) {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut any = false;
        for service in self.enabled {
            let own = self.settings.service(service);
            let rules = own.retention.unwrap_or_default();
            any |= !rules.is_empty();
            for oddity in rules.oddities() {
                told.entry(oddity).or_default().push(format!("`{service}`"));
            }
            if let (Some(days), Some(age)) = (rules.max_days, own.max_age)
                && age > Duration::from_secs(u64::from(days) * 86_400)
            {
                findings.warn(&format!(
                    "`max_days` = {days} of `{service}` is shorter than its `max_age`, {}",
                    shown(age)
                ));
            }
        }
        for (oddity, services) in told {
            findings.warn(&format!(
                "{oddity} (for {})",
                batt_protocol::text::list_and(&services)
            ));
        }
        if !any && self.found.is_empty() {
            return;
        }
        match Purge::prepare(self.home, self.settings.path.as_ref(), Clock::read()) {
            Ok(purge) => {
                if let Err(error) = purge.require_clock(&self.found) {
                    findings.problem(&error);
                }
            }
            Err(error) => findings.problem(&error),
        }
    }
}

/// Shows a duration in its largest whole unit.
fn shown(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..7_200 => count((seconds / 60) as usize, "minute"),
        seconds @ ..172_800 => count((seconds / 3_600) as usize, "hour"),
        seconds => count((seconds / 86_400) as usize, "day"),
    }
}
