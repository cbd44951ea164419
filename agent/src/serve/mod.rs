//! `batt serve`: the controller's end of the line, on stdin and stdout.
//!
//! The end of stdin ends the session and never a run: runs belong to their supervisors, and this only follows them.

mod bounds;
mod channel;
mod following;
mod refusals;
mod session;

use std::collections::BTreeMap;
use std::io;

use batt_protocol::wire::{Greeting, Hello, HomeState, PROTOCOL, ProtocolRange};
use batt_protocol::{Error, ExitCode};
use chrono::Utc;

use crate::bundle::BundleRecord;
use crate::home::Home;
use crate::host;
use crate::pattern::Pattern;
use channel::Channel;
use session::Session;

/// Speaks with a controller until it hangs up.
pub(crate) fn serve(home: &Home, path: Option<Pattern>) -> Result<ExitCode, Error> {
    let mut channel = Channel::new(io::stdin(), io::stdout());
    // A controller that has gone away is no error: nobody is left to tell.
    if channel.send(&greeting(home)?).is_err() {
        return Ok(ExitCode::OK);
    }
    let mut session = Session::new(home, path);
    session.run(&mut channel)?;
    Ok(ExitCode::OK)
}

/// Speaks with whoever is at the other end of two files, without a greeting.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn session(home: &Home, input: std::fs::File, output: std::fs::File) -> Result<(), Error> {
    Session::new(home, None).run(&mut Channel::new(input, output))
}

fn greeting(home: &Home) -> Result<Greeting, Error> {
    let laid_out = home.is_laid_out();
    Ok(Greeting {
        batt: Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: ProtocolRange {
                oldest: PROTOCOL,
                newest: PROTOCOL,
            },
            // A home that is not there has no id yet, and a greeting makes none.
            host_id: if laid_out {
                host::host_id(home)?
            } else {
                String::new()
            },
            host: host::host_name(),
            home: if laid_out {
                HomeState::Ready
            } else {
                HomeState::Empty
            },
            bundle: BundleRecord::read(home)?.digest_on_disk(home)?,
            time: Utc::now(),
        },
    })
}

/// How much of each log was sent.
type LogPositions = BTreeMap<batt_protocol::Service, u64>;
