//! What the black-box tests share: private servers, private homes, and the two programs under test.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

pub mod digests;
pub mod drop_in;
pub mod finished;
pub mod fleet;
pub mod host;
pub mod lab;
pub mod process;
pub mod proving;
pub mod published;
pub mod racing;
pub mod server;
pub mod trace;
pub mod triple;
pub mod zone;
