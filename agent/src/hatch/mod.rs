//! The hatch of a cell: a socket through which the scripts in it reach the agent outside. It hands in archives of the one
//! backup that is rehearsed and facts that were recorded of it, and takes entries of the ledger. Nothing that comes from
//! inside is a path, and whatever comes is bounded.

mod desk;
mod keeper;

use serde::{Deserialize, Serialize};

use crate::fact::FactKey;
use crate::ledger::Entry;
pub(crate) use desk::{Desk, Handed, Unavailable};
pub(crate) use keeper::Keeper;

/// The variable that names the socket.
pub(crate) const VARIABLE: &str = "BATT_SOCKET";
/// A question has at most this many bytes: one fact of the longest is below it, however it is escaped.
const QUESTION_LIMIT: usize = 2 << 20;
/// When what is to be noted is longer than this, it goes in several questions.
const QUESTION_ENOUGH: usize = 1 << 20;
/// An answer has at most this many bytes.
const ANSWER_LIMIT: usize = 1 << 20;
/// As many names of archives as are told to whoever asks for an unknown one.
const MOST_NAMES: usize = 20;

/// What is asked, a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
enum Question {
    /// These happened.
    Note { entries: Vec<Entry> },
    /// The archive of this name.
    Archive { name: String },
    /// A fact of the backup, or of an archive of it.
    Fact { of: Option<String>, key: FactKey },
}

/// What is answered, a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
enum Answer {
    /// It is in the ledger.
    Noted,
    /// The archive; with the first byte of this answer comes the descriptor to read it from (SCM_RIGHTS, unix(7)).
    Archive(Handed),
    /// The fact, where it was recorded.
    Fact { value: Option<String> },
    /// There is no such archive, but these.
    Unknown { names: Vec<String> },
    /// It was not done.
    Refused { reason: String },
}
