//! The wish to stop, from Ctrl-C, a signal, or another process.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use batt_protocol::{Error, ExitCode};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Who wished to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGINT: Ctrl-C.
    Interrupted,
    /// SIGTERM: `batt cancel`, or whoever ends the machine's services.
    Terminated,
}

impl Wish {
    /// Returns the exit code of a program that was stopped so.
    pub(crate) fn exit(self) -> ExitCode {
        match self {
            Self::Interrupted => ExitCode::INTERRUPTED,
            Self::Terminated => ExitCode::TERMINATED,
        }
    }
}

/// A wish to stop that many threads can see and wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancellation(Arc<(Mutex<Option<Wish>>, Condvar)>);

impl Cancellation {
    /// Returns one that nobody can request.
    pub(crate) fn never() -> Self {
        Self::default()
    }

    /// Returns one that SIGINT and SIGTERM request. SIGHUP is seen and passed over: a closed terminal does not matter.
    pub(crate) fn by_signals() -> Result<Self, Error> {
        let cancellation = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|cause| Error::system("cannot listen for signals", cause))?;
        let seen = cancellation.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGINT => seen.request(Wish::Interrupted),
                    SIGTERM => seen.request(Wish::Terminated),
                    _ => {}
                }
            }
        });
        Ok(cancellation)
    }

    /// Requests it. The first wish counts.
    pub(crate) fn request(&self, wish: Wish) {
        let (state, changed) = &*self.0;
        state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(wish);
        changed.notify_all();
    }

    /// Returns who requested it, if anybody did.
    pub(crate) fn requested(&self) -> Option<Wish> {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested().is_some()
    }

    /// Waits until somebody requests it.
    pub(crate) fn wait(&self) {
        let (state, changed) = &*self.0;
        let guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |wish| wish.is_none()));
    }

    /// Waits for `time`, or less when somebody requests it.
    pub(crate) fn pause(&self, time: Duration) {
        let (state, changed) = &*self.0;
        let guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout_while(guard, time, |wish| wish.is_none());
    }
}
