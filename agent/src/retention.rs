//! How long backups are kept: the rules of `[retention]` in batt.toml and of `batt purge`, as numbers and as words.

use std::fmt;
use std::time::Duration;

/// The rules of one service. None at all means that nothing is ever removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The age in days that nothing may exceed. Alone it keeps all that is younger.
    pub(crate) max_days: Option<u32>,
    /// As many of the newest.
    pub(crate) keep_last: Option<u32>,
    /// The newest of as many hours.
    pub(crate) keep_hourly: Option<u32>,
    /// The newest of as many days.
    pub(crate) keep_daily: Option<u32>,
    /// The newest of as many weeks, as ISO 8601 counts them.
    pub(crate) keep_weekly: Option<u32>,
    /// The newest of as many months.
    pub(crate) keep_monthly: Option<u32>,
    /// The newest of as many years.
    pub(crate) keep_yearly: Option<u32>,
    /// All that are at most so much older than the newest.
    pub(crate) keep_within: Option<Duration>,
}

/// What stays of each service and set of items whatever rules say, of batt.toml or of a command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    /// As many of the newest that count.
    pub(crate) keep_last: u32,
    /// All that count and are at most so much older than the newest of them.
    pub(crate) keep_within: Duration,
}

impl Floor {
    /// Tells whether it holds less than another one.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.keep_last < other.keep_last || self.keep_within < other.keep_within
    }
}

/// A stretch of local time that a rule keeps the newest backup of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Period {
    /// An hour; the one that comes twice in a night of autumn is two.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// Every period, the shortest first.
    pub(crate) const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Returns the rule that counts such periods, as it is written in batt.toml.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Hour => "keep_hourly",
            Self::Day => "keep_daily",
            Self::Week => "keep_weekly",
            Self::Month => "keep_monthly",
            Self::Year => "keep_yearly",
        }
    }

    /// Returns how many days such a period has at most.
    fn days(self) -> u64 {
        match self {
            Self::Hour | Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Year => 366,
        }
    }
}

const DAY: u64 = 86_400;

impl Rules {
    /// The most days, and the most of anything, that a rule may name: a hundred years of hours.
    pub(crate) const MOST: u32 = 1_000_000;
    /// The most days: sums with the clock must never overflow.
    pub(crate) const MOST_DAYS: u32 = 36_525;

    /// Tells whether there is no rule.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether a rule says what to keep; without one, `max_days` alone does.
    pub(crate) fn has_keep(&self) -> bool {
        self.keep_last.is_some()
            || self.keep_within.is_some()
            || Period::ALL.iter().any(|period| self.of(*period).is_some())
    }

    /// Returns how many of a period are kept.
    pub(crate) fn of(&self, period: Period) -> Option<u32> {
        match period {
            Period::Hour => self.keep_hourly,
            Period::Day => self.keep_daily,
            Period::Week => self.keep_weekly,
            Period::Month => self.keep_monthly,
            Period::Year => self.keep_yearly,
        }
    }

    /// Returns what cannot be meant: rules that another one takes away, and rules that keep nothing.
    pub(crate) fn oddities(&self) -> Vec<String> {
        let mut found = Vec::new();
        let keeps_nothing = self.max_days == Some(0)
            || (self.has_keep()
                && self.keep_last.unwrap_or(0) == 0
                && self.keep_within.unwrap_or_default().is_zero()
                && Period::ALL
                    .iter()
                    .all(|period| self.of(*period).unwrap_or(0) == 0));
        if keeps_nothing {
            found.push("the rules of retention keep nothing but the last good ones".to_owned());
            return found;
        }
        let Some(most) = self.max_days else {
            return found;
        };
        for period in Period::ALL {
            let count = u64::from(self.of(period).unwrap_or(0));
            // The newest of the last one of them is younger than the whole stretch.
            let reaches = match period {
                Period::Hour => count / 24,
                _ => count.saturating_sub(1) * period.days(),
            };
            if count > 1 && reaches > u64::from(most) {
                found.push(format!(
                    "`{}` = {count} reaches further back than `max_days` = {most}, which wins",
                    period.rule()
                ));
            }
        }
        if let Some(within) = self.keep_within
            && within.as_secs() > u64::from(most) * DAY
        {
            found.push(format!(
                "`keep_within` reaches further back than `max_days` = {most}, which wins"
            ));
        }
        found
    }
}

/// The rules as they are written, in one line.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Vec::new();
        let mut add = |rule: &str, number: Option<u32>| {
            written.extend(number.map(|number| format!("{rule} = {number}")));
        };
        add("max_days", self.max_days);
        add("keep_last", self.keep_last);
        for period in Period::ALL {
            add(period.rule(), self.of(period));
        }
        if let Some(within) = self.keep_within {
            written.push(format!("keep_within = \"{}s\"", within.as_secs()));
        }
        f.write_str(&written.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_told() {
        let oddities = |rules: Rules| rules.oddities().join("\n");
        let usual = Rules {
            max_days: Some(14),
            keep_last: Some(3),
            keep_daily: Some(7),
            ..Rules::default()
        };
        assert_eq!(oddities(usual.clone()), "");
        assert_eq!(oddities(Rules::default()), "");
        let weekly = Rules {
            keep_weekly: Some(8),
            ..usual.clone()
        };
        assert!(oddities(weekly).starts_with("`keep_weekly` = 8 reaches further"));
        let within = Rules {
            keep_within: Some(Duration::from_secs(15 * DAY)),
            ..usual
        };
        assert!(oddities(within).contains("`keep_within`"));
        let nothing = Rules {
            keep_last: Some(0),
            keep_daily: Some(0),
            ..Rules::default()
        };
        assert!(oddities(nothing).contains("keep nothing"));
    }

    #[test]
    fn rules_are_shown_as_they_are_written() {
        let rules = Rules {
            max_days: Some(14),
            keep_hourly: Some(24),
            keep_within: Some(Duration::from_secs(60)),
            ..Rules::default()
        };
        assert_eq!(
            rules.to_string(),
            "max_days = 14, keep_hourly = 24, keep_within = \"60s\""
        );
    }
}
