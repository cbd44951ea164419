//! Orders by wire: how many runs a controller may have on a host at once, and within a while.
//!
//! Whoever holds a key of the fleet, or a controller in a loop, must not keep a host at nothing but backups, and must not
//! push the journals of all other runs out of what is remembered.

use std::fs;
use std::time::{Duration, SystemTime};

use batt_protocol::text::count;
use batt_protocol::{Error, ExitCode};

use super::RunFolder;
use crate::home::Home;
use crate::lock::{self, Lock};

/// One that works, and one beside it: for another service, or only to say that the service is busy.
const MOST_AT_ONCE: usize = 2;
/// More than a person orders within [`WHILE`], and less than what keeps a host busy.
const MOST_WITHIN: usize = 20;
const WHILE: Duration = Duration::from_secs(5 * 60);

/// Between two that came by the wire. One that comes earlier waits, and so does the next; no more do.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// The right to admit one run that came by the wire. Nobody else admits one meanwhile.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "holding it keeps others out")] Lock);

/// Returns the right to admit one more run that came by the wire, when the least interval since the last one has passed. One
/// order waits for another; a third is refused.
///
/// # Errors
/// `busy` (75) with the reason when so many go on, or began within a while, and when somebody waits already.
pub(crate) fn place_for_order(home: &Home) -> Result<Place, Error> {
    let next = lock::next_order(home)?;
    let lock = lock::orders(home)?;
    drop(next);
    let folders = RunFolder::all(home)?;
    let living: Vec<String> = folders
        .iter()
        .filter(|folder| {
            folder.active_file().exists() && folder.supervisor().is_some() && folder.is_ordered()
        })
        .map(|folder| format!("`{}`", folder.run))
        .collect();
    if living.len() >= MOST_AT_ONCE {
        return Err(busy(format!(
            "{} that came by the wire go on: {}",
            count(living.len(), "run"),
            living.join(", ")
        ))
        .hint("Order the next one when one of them has ended."));
    }
    let now = SystemTime::now();
    let mut ages: Vec<Duration> = folders
        .iter()
        .filter_map(|folder| folder.age(now))
        .filter(|(age, folder)| *age < WHILE && folder.is_ordered())
        .map(|(age, _)| age)
        .collect();
    ages.sort();
    match ages.get(MOST_WITHIN - 1) {
        None => {
            std::thread::sleep(pause_after(ages.first().copied()));
            Ok(Place(lock))
        }
        Some(age) => Err(busy(format!(
            "{} came by the wire within {} minutes",
            count(ages.len(), "run"),
            WHILE.as_secs() / 60
        ))
        .hint(format!(
            "The next one can be ordered in {} seconds.",
            (WHILE - *age).as_secs() + 1
        ))),
    }
}

/// Returns how long the next order waits when the last one was admitted so long ago.
fn pause_after(newest: Option<Duration>) -> Duration {
    let left = newest.and_then(|newest| LEAST_INTERVAL.checked_sub(newest));
    left.unwrap_or_default()
}

fn busy(message: String) -> Error {
    Error::new(ExitCode::BUSY, message)
}

impl RunFolder {
    /// Returns how long ago the run was admitted, by the clock of this machine: its id is the controller's.
    fn age(&self, now: SystemTime) -> Option<(Duration, &Self)> {
        let admitted = fs::metadata(self.order_file())
            .and_then(|order| order.modified())
            .ok()?;
        // One from the future was admitted before the clock was set back.
        Some((now.duration_since(admitted).ok()?, self))
    }

    /// Tells whether it came by the wire.
    fn is_ordered(&self) -> bool {
        self.order().is_ok_and(|order| order.came_by_the_line())
    }
}

#[cfg(test)]
mod tests {
    use batt_protocol::{AskedBy, RunId};

    use super::*;
    use crate::run_folder::{Admission, Order};

    fn admit(home: &Home, number: u8, controller: Option<&str>) -> RunFolder {
        let order = Order {
            run: RunId::new(chrono::Utc::now(), [0, 0, number]),
            services: Vec::new(),
            path: None,
            wait_seconds: 0,
            asked_by: AskedBy {
                controller: controller.map(str::to_owned),
                ..AskedBy::default()
            },
        };
        match RunFolder::admit(home, &order).unwrap() {
            Admission::New(folder) => folder,
            Admission::Known(_) => panic!("admitted twice"),
        }
    }

    fn message(home: &Home) -> String {
        let error = place_for_order(home).unwrap_err();
        assert_eq!(error.exit(), ExitCode::BUSY);
        error.message().to_owned()
    }

    #[test]
    fn between_two_orders_lies_the_least_interval_and_one_may_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        admit(&home, 1, Some("c"));
        let admitted = fs::metadata(RunFolder::all(&home).unwrap()[0].order_file()).unwrap();
        let place = place_for_order(&home).unwrap();
        let age = SystemTime::now()
            .duration_since(admitted.modified().unwrap())
            .unwrap();
        assert!(age >= LEAST_INTERVAL, "{age:?}");
        // And no longer than that.
        assert_eq!(pause_after(Some(LEAST_INTERVAL / 4)), LEAST_INTERVAL * 3 / 4);
        assert_eq!(pause_after(Some(LEAST_INTERVAL * 2)), Duration::ZERO);
        assert_eq!(pause_after(None), Duration::ZERO);
        // Somebody is being admitted, one waits, and the next one is told.
        std::thread::scope(|threads| {
            // Whoever looks whether somebody waits holds the place for a moment.
            let waits = threads.spawn(|| {
                while place_for_order(&home).is_err() {
                    std::thread::yield_now();
                }
            });
            while lock::next_order(&home).is_ok() {
                std::thread::yield_now();
            }
            assert_eq!(message(&home), "another order waits for its turn");
            drop(place);
            waits.join().unwrap();
        });
        // What was admitted long ago is waited for by nobody, and runs of the host itself neither.
        let order = RunFolder::all(&home).unwrap()[0].order_file();
        let file = fs::File::options().write(true).open(order).unwrap();
        file.set_modified(SystemTime::now() - WHILE).unwrap();
        admit(&home, 2, None);
        place_for_order(&home).unwrap();
    }

    #[test]
    fn a_third_run_at_once_is_refused_and_those_of_the_host_itself_count_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let own = [1, 2, 3].map(|number| admit(&home, number, None).supervise().unwrap());
        let first = admit(&home, 4, Some("c")).supervise().unwrap();
        place_for_order(&home).unwrap();
        let second = admit(&home, 5, Some("c")).supervise().unwrap();
        assert!(message(&home).starts_with("2 runs that came by the wire go on: "));
        drop(second);
        place_for_order(&home).unwrap();
        drop((first, own));
    }

    #[test]
    fn so_many_within_a_while_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        for number in 0..20 {
            admit(&home, number, Some("c"));
        }
        assert_eq!(message(&home), "20 runs came by the wire within 5 minutes");
        // A run of long ago, and one from before the clock was set back.
        let order = RunFolder::all(&home).unwrap()[0].order_file();
        let set = |time: SystemTime| {
            fs::File::options()
                .write(true)
                .open(&order)
                .unwrap()
                .set_modified(time)
                .unwrap()
        };
        set(SystemTime::now() - WHILE);
        place_for_order(&home).unwrap();
        set(SystemTime::now() + WHILE);
        place_for_order(&home).unwrap();
    }
}
