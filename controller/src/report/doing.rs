//! What a host that has not ended is doing, in words, and since when.

use std::collections::{HashMap, VecDeque};

use batt_protocol::{Service, Stage};
use chrono::{DateTime, TimeDelta, Utc};

use crate::event::Phase;
use crate::host::Host;
use crate::state::{FleetState, HostState, Running, Standing};

/// What a host is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    /// It is being reached, or told what to do.
    Phase(Phase),
    /// The connection was lost while the run goes on there: which attempt, and what it does.
    Reconnecting(u32, Phase),
    /// The order was sent, and the host has not said that it has it.
    Ordered,
    /// The host has the run, and none of its services runs: before the first, between two, or after the last.
    BetweenServices,
    /// A service runs.
    Service(RunningService),
}

/// A service that runs, among those of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunningService {
    /// The service; the first, when there are others at once.
    pub(super) service: Service,
    /// What it is doing.
    pub(super) stage: Stage,
    /// Its place, from 1.
    pub(super) place: usize,
    /// How many services the host has.
    pub(super) of: usize,
    /// How many others run at once.
    pub(super) others: usize,
}

impl Doing {
    /// Returns what a host is doing, and since when where the state knows; none when its turn has not come or it has
    /// ended.
    fn of(state: &HostState) -> Option<(Self, Option<DateTime<Utc>>)> {
        match state {
            HostState::Queued | HostState::Ended(_) => None,
            HostState::Connecting(now) | HostState::Ready(now) => {
                Some((Self::Phase(now.phase), Some(now.since)))
            }
            HostState::Running(run) => Some(Self::of_run(run)),
        }
    }

    fn of_run(run: &Running) -> (Self, Option<DateTime<Utc>>) {
        if let Some((attempt, phase)) = run.reconnecting {
            return (Self::Reconnecting(attempt, phase), None);
        }
        if !run.accepted {
            return (Self::Ordered, None);
        }
        let mut running =
            run.services
                .iter()
                .enumerate()
                .filter_map(|(index, progress)| match &progress.standing {
                    Standing::Running { since, stage, .. } => {
                        Some((index, &progress.service, *since, *stage))
                    }
                    Standing::Waiting | Standing::Ended(_) => None,
                });
        let Some((index, service, since, stage)) = running.next() else {
            return (Self::BetweenServices, None);
        };
        let doing = Self::Service(RunningService {
            service: service.clone(),
            stage,
            place: index + 1,
            of: run.services.len(),
            others: running.count(),
        });
        let since = (stage != Stage::Verifying).then_some(since);
        (doing, since)
    }

    /// Returns it as a participle: `connecting`, `running`, `verifying`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Phase(phase) => participle(*phase).to_owned(),
            Self::Reconnecting(attempt, phase) => {
                format!("connection lost, attempt {attempt}: {}", participle(*phase))
            }
            Self::Ordered => "waiting for its word".to_owned(),
            Self::BetweenServices => "between services".to_owned(),
            Self::Service(running) => match running.stage {
                Stage::Verifying => "verifying".to_owned(),
                Stage::Running | Stage::Unknown => "running".to_owned(),
            },
        }
    }

    /// Returns the words with the service where one runs: `running mysql`.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Service(running) => format!("{} {}", self.words(), running.service),
            _ => self.words(),
        }
    }
}

fn participle(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolving its name",
        Phase::Connect => "connecting",
        Phase::Handshake => "exchanging keys",
        Phase::Authenticate => "logging in",
        Phase::Install => "installing batt",
        Phase::Greeting => "starting batt",
        Phase::Push => "comparing files",
        Phase::Run => "being told what to do",
    }
}

/// One host that has not ended, as it was seen at the last tick.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// What it is doing.
    pub(super) doing: Doing,
    /// Since when.
    pub(super) since: DateTime<Utc>,
    pace: Pace,
}

impl Watch {
    /// Returns the bytes per second of the last seconds; none as long as there is too little to tell.
    pub(super) fn rate(&self) -> Option<f64> {
        self.pace.rate()
    }
}

/// All hosts that have not ended, as they were seen at the last tick.
#[derive(Debug, Default)]
pub(super) struct Watches(HashMap<Host, Watch>);

impl Watches {
    /// Looks at all of them.
    pub(super) fn look(&mut self, state: &FleetState, now: DateTime<Utc>) {
        let mut before = std::mem::take(&mut self.0);
        for record in state.active() {
            let Some((doing, since)) = Doing::of(&record.state) else {
                continue;
            };
            let bytes = match &record.state {
                HostState::Running(run) => run.bytes().0,
                _ => 0,
            };
            let (host, mut watch) = match before.remove_entry(&record.host) {
                Some((host, watch)) if watch.doing == doing => (host, watch),
                Some((host, watch)) => (
                    host,
                    Watch {
                        doing,
                        since: now,
                        pace: watch.pace,
                    },
                ),
                None => (
                    record.host.clone(),
                    Watch {
                        doing,
                        since: now,
                        pace: Pace::default(),
                    },
                ),
            };
            watch.since = since.unwrap_or(watch.since);
            watch.pace.note(now, bytes);
            self.0.insert(host, watch);
        }
    }

    /// Returns a host.
    pub(super) fn of(&self, host: &Host) -> Option<&Watch> {
        self.0.get(host)
    }

    /// Returns the host that has been doing the same for longest; of equals, the first of the inventory.
    pub(super) fn longest<'a>(&'a self, state: &'a FleetState) -> Option<(&'a Host, &'a Watch)> {
        state
            .active()
            .filter_map(|record| Some((&record.host, self.0.get(&record.host)?)))
            .min_by_key(|(_, watch)| watch.since)
    }
}

/// How fast something goes: bytes at points in time, those of the last ten seconds.
#[derive(Debug, Clone, Default)]
struct Pace(VecDeque<(DateTime<Utc>, u64)>);

impl Pace {
    const WINDOW: TimeDelta = TimeDelta::seconds(10);
    /// Hosts tell their progress about once a second.
    const STEP: TimeDelta = TimeDelta::milliseconds(500);

    fn note(&mut self, now: DateTime<Utc>, bytes: u64) {
        match self.0.back() {
            Some((_, last)) if bytes < *last => self.0.clear(),
            Some((last, _)) if now - *last < Self::STEP => return,
            _ => {}
        }
        self.0.push_back((now, bytes));
        while self.0.len() > 2
            && self
                .0
                .front()
                .is_some_and(|(first, _)| now - *first > Self::WINDOW)
        {
            self.0.pop_front();
        }
    }

    fn rate(&self) -> Option<f64> {
        let ((first, from), (last, to)) = (self.0.front()?, self.0.back()?);
        let seconds = (*last - *first).as_seconds_f64();
        (seconds >= 1.0).then(|| to.saturating_sub(*from) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        for tick in 0..=100 {
            pace.note(at(tick * 100), tick as u64 * 10);
        }
        assert_eq!(pace.rate(), Some(100.0));
        for tick in 101..=220 {
            pace.note(at(tick * 100), 1_000);
        }
        assert_eq!(pace.rate(), Some(0.0), "a stall shows");
        assert!(pace.0.len() < 25);
    }

    #[test]
    fn there_is_no_pace_without_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(), None);
        pace.note(at(0), 0);
        pace.note(at(900), 900);
        assert_eq!(pace.rate(), None);
        pace.note(at(1_500), 1_500);
        assert_eq!(pace.rate(), Some(1_000.0));
        pace.note(at(2_500), 5);
        assert_eq!(pace.rate(), None, "bytes that went back start anew");
    }
}
