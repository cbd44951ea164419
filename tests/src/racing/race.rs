//! One race: so many calls of a verb, until the account had turns enough during them.

use super::{Ground, Mode};
use crate::finished::Finished;

/// After so many calls in a row without a turn nobody races.
const MOST_WITHOUT_A_TURN: u32 = 200;
/// The same where the account runs inside of a call, which is long.
const MOST_WITHOUT_A_TURN_INSIDE: u32 = 5;

/// How long a verb is raced.
#[derive(Debug, Clone, Copy)]
struct Length {
    turns: u64,
    calls: u32,
}

impl Length {
    /// A few turns of the account; 10,000 with `BATT_ATTACKS=full`. `BATT_TURNS` says it too, and `BATT_CALLS` in how many calls at
    /// least.
    fn wanted(usual_calls: u32) -> Self {
        let is_full = std::env::var("BATT_ATTACKS").is_ok_and(|how| how == "full");
        let said = |name: &str| std::env::var(name).map(|number| number.parse().expect("a number"));
        Self {
            turns: said("BATT_TURNS").unwrap_or(if is_full { 10_000 } else { 200 }),
            calls: said("BATT_CALLS").map_or(usual_calls, |calls| {
                u32::try_from(calls).expect("a number of calls").max(usual_calls)
            }),
        }
    }
}

/// What came of a race. Only turns that the account had during calls are counted.
#[derive(Debug)]
struct Raced {
    calls: u32,
    turns: u64,
    went_well: u32,
}

/// A race that goes on.
pub(super) struct Race<'a> {
    ground: &'a Ground,
    what: String,
    before: String,
    length: Length,
    without: u32,
    most_without: u32,
    raced: Raced,
}

impl<'a> Race<'a> {
    pub(super) fn of(ground: &'a Ground, what: &str, mode: Mode) -> Self {
        Self {
            ground,
            what: format!("{what}, {}", mode.word()),
            before: ground.outside(),
            length: Length::wanted(ground.calls),
            without: 0,
            most_without: MOST_WITHOUT_A_TURN,
            raced: Raced {
                calls: 0,
                turns: 0,
                went_well: 0,
            },
        }
    }

    /// Says that the account runs inside of each call.
    pub(super) fn is_inside(&mut self) {
        self.most_without = MOST_WITHOUT_A_TURN_INSIDE;
    }

    pub(super) fn goes_on(&self) -> bool {
        self.raced.turns < self.length.turns || self.raced.calls < self.length.calls
    }

    #[track_caller]
    pub(super) fn called(&mut self, finished: &Finished, turns: u64) {
        self.without = if turns == 0 { self.without + 1 } else { 0 };
        assert!(
            self.without < self.most_without,
            "{}: nobody races: {:?}; batt said:\n{}",
            self.what,
            self.raced,
            finished.said()
        );
        self.raced.calls += 1;
        self.raced.turns += turns;
        self.raced.went_well += u32::from(finished.code == Some(0));
        assert_eq!(
            self.ground.outside(),
            self.before,
            "{}: something outside changed; batt said:\n{}",
            self.what,
            finished.said()
        );
    }

    #[allow(clippy::print_stderr, reason = "how much was tried is for whoever asks")]
    pub(super) fn over(self) {
        let Raced {
            calls,
            turns,
            went_well,
        } = self.raced;
        eprintln!(
            "raced: {}: {calls} calls, {turns} turns of the account, {went_well} went well",
            self.what
        );
    }
}
