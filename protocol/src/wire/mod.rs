//! The wire between controller and agent: JSON lines on the stdin and stdout of `batt serve`.
//!
//! The agent greets, then the controller sends [`Request`]s and the agent answers with [`Reply`]s. A line has at most
//! [`MAX_LINE`] bytes in either direction, checked before memory is taken. Unknown fields are ignored; an unknown
//! reply or kind of event is passed over; an unknown verb is refused. `docs/wire-protocol.md` has a session to read.

mod greeting;
mod line;
mod reply;
mod request;

pub use greeting::{Greeting, Hello, HomeState, ProtocolRange};
pub use line::{LineError, LineReader, encode};
pub use reply::{PlannedService, Refusal, Reply, RunState, RunStatus};
pub use request::Request;

/// The protocol that this version speaks. The rule for raising it is in `docs/wire-protocol.md`.
pub const PROTOCOL: u32 = 1;
/// The longest line, with its newline, in either direction.
pub const MAX_LINE: usize = 64 << 10;
/// The most bytes in one chunk of a file or a log, before base64.
pub const MAX_CHUNK: usize = 32 << 10;
/// The most bytes that a login shell may print before the greeting.
pub const MAX_NOISE: usize = 64 << 10;
/// How every greeting starts.
pub const GREETING_START: &str = "{\"batt\":";

/// Bytes that travel as base64 within a line.
pub mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes bytes as base64 (RFC 4648, section 4).
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads bytes from base64.
    ///
    /// # Errors
    /// What is no base64, or holds more than [`super::MAX_CHUNK`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        if bytes.len() > super::MAX_CHUNK {
            return Err(D::Error::custom("a chunk is longer than 32 KiB"));
        }
        Ok(bytes)
    }
}
