//! Locks that die with their process: one for each service, and one for the home.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use batt_protocol::{Error, ExitCode, Service};

use crate::cancellation::Cancellation;
use crate::files;
use crate::home::Home;

/// How often a lock that somebody holds is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock that is held until it is dropped. The file stays: unlinking it would let two hold it.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holding the file open is holding the lock")] File);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shared,
    Exclusive,
}

/// Takes the lock of a service: one run, restore or purge of it at a time.
///
/// # Errors
/// `busy` (75) when another one holds it for longer than `wait`.
pub(crate) fn service(
    home: &Home,
    service: &Service,
    wait: Duration,
    cancelled: &Cancellation,
) -> Result<Lock, Error> {
    let path = home.locks().join(format!("{service}.lock"));
    take(
        path,
        Kind::Exclusive,
        wait,
        cancelled,
        &format!("another run of `{service}` holds its lock"),
    )
}

/// Takes the lock of the home as a run does: several may, and no push meanwhile.
pub(crate) fn home_for_run(home: &Home, wait: Duration, cancelled: &Cancellation) -> Result<Lock, Error> {
    take(
        home.locks().join("home.lock"),
        Kind::Shared,
        wait,
        cancelled,
        "a push holds the lock of the home",
    )
}

/// Takes the lock of the home as a push does: alone.
pub(crate) fn home_for_push(home: &Home) -> Result<Lock, Error> {
    let path = home.locks().join("home.lock");
    take(
        path,
        Kind::Exclusive,
        Duration::ZERO,
        &Cancellation::never(),
        "a run holds the lock of the home",
    )
}

/// Takes the lock of the catalogue, which is held as long as a line takes to write or the file to be written anew.
pub(crate) fn catalogue(home: &Home) -> Result<Lock, Error> {
    const PATIENCE: Duration = Duration::from_secs(30);
    take(
        home.locks().join("catalogue.lock"),
        Kind::Exclusive,
        PATIENCE,
        &Cancellation::never(),
        "another process holds the lock of the catalogue",
    )
}

/// Takes the one place among those who wait for [`orders`].
pub(crate) fn next_order(home: &Home) -> Result<Lock, Error> {
    take(
        home.locks().join("next-order.lock"),
        Kind::Exclusive,
        Duration::ZERO,
        &Cancellation::never(),
        "another order waits for its turn",
    )
}

/// Takes the lock of those who admit runs that came by the wire, as long as one takes to start.
pub(crate) fn orders(home: &Home) -> Result<Lock, Error> {
    const PATIENCE: Duration = Duration::from_secs(30);
    take(
        home.locks().join("orders.lock"),
        Kind::Exclusive,
        PATIENCE,
        &Cancellation::never(),
        "another run is being started",
    )
}

fn take(
    path: PathBuf,
    kind: Kind,
    wait: Duration,
    cancelled: &Cancellation,
    busy: &str,
) -> Result<Lock, Error> {
    let fail = |cause: std::io::Error| Error::system(format!("cannot lock `{}`", path.display()), cause);
    if let Some(folder) = path.parent() {
        files::make_private_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let file = files::open_own(&path, &mut options).map_err(fail)?;
    let begun = Instant::now();
    loop {
        let tried = if kind == Kind::Shared {
            file.try_lock_shared()
        } else {
            file.try_lock()
        };
        match tried {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::Error(cause)) => return Err(fail(cause)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < wait && !cancelled.is_requested() => {
                cancelled.pause(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(ExitCode::BUSY, busy.to_owned())
                    .hint("`batt runs` shows it; `--wait 10m` waits for its end."));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_lock_of_a_service_and_the_next_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let name = "mysql".parse().unwrap();
        let held = service(&home, &name, Duration::ZERO, &Cancellation::never()).unwrap();
        let error = service(&home, &name, Duration::ZERO, &Cancellation::never()).unwrap_err();
        assert_eq!(
            (error.exit(), error.message()),
            (ExitCode::BUSY, "another run of `mysql` holds its lock")
        );
        drop(held);
        service(&home, &name, Duration::ZERO, &Cancellation::never()).unwrap();
    }

    #[test]
    fn runs_share_the_home_and_a_push_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = home_for_run(&home, Duration::ZERO, &Cancellation::never()).unwrap();
        let second = home_for_run(&home, Duration::ZERO, &Cancellation::never()).unwrap();
        assert_eq!(home_for_push(&home).unwrap_err().exit(), ExitCode::BUSY);
        drop((first, second));
        home_for_push(&home).unwrap();
    }
}
